"""Tells readers that wait which partitions have something new, without a connection to the topic.

A connected reader is in the way of an operator who deletes the topic, and brings a topic back that is deleted by force. So
a reader that got nothing for a while disconnects and waits here. A few threads ask the admin API about each topic that
somebody waits for: one question per topic, shared by all of its readers in this process. They create nothing and keep nobody
connected.

About a topic without partitions they ask for its ``internalStats``. For a partitioned one the broker would send itself a
request for each partition (300 of them took it 1 to 3 seconds), so they ask for ``partitioned-stats``, which it answers from
memory. The sizes in it tell which partitions have changed, and only for those the ``internalStats`` follow.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from math import inf

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.client.asked_topics import EAGER_SECONDS, LOOK_SECONDS, AskedPartition, AskedTopic, End
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import EventStoreError, StoreClosed, StoreUnreachable, place_of

log = logging.getLogger(__name__)

ASKERS = 3
"""Threads that ask, at most one for each topic: a topic for which the broker does not answer must not hold up the others."""

EFFORT, EAGER_EFFORT = 5, 3
"""A question that took a second is asked again after five at the earliest, and all questions about topics of the same urgency
take at most a fifth of a thread's time together; a third for those for which a thread waits."""
LONGEST_PAUSE = 5.0
"""No topic waits longer for its next question because of the effort, however many there are."""
SINGLY = 32
"""If more partitions than this have changed, all are asked for at once."""
IDLE_SECONDS = 10.0
"""After this time without a topic the threads end."""


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
            topic = self._topics.get((name, shards))
            if topic is None:
                topic = self._topics[name, shards] = AskedTopic(name, shards, self.lock)
            topic.followers += 1
            topic.partitions[partition].begin(internals)
            return PartitionNews(self, topic, topic.partitions[partition])

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
        error: EventStoreError | None = None
        try:
            self._ask_for_news(topic, began)
        except EventStoreError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 -- an answer that nobody foresaw must not end the news of all topics
            error = StoreUnreachable(f"The broker's admin API gives no usable answer for {topic.name}: see the log.")
            if topic.error is None:
                log.error("Asking for %s: an unforeseen %s at %s", topic.name, type(failure).__name__, place_of(failure))
        with self.lock:
            topic.asking = False
            if error is not None:
                topic.fail(error)
            self._plan(topic, began)
            self._wake.notify_all()
        return error

    def _ask_for_news(self, topic: AskedTopic, began: float) -> None:
        told_at = began
        if topic.shards:
            growths = self._admin.growths(topic.name, topic.shards)
            told_at = time.monotonic()
            with self.lock:
                numbers = topic.grow(growths, told_at)
            if len(numbers) > SINGLY:
                told = dict(enumerate(self._admin.internals(topic.name, topic.shards)))
            else:
                told = {number: self._admin.partition_internals(topic.name.partition(number)) for number in numbers}
        else:
            told = dict(enumerate(self._admin.internals(topic.name, 0)))
        with self.lock:
            calls = topic.take(told, began, told_at)
        for call in calls:
            call()

    def _plan(self, topic: AskedTopic, began: float) -> None:
        """Ask again if somebody waits or looks. Otherwise the next reader that looks makes the question due."""
        now = topic.answered = time.monotonic()
        urgency = topic.urgency(now)
        factor = EAGER_EFFORT if urgency[0] else EFFORT
        alike = sum(other.urgency(now) == urgency for other in self._topics.values())
        topic.earliest = now + min(factor * topic.effort(now - began) * max(1, alike), LONGEST_PAUSE)
        waited_for = urgency[0] or topic.looked_until > now
        topic.due = max(topic.next_question(now), topic.earliest) if waited_for else inf

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

    def __init__(self, arrivals: Arrivals, topic: AskedTopic, partition: AskedPartition) -> None:
        self._arrivals, self._topic, self._partition = arrivals, topic, partition
        self._left = False
        self._calls: list[Callable[[], None]] = []

    def call_on_news(self, call: Callable[[], None]) -> None:
        """See ``model.log.Reader``."""
        with self._arrivals.lock:
            self._calls.append(call)
            self._partition.calls.append(call)

    def end_since(self, moment: float) -> tuple[End] | None:
        """Return the partition's end as the broker told it after ``moment`` (monotonic); ``None`` if it has not told yet.

        Never waits: it only makes the question due.
        """
        with self._arrivals.lock:
            if self._partition.asked > moment and self._topic.error is None:
                return (self._partition.end,)
            now = time.monotonic()
            self._partition.wanted_until = now + LOOK_SECONDS
            self._arrivals.ask_by(self._topic, now)
            return None

    def await_end(self, is_news: Callable[[End], bool], deadline: float) -> Json | None:
        """Wait until the partition's end is news, and return its ``internalStats``; ``None`` if it is not by the deadline.
        Raises what the broker answered instead, such as ``UnknownTopic``."""
        topic, partition = self._topic, self._partition
        with self._arrivals.lock:
            while True:
                now = time.monotonic()
                topic.looked_until = partition.wanted_until = max(now, deadline) + LOOK_SECONDS
                if deadline > now:
                    topic.eager_until = max(topic.eager_until, deadline + EAGER_SECONDS)
                self._arrivals.ask_by(topic, topic.next_question(now))
                if topic.error is not None:
                    raise type(topic.error)(*topic.error.args)
                if is_news(partition.end):
                    return partition.internals
                if deadline <= now:
                    return None
                partition.changed.wait(deadline - now)

    def leave(self) -> None:
        with self._arrivals.lock:
            if not self._left:
                self._left = True
                for call in self._calls:
                    self._partition.calls.remove(call)
                self._arrivals.leave(self._topic)
