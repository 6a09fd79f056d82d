"""The watching thread: it asks the store which topics exist, where their partitions end, and how much waits.

It only asks, and tells the indexer. However long the store takes to answer, reading and writing go on.
"""

import logging
import time

from django.db import connections
from django.utils import timezone

from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.indexer import End, Indexer
from eventstore.index.indexer.made_anew import verify
from eventstore.model.errors import EventStoreError, NotPermitted, StoreUnreachable, ToldOnce, place_of
from eventstore.model.storage import Storage

log = logging.getLogger(__name__)

LOOK_FOR_TOPICS = 2.0
LOOK_FOR_PERMISSION = 10.0
"""Seconds until the list is asked for again that the store does not permit."""
ASK_FOR_ENDS = 3.0
ASK_FOR_AMOUNTS = 2.0
ASK_AGAIN = 30.0
"""Seconds after which an end that was not reached is asked for again: retention or a person may have removed it."""
ONE_MOMENT = 0.5
"""Seconds during which replies about ends count as of one moment."""


class Watch:
    """Asks until the indexer is over. With ``find``, it also looks for new topics and later ends, not only for amounts."""

    def __init__(self, storage: Storage, indexer: Indexer, *, find: bool) -> None:
        self.storage, self.indexer, self.find = storage, indexer, find
        self._asked: dict[str, float] = {}
        self._topics_at = self._amounts_at = 0.0
        self._told = ToldOnce(log, "Looking for topics")
        self._was_away = False
        """Whether the store was away since the open partitions were last known to be the same."""

    def run(self) -> None:
        try:
            while not self.indexer.over.is_set():
                try:
                    self._ask_store()
                except Exception as error:  # noqa: BLE001 -- an answer that nobody foresaw must not end the watch for good
                    log.error("Asking the store: an unforeseen %s at %s", type(error).__name__, place_of(error))
                self.indexer.over.wait(min(ASK_FOR_ENDS / 4, LOOK_FOR_TOPICS))
        finally:
            connections.close_all()

    def _ask_store(self) -> None:
        if self.find:
            self._find_topics()
            self._ask_for_ends()
        self._ask_for_amounts()

    def _find_topics(self) -> None:
        if time.monotonic() < self._topics_at:
            return
        self._topics_at = time.monotonic() + LOOK_FOR_TOPICS
        try:
            topics = {topic.name: topic for topic in self.storage.log.topics()}
        except EventStoreError as error:  # a token that expired or a broker's 500 passes, and what is known goes on meanwhile
            self._told.tell(str(error))
            away = isinstance(error, StoreUnreachable)
            if isinstance(error, NotPermitted):
                self._topics_at = time.monotonic() + LOOK_FOR_PERMISSION
            self.indexer.answers.note(time.monotonic(), away=away)
            self._was_away |= away
            self.indexer.store_away = away
            return
        self._told.over("the store answers again.")
        self.indexer.answers.note(time.monotonic(), away=False)
        self.indexer.store_away = False
        if self._was_away:
            self._was_away = not self._doubt_others()
        if topics != self.indexer.topics:
            self.indexer.topics = topics
            self.indexer.rebalance_soon()

    def _ask_for_ends(self) -> None:
        """Ask for the ends of partitions for which no end is waited for. That no message came proves nothing."""
        waiting = dict(self.indexer.ends)
        held = {(assigned.topic.name, assigned.number) for assigned in self.indexer.held_now()}
        known = {topic for topic, _ in held.difference(waiting)}
        started, moment = -ONE_MOMENT, timezone.now()
        for topic in sorted({topic for topic, _ in held}):
            now = time.monotonic()
            if now - self._asked.get(topic, -ASK_AGAIN) < (ASK_FOR_ENDS if topic in known else ASK_AGAIN):
                continue
            if self.indexer.over.is_set():
                return
            if now - started > ONE_MOMENT:
                started, moment = now, timezone.now()
            self._asked[topic] = now
            indexed = self._checkpoints(topic)
            try:
                ends = self.storage.log.ends(topic)
            except EventStoreError as error:
                log.info("%s: asking for its ends: %s", topic, error)
                continue
            for found in ends:
                shard, end = (topic, found.partition), End(at=moment, last=found.last)
                assigned, checkpoint = indexed.get(found.partition, (None, ""))
                last, farthest = found.last.token if found.last else "", found.farthest
                if assigned is not None and farthest is not None and last < checkpoint:
                    if farthest.token < checkpoint:
                        assigned.doubt()  # otherwise the store was silent, and its last event is not known
                elif shard in held and (shard not in waiting or end.is_before(waiting[shard])):
                    self.indexer.ends[shard] = end

    def _checkpoints(self, topic: str) -> dict[int, tuple[AssignedPartition, str]]:
        """Return the open partitions of a topic, with their checkpoints' tokens."""
        return {
            assigned.number: (assigned, position.token)
            for assigned in self.indexer.held_now()
            if assigned.topic.name == topic
            and (opened := assigned.opened)
            and (position := opened.writing.checkpoint.position)
        }

    def _doubt_others(self) -> bool:
        """Have the partitions opened again that may be others by now: the store was away, and may have come back without its
        data, with those of a backup, or as another one.

        Return false if it is away again. To open all of them would cost far more than these two questions for each.
        """
        for assigned in self.indexer.held_now():
            opened = assigned.opened  # read once: a reader thread may close it
            if opened is None or self.indexer.over.is_set():
                continue
            try:
                now = self.storage.log.incarnation(assigned.topic.name, assigned.number)
                same = verify(self.storage.log, opened.writing, now, was_gone=False)
            except StoreUnreachable:
                return False
            except EventStoreError:  # it is another one, or opening it says what is wrong
                same = False
            if not same or opened.writing.checkpoint.position is None:
                assigned.doubt()
        return True

    def _ask_for_amounts(self) -> None:
        """Ask how much waits in the partitions that are behind."""
        if time.monotonic() < self._amounts_at:
            return
        late = self.indexer.late()
        for topic in sorted({assigned.topic.name for assigned in late}):
            checkpoints = {
                assigned.number: (assigned, opened.writing.checkpoint)
                for assigned in late
                if assigned.topic.name == topic and (opened := assigned.opened)
            }
            if self.indexer.over.is_set():
                return
            try:
                amounts = self.storage.log.amounts(topic, {number: at.position for number, (_, at) in checkpoints.items()})
            except EventStoreError as error:
                log.info("%s: asking how much waits: %s", topic, error)
                self.indexer.store_away |= isinstance(error, StoreUnreachable) and not self.find
                continue
            if not self.find:  # otherwise it is known from looking for topics
                self.indexer.store_away = False
            for number, found in amounts.items():
                assigned, checkpoint = checkpoints[number]
                self.indexer.meter.observe(assigned, found, checkpoint.next_ordinal)
        self._amounts_at = time.monotonic() + ASK_FOR_AMOUNTS
