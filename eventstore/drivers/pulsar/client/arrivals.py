"""Tells readers that wait which partitions have something new, without a connection to the topic.

A connected reader is in the way of an operator who deletes the topic, and brings a topic back that is deleted by force. So
a reader that got nothing for a while disconnects and waits here. One thread asks the admin API for the ``internalStats``
of each topic that somebody waits for: one request per topic, shared by all of its readers in this process. It creates
nothing and keeps nobody connected.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from math import inf

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import EventStoreError, StoreClosed

EAGER_SECONDS = 0.1
"""Between two questions about a topic for which a thread waits at this moment, as a tail's does."""
EAGER_IDLE_SECONDS, IDLE_AFTER = 0.2, 10.0
"""The same for a topic in which nothing has come for so many seconds."""
SHORTEST, LONGEST = 0.5, 2.0
"""Between two questions about a topic that readers only look at now and then, as the index does: at first, and in the end."""
EFFORT = 5
"""A question that took a second is asked again after five at the earliest, and all questions together take at most a fifth of
the time. For 300 partitions the broker took 1 to 2 seconds on a busy machine with two processors."""
IDLE_SECONDS = 10.0
"""After this time without a topic the thread ends."""

End = tuple[int, int] | None
"""Ledger and entry of a partition's last entry; ``None`` if it is empty or has no log."""


class AskedTopic:
    """What the broker told last of one topic. Every access needs the lock of ``Arrivals``."""

    def __init__(self, name: TopicName, shards: int, lock: threading.RLock) -> None:
        self.name, self.shards = name, shards
        self.changed = threading.Condition(lock)
        self.followers = 0
        count = max(1, shards)
        self.internals: list[Json] = [{}] * count
        self.ends: list[End] = [None] * count
        self.asked = -inf
        """When the question began whose answer is known (monotonic)."""
        self.error: EventStoreError | None = None
        self.due, self.earliest = inf, 0.0
        self.answered = self.changed_at = time.monotonic()
        self.pause, self.eager_until = SHORTEST, 0.0

    def take(self, internals: Sequence[Json], began: float) -> None:
        """Take an answer."""
        ends = [layout_of(told).last for told in internals]
        if ends != self.ends or self.error is not None:
            self.changed_at, self.pause = time.monotonic(), SHORTEST
        else:
            self.pause = min(self.pause * 1.5, LONGEST)
        self.internals, self.ends, self.asked, self.error = list(internals), ends, began, None

    def next_question(self, now: float) -> float:
        """Return when to ask again, if somebody waits."""
        if self.eager_until <= now:
            return self.answered + self.pause
        return self.answered + (EAGER_SECONDS if now - self.changed_at < IDLE_AFTER else EAGER_IDLE_SECONDS)


class Arrivals:
    """The topics that somebody waits for. Thread-safe."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self.lock = threading.RLock()
        self._wake = threading.Condition(self.lock)
        self._topics: dict[tuple[TopicName, int], AskedTopic] = {}
        self._process = 0
        """The process in which the thread runs; 0 if it does not."""

    def join(self, name: TopicName, shards: int, partition: int, internals: Json) -> "PartitionNews":
        """Return the news of one partition for one reader, which has just been told ``internals`` of it."""
        with self.lock:
            topic = self._topics.setdefault((name, shards), AskedTopic(name, shards, self.lock))
            topic.followers += 1
            topic.internals[partition], topic.ends[partition] = internals, layout_of(internals).last
            return PartitionNews(self, topic, partition)

    def leave(self, topic: AskedTopic) -> None:
        with self.lock:
            topic.followers -= 1
            if not topic.followers:
                self._topics.pop((topic.name, topic.shards), None)
                self._wake.notify()

    def ask_by(self, topic: AskedTopic, due: float) -> None:
        """Ask for the topic at this time at the latest, as far as the effort allows. Needs the lock."""
        due = max(due, topic.earliest)
        if self._process != os.getpid():
            self._process = os.getpid()
            threading.Thread(target=self._run, name="pulsar arrivals", daemon=True).start()
        if due < topic.due:
            topic.due = due
            self._wake.notify()

    def _run(self) -> None:
        while (topic := self._next()) is not None:
            began = time.monotonic()
            try:
                internals, error = self._admin.internals(topic.name, topic.shards), None
            except EventStoreError as failure:
                internals, error = (), failure
            with self.lock:
                if error is None:
                    topic.take(internals, began)
                else:
                    topic.error = error
                self._plan(topic, began)
                topic.changed.notify_all()
                if isinstance(error, StoreClosed):
                    self._process = 0
                    return

    def _plan(self, topic: AskedTopic, began: float) -> None:
        """Ask again if a thread waits now. Otherwise the next reader that looks makes the question due."""
        now = topic.answered = time.monotonic()
        eager = topic.eager_until > now
        alike = sum((other.eager_until > now) == eager for other in self._topics.values())
        topic.earliest = now + EFFORT * (now - began) * max(1, alike)
        topic.due = max(topic.next_question(now), topic.earliest) if eager else inf

    def _next(self) -> AskedTopic | None:
        """Wait until a topic is due, and return it; ``None`` if nobody has waited for any topic for some time."""
        with self.lock:
            while True:
                if not self._topics and not self._wake.wait_for(lambda: bool(self._topics), IDLE_SECONDS):
                    self._process = 0
                    return None
                topic = min(self._topics.values(), key=lambda one: one.due)
                wait = topic.due - time.monotonic()
                if wait <= 0:
                    return topic
                self._wake.wait(None if wait == inf else wait)


class PartitionNews:
    """What one reader is told of its partition."""

    def __init__(self, arrivals: Arrivals, topic: AskedTopic, partition: int) -> None:
        self._arrivals, self._topic, self._partition = arrivals, topic, partition
        self._left = False

    def end_since(self, moment: float) -> tuple[End] | None:
        """Return the partition's end as the broker told it after ``moment`` (monotonic); ``None`` if it has not told yet.

        Never waits: it only makes the question due.
        """
        with self._arrivals.lock:
            if self._topic.asked > moment and self._topic.error is None:
                return (self._topic.ends[self._partition],)
            self._arrivals.ask_by(self._topic, time.monotonic())
            return None

    def await_end(self, is_news: Callable[[End], bool], deadline: float) -> tuple[Json, float] | None:
        """Wait until the partition's end is news, and return its ``internalStats`` and when they were asked for (monotonic);
        ``None`` if it is not by the deadline. Raises what the broker answered instead, such as ``UnknownTopic``."""
        topic = self._topic
        with self._arrivals.lock:
            while True:
                now = time.monotonic()
                if deadline > now:
                    topic.eager_until = max(topic.eager_until, deadline + EAGER_SECONDS)
                self._arrivals.ask_by(topic, topic.next_question(now))
                if topic.error is not None:
                    raise type(topic.error)(*topic.error.args)
                if is_news(topic.ends[self._partition]):
                    return topic.internals[self._partition], topic.asked
                if deadline <= now:
                    return None
                topic.changed.wait(deadline - now)

    def leave(self) -> None:
        with self._arrivals.lock:
            if not self._left:
                self._left = True
                self._arrivals.leave(self._topic)
