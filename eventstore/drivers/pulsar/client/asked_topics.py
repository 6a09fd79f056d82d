"""What the broker has told of the topics that somebody waits for, and when to ask again. Every access needs the lock of
``Arrivals``, which asks."""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf

from eventstore.drivers.pulsar.admin import Json
from eventstore.drivers.pulsar.admin_http import Growth
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import EventStoreError

EAGER_SECONDS = 0.2
"""A thread that waits counts as waiting for so long after its deadline: it comes back at once."""
EAGER: Sequence[tuple[float, float]] = ((10.0, 0.05), (60.0, 0.1), (inf, 0.2))
"""Between two questions about a topic for which a thread waits at this moment, as a tail's does. The first number of a pair is
how old the last change may be, the second is the pause, both in seconds."""
PATIENT_SECONDS = 0.3
"""The same for a topic that readers only look at now and then, as the index does."""
LATELY = 3
"""Of so many last questions, the quickest tells how much the next one costs."""
RECENT_SECONDS = 60.0
LOOK_SECONDS = 1.5
"""A topic is asked about for so long after a reader has looked."""

End = tuple[int, int] | None
"""Ledger and entry of a partition's last entry; ``None`` if it is empty or has no log."""


class AskedPartition:
    """What the broker told last of one partition."""

    __slots__ = ("asked", "calls", "changed", "end", "growth", "internals", "known", "stale", "wanted_until")

    def __init__(self, lock: threading.RLock) -> None:
        self.changed = threading.Condition(lock)
        self.internals: Json = {}
        self.end: End = None
        self.growth: Growth | None = None
        self.known = False
        """Whether ``growth`` was told."""
        self.stale = False
        """Whether it has grown since the ``internals``."""
        self.asked = -inf
        """When the question began that says that ``end`` is the end (monotonic)."""
        self.wanted_until = 0.0
        self.calls: list[Callable[[], None]] = []
        """What is to be called once the end has moved."""

    def begin(self, internals: Json) -> None:
        """Take what a reader has just been told."""
        self.internals, self.end, self.asked = internals, layout_of(internals).last, -inf
        self.known = self.stale = False

    def grow(self, growth: Growth | None) -> None:
        """Note the sizes that the broker tells. At first they are compared with those of the ``internals``."""
        if self.known:
            self.stale = self.stale or growth != self.growth
        else:
            held = growth[0] if growth else 0
            self.stale = held != int(self.internals.get("totalSize", 0))
        self.growth, self.known = growth, True

    def take(self, internals: Json) -> bool:
        """Take what the broker told, and return whether the end has moved."""
        end = layout_of(internals).last
        moved = end != self.end
        self.internals, self.end, self.stale = internals, end, False
        return moved


class AskedTopic:
    """What the broker told last of one topic."""

    def __init__(self, name: TopicName, shards: int, lock: threading.RLock) -> None:
        self.name, self.shards = name, shards
        self.partitions = [AskedPartition(lock) for _ in range(max(1, shards))]
        self.followers = 0
        self.asking = False
        self.error: EventStoreError | None = None
        self.due, self.earliest = inf, 0.0
        self.answered = self.changed_at = time.monotonic()
        self.looked_until = self.eager_until = 0.0
        self._took: deque[float] = deque(maxlen=LATELY)

    def grow(self, growths: Sequence[Growth | None], now: float) -> Collection[int]:
        """Note the sizes of all partitions, and return which of them to ask for: those that have grown and are waited for."""
        if any(
            partition.known and partition.growth != growth for partition, growth in zip(self.partitions, growths, strict=True)
        ):
            self.changed_at = now
        for partition, growth in zip(self.partitions, growths, strict=True):
            partition.grow(growth)
        return [number for number, partition in enumerate(self.partitions) if partition.stale and partition.wanted_until > now]

    def take(self, told: Mapping[int, Json], asked: float, told_at: float) -> Sequence[Callable[[], None]]:
        """Take an answer: the ``internals`` of some partitions, asked for at ``told_at``. The others are as they were at
        ``asked``, as far as they have not grown. Returns what is to be called, without the lock."""
        calls: list[Callable[[], None]] = []
        recovered = self.error is not None
        self.error = None
        for number, internals in told.items():
            partition = self.partitions[number]
            if partition.take(internals):
                self.changed_at = told_at
                partition.changed.notify_all()
                calls += partition.calls
        for partition in self.partitions:
            if not partition.stale:
                partition.asked = asked
        if recovered:
            self.changed_at = told_at
        return calls

    def fail(self, error: EventStoreError) -> None:
        self.error = error
        for partition in self.partitions:
            partition.changed.notify_all()

    def effort(self, took: float) -> float:
        """Note how long a question took, and return how long one takes. A single slow answer does not count: after one that
        came a second late, an event would wait for five."""
        self._took.append(took)
        return min(self._took)

    def urgency(self, now: float) -> tuple[bool, bool]:
        """Return whether a thread waits for it, and whether something came lately.

        Topics of another urgency do not put off its next question: among hundreds of silent ones, the few that are in use are
        asked about often.
        """
        return self.eager_until > now, now - self.changed_at < RECENT_SECONDS

    def next_question(self, now: float) -> float:
        """Return when to ask again, if somebody waits."""
        if self.eager_until <= now:
            return self.answered + PATIENT_SECONDS
        age = now - self.changed_at
        return self.answered + next(pause for until, pause in EAGER if age <= until)
