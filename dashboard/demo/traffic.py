"""The demo's present: about two new events a second, and consumers that really read and acknowledge.

``search-index`` keeps up. ``mailer`` is always a little behind and catches up. ``app-timeline`` (``timeline.py``) is stuck at
an uploaded document. That is the problem that support people have to find most often. After a cursor reset, the consumers
receive again.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.demo.history import (
    PARTITIONS,
    PATIENTS,
    REPLAY_TOPIC,
    SUBSCRIPTIONS,
    TIMELINE,
    as_message,
    numbered,
    started,
    topic_of,
)
from dashboard.demo.timeline import build_timeline, follow_replays
from eventstore.model import Consumer, EventStoreError, Log, Subscriptions, ToldOnce
from eventstore.samples import health_history

logger = logging.getLogger(__name__)

EVENTS_A_SECOND = 2.0
PATIENTS_AT_A_TIME = 20
HURRIES_ABOVE = 40
"""The backlog above which the mailer hurries."""
SECONDS_A_MAIL = 1.7
"""Seconds that the mailer takes for an event. That is slower than they come, so it is always a little behind."""
PAUSE_AFTER_ERROR = 2.0

Work = Callable[[Log, Subscriptions, Consumer, threading.Event], None]


def run(log: Log, subscriptions: Subscriptions, stop: threading.Event) -> None:
    """Publish and consume until ``stop``."""
    threads = [threading.Thread(target=publish, args=(log, stop), name="publisher")]
    for name, work in WORK.items():
        threads.append(_consumer(log, subscriptions, stop, SUBSCRIPTIONS[name][0], name, work))
    _run(threads + _app(log, subscriptions, stop))


def run_app(log: Log, subscriptions: Subscriptions, stop: threading.Event) -> None:
    """Consume as the patient's app alone does, until ``stop``."""
    _run(_app(log, subscriptions, stop))


def _app(log: Log, subscriptions: Subscriptions, stop: threading.Event) -> list[threading.Thread]:
    log.create_topic(REPLAY_TOPIC, partitions=PARTITIONS[REPLAY_TOPIC])  # a demo of an older version has none
    return [_consumer(log, subscriptions, stop, topic, name, work) for topic, name, work in APP]


def _consumer(
    log: Log, subscriptions: Subscriptions, stop: threading.Event, topic: str, name: str, work: Work
) -> threading.Thread:
    return threading.Thread(target=_consume, args=(log, subscriptions, stop, topic, name, work), name=f"{name} of {topic}")


def _run(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def publish(log: Log, stop: threading.Event) -> None:
    chance = random.Random()  # noqa: S311 - how long to wait, no secret
    told = ToldOnce(logger, "demo publisher")
    for topic, event in _new_events(stop):
        try:
            log.append(topic, [as_message(event)])
            told.over()
        except EventStoreError as error:
            told.tell(str(error))
            stop.wait(PAUSE_AFTER_ERROR)
        if stop.wait(chance.uniform(0.2, 1.8) / EVENTS_A_SECOND):
            return


def index_patients(log: Log, subscriptions: Subscriptions, consumer: Consumer, stop: threading.Event) -> None:
    while not stop.is_set():
        for message in consumer.receive(limit=100, timeout=1.0):
            consumer.acknowledge(message.position)


def send_mails(log: Log, subscriptions: Subscriptions, consumer: Consumer, stop: threading.Event) -> None:
    topic, _ = SUBSCRIPTIONS["mailer"]
    name = log.topic(topic).name
    while not stop.is_set():
        hurry = subscriptions.named(name, "mailer").backlog > HURRIES_ABOVE
        # Few at a time, so that each partition gets its turn.
        for message in consumer.receive(limit=20 if hurry else 5, timeout=1.0):
            consumer.acknowledge(message.position)
            if stop.wait(0.02 if hurry else SECONDS_A_MAIL):
                return


WORK: Mapping[str, Work] = {"search-index": index_patients, "mailer": send_mails}
APP: Sequence[tuple[str, str, Work]] = (("documents", TIMELINE, build_timeline), (REPLAY_TOPIC, TIMELINE, follow_replays))
"""What the app's two consumers read: a topic, a subscription of it, and how."""


def _consume(log: Log, subscriptions: Subscriptions, stop: threading.Event, topic: str, name: str, work: Work) -> None:
    """Connect and work. Connect again after an error, or when ``work`` returns."""
    type_of = SUBSCRIPTIONS[name][1]
    while not stop.is_set():
        try:
            canonical = log.topic(topic).name
            with subscriptions.consume(canonical, name, type=type_of, consumer=f"{name}-1") as consumer:
                work(log, subscriptions, consumer, stop)
        except EventStoreError as error:
            logger.info("demo consumer %s: %s", name, error)
            stop.wait(PAUSE_AFTER_ERROR)


def _new_events(stop: threading.Event) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Events of new patients without end, in order, as if each happened now."""
    while not stop.is_set():
        round_seed = int(time.time())
        offset = PATIENTS + _rounds_so_far(round_seed) * PATIENTS_AT_A_TIME
        end = datetime.now(UTC) + timedelta(days=60)  # so that appointments lie ahead
        for event in numbered(health_history(round_seed, PATIENTS_AT_A_TIME, end=end, days=60)):
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            yield topic_of(event), as_other_patient(event, offset) | {"time": now}


def _rounds_so_far(now: int) -> int:
    """A number that no earlier round had, even before a restart, because a round lasts longer than ten seconds."""
    return max(0, now - int(started().timestamp())) // 10


def as_other_patient(event: Mapping[str, Any], offset: int) -> dict[str, Any]:
    """The same event with ``offset`` added to the patient's number wherever it occurs."""

    def moved(text: str) -> str:
        return re.sub(r"\d+", lambda number: str(int(number[0]) + offset), text, count=1)

    data = {name: moved(value) if name in ("patient", "document") else value for name, value in event["data"].items()}
    return {**event, "aggregateid": moved(event["aggregateid"]), "subject": moved(event["subject"]), "data": data}
