"""Tells readers that wait which partitions have something new, without a connection to the topic.

A connected reader is in the way of an operator who deletes the topic, and brings a topic back that is deleted by force. So
a reader that got nothing for a while disconnects and waits here. A few threads ask the admin API for the ``internalStats``
of each topic that somebody waits for: one request per topic, shared by all of its readers in this process. They create
nothing and keep nobody connected.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from math import inf

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import EventStoreError, StoreClosed, StoreUnreachable, place_of

log = logging.getLogger(__name__)

ASKERS = 3
"""Threads that ask, at most one for each topic: a topic for which the broker does not answer must not hold up the others."""

EAGER_SECONDS = 0.1
"""Between two questions about a topic for which a thread waits at this moment, as a tail's does."""
EAGER_IDLE_SECONDS, IDLE_AFTER = 0.2, 10.0
"""The same for a topic in which nothing has come for so many seconds."""
SHORTEST, LONGEST = 0.5, 2.0
"""Between two questions about a topic that readers only look at now and then, as the index does: at first, and in the end."""
EFFORT = 5
"""A question that took a second is asked again after five at the earliest, and all questions together take at most a fifth of
a thread's time. For 300 partitions the broker took 1 to 2 seconds on a busy machine with two processors."""
LONGEST_PAUSE = 5.0
"""No topic waits longer for its next question because of the effort, however many there are."""
IDLE_SECONDS = 10.0
"""After this time without a topic the threads end."""

End = tuple[int, int] | None
"""Ledger and entry of a partition's last entry; ``None`` if it is empty or has no log."""


class AskedTopic:
    """What the broker told last of one topic. Every access needs the lock of ``Arrivals``."""

    def __init__(self, name: TopicName, shards: int, lock: threading.RLock) -> None:
        self.name, self.shards = name, shards
        self.changed = threading.Condition(lock)
        self.followers = 0
        self.asking = False
        count = max(1, shards)
        self.internals: list[Json] = [{}] * count
        self.ends: list[End] = [None] * count
        self.asked = -inf
        """When the question began whose answer is known (monotonic)."""
        self.error: EventStoreError | None = None
        self.due, self.earliest = inf, 0.0
        self.answered = self.changed_at = time.monotonic()
        self.pause, self.eager_until = SHORTEST, 0.0

    def take(self, internals: Sequence[Json], ends: list[End], began: float) -> None:
        """Take an answer."""
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
        self._process = self._threads = 0
        """The process in which the threads run, and how many there are."""

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
                self._wake.notify_all()

    def ask_by(self, topic: AskedTopic, due: float) -> None:
        """Ask for the topic at this time at the latest, as far as the effort allows. Needs the lock."""
        due = max(due, topic.earliest)
        if self._process != os.getpid():  # a forked child has none of its parent's threads
            self._process, self._threads = os.getpid(), 0
            for other in self._topics.values():
                other.asking = False
        if self._threads < min(ASKERS, len(self._topics)):
            threading.Thread(target=self._run, name="pulsar arrivals", daemon=True).start()
            self._threads += 1
        if due < topic.due:
            topic.due = due
            self._wake.notify_all()

    def _run(self) -> None:
        try:
            while (topic := self._next()) is not None and not isinstance(self._ask(topic), StoreClosed):
                pass
        finally:
            with self.lock:
                self._threads -= 1

    def _ask(self, topic: AskedTopic) -> EventStoreError | None:
        """Ask for the topic, and return the error if there is one."""
        began = time.monotonic()
        internals: Sequence[Json] = ()
        ends: list[End] = []
        error: EventStoreError | None = None
        try:
            internals = self._admin.internals(topic.name, topic.shards)
            ends = [layout_of(told).last for told in internals]
        except EventStoreError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 -- an answer that nobody foresaw must not end the news of all topics
            error = StoreUnreachable(f"The broker's admin API gives no usable answer for {topic.name}: see the log.")
            if topic.error is None:
                log.error("Asking for %s: an unforeseen %s at %s", topic.name, type(failure).__name__, place_of(failure))
        with self.lock:
            topic.asking = False
            if error is None:
                topic.take(internals, ends, began)
            else:
                topic.error = error
            self._plan(topic, began)
            topic.changed.notify_all()
            self._wake.notify_all()
        return error

    def _plan(self, topic: AskedTopic, began: float) -> None:
        """Ask again if a thread waits now. Otherwise the next reader that looks makes the question due."""
        now = topic.answered = time.monotonic()
        eager = topic.eager_until > now
        alike = sum((other.eager_until > now) == eager for other in self._topics.values())
        topic.earliest = now + min(EFFORT * (now - began) * max(1, alike), LONGEST_PAUSE)
        topic.due = max(topic.next_question(now), topic.earliest) if eager else inf

    def _next(self) -> AskedTopic | None:
        """Wait until a topic is due, and return it; ``None`` if nobody has waited for any topic for some time."""
        with self.lock:
            while True:
                if not self._topics and not self._wake.wait_for(lambda: bool(self._topics), IDLE_SECONDS):
                    return None
                waiting = [topic for topic in self._topics.values() if not topic.asking]
                topic = min(waiting, key=lambda one: one.due, default=None)
                wait = topic.due - time.monotonic() if topic else inf
                if topic and wait <= 0:
                    topic.asking = True
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
