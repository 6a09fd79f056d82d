"""Keeping up: one synchronous reader a partition, each batch committed with its checkpoint."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import DatabaseError, connections

from eventstore.config import Config
from eventstore.envelope import read_event
from eventstore.errors import EventStoreError, StoreClosed, StoreUnreachable, UnknownTopic
from eventstore.events import Message, Position, Topic
from eventstore.index.writer import Checkpoint, CheckpointMoved, checkpoint_of, note_caught_up, write_batch
from eventstore.storage import Edge, Ends, Reader, Storage

log = logging.getLogger(__name__)

BATCH = 1000
WAIT = 0.5
LOOK_FOR_TOPICS = 2.0
CAUGHT_UP_EVERY = 2.0
LONGEST_PAUSE = 5.0
PATIENCE = 30.0

Shard = tuple[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """What the followers of all partitions share. ``on_batch(topic, partition, events)`` is told of each commit."""

    storage: Storage
    config: Config
    stop: threading.Event
    on_batch: Callable[[str, int, int], None]
    batch: int = BATCH
    """Events a transaction, at most."""
    _asked: dict[str, tuple[float, Sequence[Ends]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ends_of(self, topic: Topic) -> Sequence[Ends]:
        """The topic's ends, at most two seconds old: the followers of its partitions ask together."""
        with self._lock:
            asked = self._asked.get(topic.name)
        if asked is None or time.monotonic() - asked[0] > CAUGHT_UP_EVERY or len(asked[1]) < topic.partitions:
            asked = (time.monotonic(), self.storage.ends(topic.name))
            with self._lock:
                self._asked[topic.name] = asked
        return asked[1]


def index_until_caught_up(following: Following) -> int:
    """Index everything that is there now, partition by partition; answers how many events were new.

    "There now" is each topic's end when its turn comes: events published afterwards may wait for the next run.
    """
    total = 0
    for topic in following.storage.topics():
        for ends in following.storage.ends(topic.name):
            if following.stop.is_set():
                return total
            total += _catch_up(following, topic, ends)
    return total


def follow_everything(following: Following) -> None:
    """Follow every topic, those still to come too, until ``stop``. One thread a partition; faults are waited out."""
    threads: dict[Shard, threading.Thread] = {}
    while not following.stop.is_set():
        for topic in _topics_or_none(following):
            for partition in range(topic.partitions):
                shard = (topic.name, partition)
                if shard not in threads or not threads[shard].is_alive():
                    threads[shard] = _start(following, topic, partition)
        following.stop.wait(LOOK_FOR_TOPICS)
    for thread in threads.values():
        thread.join(timeout=10)


def _topics_or_none(following: Following) -> Sequence[Topic]:
    try:
        return following.storage.topics()
    except StoreClosed:
        raise
    except EventStoreError as error:  # a token that expired or a broker's 500 passes, and the other topics go on meanwhile
        log.warning("Looking for topics: %s", error)
        return ()


def _start(following: Following, topic: Topic, partition: int) -> threading.Thread:
    thread = threading.Thread(
        target=_follow, args=(following, topic, partition), name=f"index {topic.name} {partition}", daemon=True
    )
    thread.start()
    return thread


def _follow(following: Following, topic: Topic, partition: int) -> None:
    """Follow one partition until ``stop``, from the checkpoint again after each fault."""
    pause = 0.2
    while not following.stop.is_set():
        try:
            _follow_from_checkpoint(following, topic, partition)
            pause = 0.2
        except CheckpointMoved as error:
            log.info("%s partition %s: %s", topic.name, partition, error)
        except (UnknownTopic, StoreClosed) as error:
            log.info("%s partition %s: no longer followed: %s", topic.name, partition, error)
            break
        except (EventStoreError, DatabaseError) as error:
            log.warning("%s partition %s: trying again: %s", topic.name, partition, type(error).__name__)
            following.stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            connections.close_all()


def _follow_from_checkpoint(following: Following, topic: Topic, partition: int) -> None:
    checkpoint = checkpoint_of(topic, partition)
    noted = 0.0
    with following.storage.open_reader(topic.name, partition, after=checkpoint.position or Edge.EARLIEST) as reader:
        while not following.stop.is_set():
            messages = reader.read(limit=following.batch, timeout=WAIT)
            if messages:
                events = [read_event(message, following.config.mappings) for message in messages]
                checkpoint = write_batch(topic, partition, checkpoint, events)
                following.on_batch(topic.name, partition, len(events))
            elif time.monotonic() - noted > CAUGHT_UP_EVERY:
                # Silence alone proves nothing: a slow or half-dead connection is silent as well.
                if _is_at(following.ends_of(topic)[partition].last, checkpoint):
                    note_caught_up(topic, partition)
                noted = time.monotonic()


def _is_at(end: Position | None, checkpoint: Checkpoint) -> bool:
    """Whether everything up to this end is indexed."""
    return end is None or (checkpoint.position is not None and end <= checkpoint.position)


def _catch_up(following: Following, topic: Topic, ends: Ends) -> int:
    """Index a partition up to its end; where another indexer works on it too, go on from where that one is."""
    total = 0
    while True:
        try:
            total += _catch_up_from_checkpoint(following, topic, ends)
        except CheckpointMoved as error:
            log.info("%s partition %s: %s", topic.name, ends.partition, error)
        else:
            return total


def _catch_up_from_checkpoint(following: Following, topic: Topic, ends: Ends) -> int:
    checkpoint = checkpoint_of(topic, ends.partition)
    total = 0
    if not _is_at(ends.last, checkpoint):
        with following.storage.open_reader(topic.name, ends.partition, after=checkpoint.position or Edge.EARLIEST) as reader:
            while not following.stop.is_set() and not _is_at(ends.last, checkpoint):
                messages = _next_messages(following, reader, topic.name)
                events = [read_event(message, following.config.mappings) for message in messages]
                checkpoint = write_batch(topic, ends.partition, checkpoint, events)
                total += len(events)
                following.on_batch(topic.name, ends.partition, len(events))
    if not following.stop.is_set():
        note_caught_up(topic, ends.partition)
    return total


def _next_messages(following: Following, reader: Reader, topic: str) -> Sequence[Message]:
    """The next batch before a known end. ``StoreUnreachable`` where the store goes quiet before that end."""
    messages = reader.read(limit=following.batch, timeout=PATIENCE)
    if not messages:
        raise StoreUnreachable(f"The store stopped delivering {topic} before its end. Run this again to go on.")
    return messages
