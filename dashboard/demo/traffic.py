"""The demo's present: about two events a second, and three consumers that really read and acknowledge.

``search-index`` keeps up; ``mailer`` is a little behind and catches up; ``app-timeline`` stands at an uploaded document whose
shape it does not understand: it neither completes it nor goes away, which is the commonest thing that a support person has to
find. Everything behind it in its partition waits, while the other partition goes on. Whoever resets a cursor sees them receive
again.
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
from eventstore.model import Consumer, EventStoreError, Log, Message, NewMessage, Position, Subscriptions
from eventstore.samples import health_history

logger = logging.getLogger(__name__)

EVENTS_A_SECOND = 2.0
PATIENTS_AT_A_TIME = 20
A_LITTLE_BEHIND = 40
"""Events that the mailer lets wait; above that it hurries."""
SLOWLY = 1.7
"""Seconds that the mailer takes for an event: slower than they come, so that it is always a little behind."""
PAUSE_AFTER_ERROR = 2.0

Work = Callable[[Log, Subscriptions, Consumer, threading.Event], None]


def run(log: Log, subscriptions: Subscriptions, stop: threading.Event) -> None:
    """Publish and consume until ``stop``."""
    threads = [threading.Thread(target=publish, args=(log, stop), name="publisher")]
    for name, work in WORK.items():
        threads.append(threading.Thread(target=_member, args=(log, subscriptions, stop, name, work), name=name))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def publish(log: Log, stop: threading.Event) -> None:
    chance = random.Random()  # noqa: S311 - how long to wait, no secret
    for topic, event in _new_events(stop):
        try:
            log.append(topic, [as_message(event)])
        except EventStoreError as error:
            logger.warning("demo publisher: %s", error)
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
        hurry = subscriptions.named(name, "mailer").backlog > A_LITTLE_BEHIND
        # A few at a time, so that each partition has its turn.
        for message in consumer.receive(limit=20 if hurry else 5, timeout=1.0):
            consumer.acknowledge(message.position)
            if stop.wait(0.02 if hurry else SLOWLY):
                return


def build_timeline(log: Log, subscriptions: Subscriptions, consumer: Consumer, stop: threading.Event) -> None:
    """Stand still in each partition at what it does not understand, until somebody moves the cursor there.

    It stays connected and receives ahead, as clients do, acknowledging nothing behind that event: its partition waits.
    """
    standing: dict[int, Position] = {}
    while not stop.is_set() and not _moved(log, subscriptions, standing):
        for message in consumer.receive(limit=100, timeout=1.0):
            position = message.position
            if position.partition not in standing:
                if understood(message):
                    consumer.acknowledge(position)
                else:
                    standing[position.partition] = position
            elif position <= standing[position.partition]:
                return  # it comes again: the cursor was moved back


def understood(message: Message | NewMessage) -> bool:
    """What the app's timeline expects of a ``DocumentUploaded``: who uploaded it, as a text. What is no JSON it passes by."""
    if message.properties.get("ce_type") != "DocumentUploaded":
        return True
    try:
        uploaded = json.loads(message.payload)
    except ValueError:
        return True
    return isinstance(uploaded, dict) and isinstance(uploaded.get("uploadedBy"), str)


WORK: Mapping[str, Work] = {"search-index": index_patients, "mailer": send_mails, "app-timeline": build_timeline}


def _moved(log: Log, subscriptions: Subscriptions, standing: Mapping[int, Position]) -> bool:
    """Whether somebody has moved a cursor beyond what this consumer stands at: it joins anew then, and receives from there."""
    if not standing:
        return False
    topic = log.topic(SUBSCRIPTIONS["app-timeline"][0]).name
    cursors = subscriptions.named(topic, "app-timeline").cursors
    places = {cursor.partition: cursor.acknowledged for cursor in cursors}
    return any(
        (place := places.get(partition)) is not None and place >= stands_at for partition, stands_at in standing.items()
    )


def _member(log: Log, subscriptions: Subscriptions, stop: threading.Event, name: str, work: Work) -> None:
    """Join, work, and join again after an error or when the work says that it begins anew."""
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
    """Events of ever new patients, in their order, as if each happened now."""
    while not stop.is_set():
        round_seed = int(time.time())
        offset = PATIENTS + _rounds_so_far(round_seed) * PATIENTS_AT_A_TIME
        end = datetime.now(UTC) + timedelta(days=60)  # so that appointments lie ahead
        for event in numbered(health_history(round_seed, PATIENTS_AT_A_TIME, end=end, days=60)):
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            yield topic_of(event), as_other_patient(event, offset) | {"time": now}


def _rounds_so_far(now: int) -> int:
    """A number that no round before had, after a restart neither: a round lasts longer than ten seconds."""
    return max(0, now - int(started().timestamp())) // 10


def as_other_patient(event: Mapping[str, Any], offset: int) -> dict[str, Any]:
    """The same event, its patient's number moved by ``offset`` wherever it is written."""

    def moved(text: str) -> str:
        return re.sub(r"\d+", lambda number: str(int(number[0]) + offset), text, count=1)

    data = {name: moved(value) if name in ("patient", "document") else value for name, value in event["data"].items()}
    return {**event, "aggregateid": moved(event["aggregateid"]), "subject": moved(event["subject"]), "data": data}
