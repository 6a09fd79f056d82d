"""Following topics live: one reader a partition and process, whoever watches; a ring of events; viewers are places in it.

Readers are the synchronous ones, in threads of their own. A viewer is told that there is something new by ``wake`` (called
from a reader's thread, once a batch) and takes it when it can: a slow one costs nothing and is told how many it missed.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge

from django.db import connections

from eventstore.errors import EventStoreError, StoreClosed, StoreUnreachable, UnknownTopic
from eventstore.events import Event, Message, Position, Topic
from eventstore.ring import Entry, Ring
from eventstore.storage import Edge, Reader, Storage

log = logging.getLogger(__name__)

READ_AT_ONCE = 500
WAIT = 0.5
READY_WITHIN = 8.0
LINGER = 20.0
ASK_WHETHER_IT_LIVES = 3.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
MOST_MISSED = 500
"""A viewer that comes back gets at most so many missed events a partition: the page keeps no more rows."""

Places = Mapping[int, str]
"""For each partition the token of the last event that a viewer has ("" for none). A partition that is not named was added
since, and is followed from its beginning; with no partition named at all, everything is followed from now."""

Wake = Callable[[], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What a viewer takes. ``skipped`` counts the events it will not get; ``more_missed`` says that some of those that it
    missed while away are not even counted (they are on the topic's page). ``away`` says that the store is silent now."""

    entries: Sequence[Entry]
    skipped: int
    more_missed: bool
    away: bool


@dataclass(eq=False)
class Viewer:
    """A place in a topic's ring. Belongs to one thread at a time."""

    tail: "_TopicTail"
    wake: Wake
    next_number: int
    floors: dict[int, Position]
    missed: list[Entry] = field(default_factory=list)
    more_missed: bool = False

    def take(self, limit: int) -> Batch:
        """At most ``limit`` events in order. Where more wait, the older ones are skipped and counted."""
        if self.missed:
            entries, self.missed = self.missed[:limit], self.missed[limit:]
            more, self.more_missed = self.more_missed, False
            return Batch(entries=entries, skipped=0, more_missed=more, away=self.tail.away)
        found = self.tail.ring.since(self.next_number)
        self.next_number = found.next_number
        fresh = [entry for entry in found.entries if self._is_new(entry)]
        kept = fresh[-limit:]
        skipped = found.lost + len(fresh) - len(kept)
        return Batch(entries=kept, skipped=skipped, more_missed=False, away=self.tail.away)

    @property
    def ended(self) -> bool:
        """The tail has stopped under the viewer: what it missed since is read by opening another, from its last places."""
        return self.tail.stopped

    @property
    def waiting(self) -> bool:
        return bool(self.missed) or self.tail.ring.next_number > self.next_number

    def close(self) -> None:
        self.tail.leave(self)

    def _is_new(self, entry: Entry) -> bool:
        """Whether the viewer does not have it from before it joined the ring."""
        position = entry.event.position
        floor = self.floors.get(position.partition)
        return floor is None or floor < position


@dataclass(kw_only=True)
class _Follower:
    """Where a partition's thread has got to, whatever happens to its readers."""

    partition: int
    place: Position | Edge
    pause: float = SHORTEST_PAUSE
    announced: bool = False


