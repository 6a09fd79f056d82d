"""Following topics live: one reader a partition and process, whoever watches; a ring of events; viewers are places in it.

Readers are the synchronous ones, in threads of their own. A viewer is told that there is something new by ``wake`` (called
from a reader's thread, once a batch) and takes it when it can: a slow one costs nothing and is told how many it missed.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connections

from eventstore.errors import EventStoreError, StoreClosed, StoreUnreachable
from eventstore.events import Event, Message, Position, Topic
from eventstore.ring import Entry, Ring
from eventstore.storage import Edge, Storage

log = logging.getLogger(__name__)

READ_AT_ONCE = 500
WAIT = 0.5
READY_WITHIN = 8.0
LINGER = 20.0
ASK_WHETHER_IT_LIVES = 3.0
LONGEST_PAUSE = 5.0
MOST_MISSED = 500
"""A viewer that comes back gets at most so many missed events a partition: the page keeps no more rows."""

Places = Mapping[int, str]
"""For each partition the token of the last event that a viewer has; partitions it names not are followed from now."""

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
    def waiting(self) -> bool:
        return bool(self.missed) or self.tail.ring.next_number > self.next_number

    def close(self) -> None:
        self.tail.leave(self)

    def _is_new(self, entry: Entry) -> bool:
        """Whether the viewer does not have it from before it joined the ring."""
        position = entry.event.position
        floor = self.floors.get(position.partition)
        return floor is None or floor < position


class _TopicTail:
    """The readers and the ring of one topic; lives while somebody watches, and a little longer."""

    def __init__(self, storage: Storage, read: Callable[[Message], Event], topic: Topic) -> None:
        self.topic = topic
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
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def join(self, viewer: Viewer) -> None:
        with self._lock:
            self._viewers.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        with self._lock:
            self._viewers.discard(viewer)
            self._left_at = time.monotonic()

    def _abandoned(self) -> bool:
        with self._lock:
            return not self._viewers and time.monotonic() - self._left_at > LINGER

    def _follow(self, partition: int, after: Position | Edge) -> None:
        """Read one partition until the tail stops, going on after the last event whatever happens to the store."""
        place = after
        pause = 0.2
        announced = False
        while not self._stop.is_set():
            try:
                with self._storage.open_reader(self.topic.name, partition, after=place) as reader:
                    if not announced:
                        self._ready.release()
                        announced = True
                    quiet_since = time.monotonic()
                    while not self._stop.is_set():
                        messages = reader.read(limit=READ_AT_ONCE, timeout=WAIT)
                        if messages:
                            place = messages[-1].position
                            self._publish(messages)
                            quiet_since, pause = time.monotonic(), 0.2
                        elif time.monotonic() - quiet_since > ASK_WHETHER_IT_LIVES:
                            self._ask_whether_it_lives(partition)
                            quiet_since = time.monotonic()
                        if self._abandoned():
                            self.stop()
            except StoreClosed:
                self.stop()
            except EventStoreError as error:
                log.warning("tail of %s partition %s: %s", self.topic.name, partition, type(error).__name__)
                self._note_away(True)
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            finally:
                connections.close_all()

    def _publish(self, messages: Sequence[Message]) -> None:
        self.ring.add([self._read(message) for message in messages])
        self.away = False
        self._wake_everybody()

    def _ask_whether_it_lives(self, partition: int) -> None:
        """A reader of a broker that died waits in silence: so the quietest partition asks now and then."""
        if partition == 0:
            try:
                self._storage.ping()
            except StoreUnreachable:
                self._note_away(True)
            else:
                self._note_away(False)

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

    def open(self, topic: Topic, places: Places, wake: Wake) -> Viewer:
        """Watch a topic from just behind these places: what was published since comes first, then the live events, with
        neither gap nor double. Blocks for a moment; ``StoreUnreachable`` where the store is away."""
        tail = self._tail_of(topic)
        viewer = Viewer(tail=tail, wake=wake, next_number=tail.ring.next_number, floors={})
        tail.join(viewer)
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

    def _tail_of(self, topic: Topic) -> _TopicTail:
        with self._lock:
            tail = self._tails.get(topic.name)
            if tail is None or tail.stopped or tail.topic != topic:
                if tail is not None:
                    tail.stop()
                tail = _TopicTail(self._storage, self._read, topic)
                tail.start()
                self._tails[topic.name] = tail
            return tail

    def _bring_up(self, viewer: Viewer, places: Places) -> None:
        """Read from the store what the viewer missed. The ring already covers all from before this reading, so that the two
        overlap; ``floors`` cuts the overlap off."""
        topic = viewer.tail.topic.name
        missed: list[Event] = []
        for partition, token in places.items():
            if partition < viewer.tail.topic.partitions:
                last = self._storage.position(topic, partition, token) if token else None
                messages, complete = self._missed(topic, partition, last)
                viewer.more_missed |= not complete
                missed += [self._read(message) for message in messages]
                floor = messages[-1].position if messages else last
                if floor is not None:
                    viewer.floors[partition] = floor
        missed.sort(key=lambda event: event.message.published)
        viewer.missed = [Entry(number=-1, event=event) for event in missed]

    def _missed(self, topic: str, partition: int, last: Position | None) -> tuple[Sequence[Message], bool]:
        messages = self._storage.read_forward(topic, partition, after=last, limit=MOST_MISSED + 1)
        if len(messages) <= MOST_MISSED:
            return messages, True
        return list(reversed(self._storage.read_backward(topic, partition, limit=MOST_MISSED))), False
