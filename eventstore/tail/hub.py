"""The tails of this process, by topic. A partition is read once, however many subscribers watch it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from eventstore.model.errors import EventStoreError
from eventstore.model.events import Event, Message, Topic
from eventstore.model.log import Log
from eventstore.search import Filter
from eventstore.tail.budget import ROWS_A_SECOND
from eventstore.tail.start import Places, Start, named_places, other_logs, places_at
from eventstore.tail.subscriber.cursor import TailCursor
from eventstore.tail.subscriber.subscriber import TailSubscriber, Wake
from eventstore.tail.topic_tail import TopicTail


@dataclass(kw_only=True)
class StartGate:
    """Lets one thread at a time start a topic's tail.

    ``ended`` counts the attempts so far. ``failure`` is the error of the last attempt.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: int = 0
    failure: EventStoreError | None = None


class Hub:
    """Opens subscribers. A topic's tail starts with its first subscriber and stops some time after the last one has left."""

    def __init__(self, *, log: Log, read: Callable[[Message], Event]) -> None:
        self._log = log
        self._read = read
        self._lock = threading.Lock()
        self._tails: dict[str, TopicTail] = {}
        self._gates: dict[str, StartGate] = {}
        """One for each topic. Starting a tail takes a while, and the other topics must not wait for it."""

    def open(
        self, topics: Sequence[Topic], start: Start, wake: Wake, *, filter: Filter | None = None, complete: bool = False
    ) -> TailSubscriber:
        """Watch at least one topic, or several topics together.

        The subscriber gets the events from the start up to now, and then the live ones, without a gap or a duplicate.
        ``complete`` means every event; otherwise it gets what a page can show. Blocks for a moment.

        Raises ``StoreUnreachable``, ``UnknownTopic``, or ``InvalidPosition`` for a start that belongs to none of these
        topics.
        """
        watched = list({topic.name: topic for topic in topics}.values())
        if not watched:
            raise ValueError("a subscriber needs a topic to watch")
        rate = None if complete else ROWS_A_SECOND
        cursors: list[TailCursor] = []
        try:
            for topic in watched:
                cursors.append(self._cursor_of(topic, wake, rate, start))
            made_anew = self._begin(cursors, start, filter)
        except BaseException:
            for cursor in cursors:
                cursor.close()
            raise
        return TailSubscriber(self._log, cursors, complete=complete, made_anew=made_anew)

    def close(self) -> None:
        """Stop every tail, which ends its subscribers."""
        with self._lock:
            tails, self._tails = list(self._tails.values()), {}
        for tail in tails:
            tail.stop()
        for tail in tails:
            tail.wait_for_end()

    def _begin(self, cursors: Sequence[TailCursor], start: Start, filter: Filter | None) -> list[str]:
        """Set the subscriber's places. The tails already read, so that everything after these places is in the store or in
        a ring. Return the topics that were made anew since: the subscriber gets all of them."""
        if start.now:
            for cursor in cursors:
                self._begin_now(cursor, filter)
            return []
        places = places_at(self._log, [cursor.tail.topic for cursor in cursors], start)
        made_anew: list[str] = []
        for cursor in cursors:
            at, back = places[cursor.topic], start.comes_back_to(cursor.tail.topic)
            other = other_logs(self._log, cursor.topic, at, start.places or {}, cursor.tail) if back else set()
            made_anew += [cursor.topic] if other else []
            fitting = {partition: "" if partition in other else token for partition, token in at.items()}
            cursor.begin_at(filter, fitting, from_places=back)
        return made_anew

    def _begin_now(self, cursor: TailCursor, filter: Filter | None) -> None:
        """Where the tail has not read up to now, what it reads up to there is left out."""
        if cursor.tail.holding.lags:
            now = {end.partition: end.last.token if end.last else "" for end in self._log.ends(cursor.topic)}
            cursor.begin_at(filter, now, from_places=False)
        else:
            cursor.begin_now(filter)

    def _cursor_of(self, topic: Topic, wake: Wake, rate: int | None, start: Start) -> TailCursor:
        comes_back = start.places is not None and start.comes_back_to(topic)
        places = named_places(self._log, topic, start.places or {}) if comes_back else {}
        while True:
            tail = self._tail_of(topic, places)
            cursor = TailCursor(tail, wake, rate=rate)
            if tail.join(cursor):
                return cursor
            cursor.close()  # the tail has just stopped

    def _tail_of(self, topic: Topic, places: Places) -> TopicTail:
        """Return the topic's tail, and start it if there is none.

        A tail that is started for a subscriber that comes back to ``places`` also has the events after them.
        """
        with self._lock:
            gate = self._gates.setdefault(topic.name, StartGate())
            ended = gate.ended
        with gate.lock:
            if gate.failure is not None and gate.ended > ended:  # another thread failed while this one waited
                raise _again(gate.failure)
            with self._lock:
                there = self._tails.get(topic.name)
            if there is not None and there.topic == topic and not there.stopped:
                return there
            if there is not None:
                there.stop()
            tail = TopicTail(self._log, self._read, topic, self._forget)
            self._start(tail, gate, places)
            return tail

    def _start(self, tail: TopicTail, gate: StartGate, places: Places) -> None:
        gate.failure = None
        try:
            tail.start(places)
        except EventStoreError as error:
            gate.failure = _again(error)
            raise
        finally:
            gate.ended += 1
        with self._lock:
            if not tail.stopped:  # otherwise it was already forgotten
                self._tails[tail.topic.name] = tail

    def _forget(self, tail: TopicTail) -> None:
        """Drop a tail that has stopped, together with its ring."""
        with self._lock:
            if self._tails.get(tail.topic.name) is tail:
                del self._tails[tail.topic.name]


def _again(error: EventStoreError) -> EventStoreError:
    """Return a copy of the error without its traceback, which would keep objects alive."""
    return type(error)(*error.args)