class _TopicTail:
    """The readers and the ring of one topic; lives while somebody watches, and a little longer."""

    def __init__(
        self,
        storage: Storage,
        read: Callable[[Message], Event],
        topic: Topic,
        forget: Callable[["_TopicTail"], None],
    ) -> None:
        self.topic = topic
        self._forget = forget
        self.ring = Ring()
        self.away = False
        self._storage = storage
        self._read = read
        self._lock = threading.Lock()
        self._viewers: set[Viewer] = set()
        self._left_at = time.monotonic()
        self._stop = threading.Event()
        self._ready = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Put every partition's reader in place; ``StoreUnreachable`` where the store does not let us in time."""
        for ends in self._storage.ends(self.topic.name):
            after: Position | Edge = ends.last or Edge.EARLIEST
            name = f"tail {self.topic.name} {ends.partition}"
            thread = threading.Thread(target=self._follow, args=(ends.partition, after), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        deadline = time.monotonic() + READY_WITHIN
        for _ in self._threads:
            if not self._ready.acquire(timeout=max(0.0, deadline - time.monotonic())):
                self.stop()
                raise StoreUnreachable(f"The store does not let {self.topic.name} be followed now. Trying again helps.")

    def stop(self) -> None:
        """End the readers, and tell the viewers: they have to open another tail."""
        self._stop.set()
        self._forget(self)
        self._wake_everybody()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def watched(self) -> bool:
        """Whether anybody watches now."""
        with self._lock:
            return bool(self._viewers)

    def join(self, viewer: Viewer) -> bool:
        """Whether the viewer is in: a tail that has stopped meanwhile takes nobody any more."""
        with self._lock:
            if self._stop.is_set():
                return False
            self._viewers.add(viewer)
            return True

    def leave(self, viewer: Viewer) -> None:
        with self._lock:
            self._viewers.discard(viewer)
            self._left_at = time.monotonic()

    def _stop_if_abandoned(self) -> None:
        with self._lock:
            abandoned = not self._viewers and time.monotonic() - self._left_at > LINGER
            if abandoned:
                self._stop.set()
        if abandoned:
            self._forget(self)

    def _follow(self, partition: int, after: Position | Edge) -> None:
        """Read one partition until the tail stops, going on after the last event whatever happens to the store."""
        follower = _Follower(partition=partition, place=after)
        while not self._stop.is_set():
            try:
                with self._storage.open_reader(self.topic.name, partition, after=follower.place) as reader:
                    if not follower.announced:
                        self._ready.release()
                        follower.announced = True
                    self._read_on(reader, follower)
            except (StoreClosed, UnknownTopic):
                self.stop()
            except EventStoreError as error:
                log.warning("tail of %s partition %s: %s", self.topic.name, partition, type(error).__name__)
                self._note_away(True)
                self._stop_if_abandoned()
                self._stop.wait(follower.pause)
                follower.pause = min(follower.pause * 2, LONGEST_PAUSE)
            finally:
                connections.close_all()

    def _read_on(self, reader: Reader, follower: "_Follower") -> None:
        asked = time.monotonic()
        while not self._stop.is_set():
            messages = reader.read(limit=READ_AT_ONCE, timeout=WAIT)
            if messages:
                follower.place = messages[-1].position
                follower.pause = SHORTEST_PAUSE
                self._publish(messages)
            if follower.partition == 0 and time.monotonic() - asked > ASK_WHETHER_IT_LIVES:
                self._ask_whether_it_lives()
                asked = time.monotonic()
            self._stop_if_abandoned()

    def _publish(self, messages: Sequence[Message]) -> None:
        self.ring.add([self._read(message) for message in messages])
        self.away = False
        self._wake_everybody()

    def _ask_whether_it_lives(self) -> None:
        """A reader of a broker that died waits in silence, and nobody tells of partitions that were added: so ask."""
        try:
            self._storage.ping()
            partitions = self._storage.topic(self.topic.name).partitions
        except StoreUnreachable:
            self._note_away(True)
            return
        self._note_away(False)
        if partitions != self.topic.partitions:
            self.stop()

    def _note_away(self, away: bool) -> None:
        if away != self.away:
            self.away = away
            self._wake_everybody()

    def _wake_everybody(self) -> None:
        with self._lock:
            wakes = [viewer.wake for viewer in self._viewers]
        for wake in wakes:
            wake()


class Hub:
    """This process's tails, by topic. Starts with the first viewer of a topic and stops after the last has gone."""

    def __init__(self, *, storage: Storage, read: Callable[[Message], Event]) -> None:
        self._storage = storage
        self._read = read
        self._lock = threading.Lock()
        self._tails: dict[str, _TopicTail] = {}
        self._gates: dict[str, threading.Lock] = {}
        """One a topic: starting a tail takes a while, and must not keep the others waiting."""

    def open(self, topic: Topic, places: Places, wake: Wake) -> Viewer:
        """Watch a topic from just behind these places: what was published since comes first, then the live events, with
        neither gap nor double. Blocks for a moment; ``StoreUnreachable`` where the store is away."""
        viewer = self._viewer_of(topic, wake)
        try:
            self._bring_up(viewer, places)
        except BaseException:
            viewer.close()
            raise
        return viewer

    def close(self) -> None:
        with self._lock:
            tails, self._tails = list(self._tails.values()), {}
        for tail in tails:
            tail.stop()

    def _viewer_of(self, topic: Topic, wake: Wake) -> Viewer:
        while True:
            tail = self._tail_of(topic)
            viewer = Viewer(tail=tail, wake=wake, next_number=tail.ring.next_number, floors={})
            if tail.join(viewer):
                return viewer

    def _tail_of(self, topic: Topic) -> _TopicTail:
        with self._lock:
            gate = self._gates.setdefault(topic.name, threading.Lock())
        with gate:
            with self._lock:
                there = self._tails.get(topic.name)
            if there is not None and there.topic == topic and not there.stopped:
                return there
            if there is not None:
                there.stop()
            tail = _TopicTail(self._storage, self._read, topic, self._forget)
            tail.start()
            with self._lock:
                self._tails[topic.name] = tail
            return tail

    def _forget(self, tail: _TopicTail) -> None:
        """Let go of a tail that has stopped, and of all that its ring holds."""
        with self._lock:
            if self._tails.get(tail.topic.name) is tail:
                del self._tails[tail.topic.name]

    def _bring_up(self, viewer: Viewer, places: Places) -> None:
        """Read from the store what the viewer missed. The ring already covers all from before this reading, so that the two
        overlap; ``floors`` cuts the overlap off."""
        topic = viewer.tail.topic
        lanes: list[Sequence[Message]] = []
        for partition in range(topic.partitions if places else 0):
            token = places.get(partition, "")
            last = self._storage.position(topic.name, partition, token) if token else None
            messages, complete = self._missed(topic.name, partition, last)
            viewer.more_missed |= not complete
            lanes.append(messages)
            floor = messages[-1].position if messages else last
            if floor is not None:
                viewer.floors[partition] = floor
        # Merged by the lanes' heads: a lane's own order stands, whatever its publishers' clocks say.
        missed = merge(*lanes, key=lambda message: message.published)
        viewer.missed = [Entry(number=-1, event=self._read(message)) for message in missed]

    def _missed(self, topic: str, partition: int, last: Position | None) -> tuple[Sequence[Message], bool]:
        messages = self._storage.read_forward(topic, partition, after=last, limit=MOST_MISSED + 1)
        if len(messages) <= MOST_MISSED:
            return messages, True
        return list(reversed(self._storage.read_backward(topic, partition, limit=MOST_MISSED))), False
