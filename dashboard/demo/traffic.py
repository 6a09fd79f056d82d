"""The demo's present: about two new events a second, and three consumers that really read and acknowledge.

``search-index`` keeps up. ``mailer`` is always a little behind and catches up. ``app-timeline`` is stuck at an uploaded
document whose form it does not understand: it neither acknowledges the event nor disconnects. That is the problem that support
people have to find most often. All later events of that partition wait, while the other partition continues. After a cursor
reset, the consumers receive again.
"""

import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.demo.history import PATIENTS, SUBSCRIPTIONS, as_message, numbered, started, topic_of
from eventstore.model import Consumer, EventStoreError, Log, Message, NewMessage, Position, Subscriptions, ToldOnce
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
        threads.append(threading.Thread(target=_consume, args=(log, subscriptions, stop, name, work), name=name))
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


def build_timeline(log: Log, subscriptions: Subscriptions, consumer: Consumer, stop: threading.Event) -> None:
    """Get stuck in each partition at the first event that it does not understand, until somebody moves the cursor there.

    It stays connected and receives ahead, as clients do, but acknowledges nothing after that event, so the partition waits.
    """
    stuck_at: dict[int, Position] = {}
    while not stop.is_set() and not _moved(log, subscriptions, stuck_at):
        for message in consumer.receive(limit=100, timeout=1.0):
            position = message.position
            if position.partition not in stuck_at:
                if understood(message):
                    consumer.acknowledge(position)
                else:
                    stuck_at[position.partition] = position
            elif position <= stuck_at[position.partition]:
                return  # the event came again, so the cursor was moved back


def understood(message: Message | NewMessage) -> bool:
    """Whether the app's timeline can handle this: a ``DocumentUploaded`` needs a string ``uploadedBy``.

    It skips other events, and payloads that are not JSON.
    """
    if message.properties.get("ce_type") != "DocumentUploaded":
        return True
    try:
        uploaded = json.loads(message.payload)
    except ValueError:
        return True
    return isinstance(uploaded, dict) and isinstance(uploaded.get("uploadedBy"), str)


WORK: Mapping[str, Work] = {"search-index": index_patients, "mailer": send_mails, "app-timeline": build_timeline}


def _moved(log: Log, subscriptions: Subscriptions, stuck_at: Mapping[int, Position]) -> bool:
    """Whether somebody has moved a cursor past an event where this consumer is stuck. If so, it has to connect again."""
    if not stuck_at:
        return False
    topic = log.topic(SUBSCRIPTIONS["app-timeline"][0]).name
    cursors = subscriptions.named(topic, "app-timeline").cursors
    places = {cursor.partition: cursor.acknowledged for cursor in cursors}
    return any((place := places.get(partition)) is not None and place >= event for partition, event in stuck_at.items())


def _consume(log: Log, subscriptions: Subscriptions, stop: threading.Event, name: str, work: Work) -> None:
    """Connect and work. Connect again after an error, or when ``work`` returns."""
    topic, type_of = SUBSCRIPTIONS[name]
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
