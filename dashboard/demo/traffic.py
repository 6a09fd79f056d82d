"""The demo's present: about two events a second, and three consumers that really read and acknowledge.

``search-index`` keeps up; ``mailer`` is a little behind and catches up; ``app-timeline`` stands at an uploaded document whose
shape it does not understand: it neither completes it nor goes away, which is the commonest thing that a support person has to
find. Whoever resets a cursor sees them receive again.
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

from dashboard.demo.history import PATIENTS, SUBSCRIPTIONS, TOPIC_OF, as_message, started
from eventstore import Consumer, EventStoreError, Message, Storage, health_history

log = logging.getLogger(__name__)

EVENTS_A_SECOND = 2.0
PATIENTS_AT_A_TIME = 20
A_LITTLE_BEHIND = 40
"""Events that the mailer lets wait; above that it hurries."""
PAUSE_AFTER_ERROR = 2.0

Work = Callable[[Storage, Consumer, threading.Event], None]


def run(storage: Storage, stop: threading.Event) -> None:
    """Publish and consume until ``stop``."""
    threads = [threading.Thread(target=publish, args=(storage, stop), name="publisher")]
    for name, work in WORK.items():
        threads.append(threading.Thread(target=_member, args=(storage, stop, name, work), name=name))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def publish(storage: Storage, stop: threading.Event) -> None:
    chance = random.Random()  # noqa: S311 - how long to wait, no secret
    for topic, event in _new_events(stop):
        try:
            storage.append(topic, [as_message(event)])
        except EventStoreError as error:
            log.warning("demo publisher: %s", error)
            stop.wait(PAUSE_AFTER_ERROR)
        if stop.wait(chance.uniform(0.2, 1.8) / EVENTS_A_SECOND):
            return


def index_patients(storage: Storage, consumer: Consumer, stop: threading.Event) -> None:
    while not stop.is_set():
        for message in consumer.receive(limit=100, timeout=1.0):
            consumer.acknowledge(message.position)


def send_mails(storage: Storage, consumer: Consumer, stop: threading.Event) -> None:
    topic, _ = SUBSCRIPTIONS["mailer"]
    name = storage.topic(topic).name
    while not stop.is_set():
        hurry = storage.subscription(name, "mailer").backlog > A_LITTLE_BEHIND
        for message in consumer.receive(limit=20 if hurry else 1, timeout=1.0):
            consumer.acknowledge(message.position)
        stop.wait(0.05 if hurry else 1.3)


def build_timeline(storage: Storage, consumer: Consumer, stop: threading.Event) -> None:
    """Until it meets what it cannot read; then it holds on to it until somebody moves its cursor."""
    while not stop.is_set():
        for message in consumer.receive(limit=1, timeout=1.0):
            if not understood(message):
                _stand_still(storage, consumer, stop)
                return
            consumer.acknowledge(message.position)


def understood(message: Message) -> bool:
    """What the app's timeline expects of a ``DocumentUploaded``: who uploaded it, as a text."""
    if message.properties.get("ce_type") != "DocumentUploaded":
        return True
    try:
        return isinstance(json.loads(message.payload)["uploadedBy"], str)
    except (ValueError, KeyError, TypeError):
        return False


WORK: Mapping[str, Work] = {"search-index": index_patients, "mailer": send_mails, "app-timeline": build_timeline}


def _stand_still(storage: Storage, consumer: Consumer, stop: threading.Event) -> None:
    """Connected, receiving ahead as clients do, and acknowledging nothing, until the cursor is somewhere else."""
    stands_at = _places(storage)
    while not stop.is_set() and _places(storage) == stands_at:
        consumer.receive(limit=1, timeout=1.0)
        stop.wait(1.0)


def _places(storage: Storage) -> list[object]:
    topic = storage.topic(SUBSCRIPTIONS["app-timeline"][0]).name
    cursors = storage.subscription(topic, "app-timeline").cursors
    return [(cursor.partition, cursor.acknowledged, tuple(cursor.holes)) for cursor in cursors]


def _member(storage: Storage, stop: threading.Event, name: str, work: Work) -> None:
    """Join, work, and join again after an error or when the work says that it begins anew."""
    topic, type_of = SUBSCRIPTIONS[name]
    while not stop.is_set():
        try:
            canonical = storage.topic(topic).name
            with storage.consume(canonical, name, type=type_of, consumer=f"{name}-1") as consumer:
                work(storage, consumer, stop)
        except EventStoreError as error:
            log.info("demo consumer %s: %s", name, error)
            stop.wait(PAUSE_AFTER_ERROR)


def _new_events(stop: threading.Event) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Events of ever new patients, in their order, as if each happened now."""
    while not stop.is_set():
        round_seed = int(time.time())
        offset = PATIENTS + _rounds_so_far(round_seed) * PATIENTS_AT_A_TIME
        end = datetime.now(UTC) + timedelta(days=60)  # so that appointments lie ahead
        for event in health_history(round_seed, PATIENTS_AT_A_TIME, end=end, days=60):
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            yield TOPIC_OF[str(event["aggregatetype"])], as_other_patient(event, offset) | {"time": now}


def _rounds_so_far(now: int) -> int:
    """A number that no round before had, after a restart neither: a round lasts longer than ten seconds."""
    return max(0, now - int(started().timestamp())) // 10


def as_other_patient(event: Mapping[str, Any], offset: int) -> dict[str, Any]:
    """The same event, its patient's number moved by ``offset`` wherever it is written."""

    def moved(text: str) -> str:
        return re.sub(r"\d+", lambda number: str(int(number[0]) + offset), text, count=1)

    data = event["data"]
    changed = {"data": data | {"patient": moved(data["patient"])}} if "patient" in data else {}
    return {**event, "aggregateid": moved(event["aggregateid"]), "subject": moved(event["subject"]), **changed}
