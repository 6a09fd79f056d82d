"""The demo's app over a store of either kind: it lacks one document until that document's event comes again."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache

from dashboard.demo.app_table import LOST, LOST_PATIENT, documents_of
from dashboard.demo.history import PARTITIONS, REPLAY_TOPIC, SUBSCRIPTIONS, TIMELINE, whole_history
from dashboard.demo.traffic import run_app
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from tests.parts import subscriptions_of

DOCUMENTS = SUBSCRIPTIONS[TIMELINE][0]
SECONDS = 120.0


@lru_cache(maxsize=1)
def patients_events() -> Sequence[NewMessage]:
    """What happened to the documents of the patient who lacks one."""
    history = whole_history(datetime(2026, 3, 1, 12, tzinfo=UTC))
    return [message for message in history["documents"] if message.key == LOST_PATIENT]


def uploaded() -> set[str]:
    return {message.properties["ce_subject"].removeprefix("document/") for message in patients_events()}


@contextmanager
def app_running(storage: Storage) -> Iterator[None]:
    """The app's two consumers, over the patient's events. It has what it got once this begins."""
    log, subscriptions, stop = storage.log, subscriptions_of(storage), threading.Event()
    for name in (DOCUMENTS, REPLAY_TOPIC):
        topic = log.create_topic(name, partitions=PARTITIONS[name]).name
        subscriptions.create(topic, TIMELINE, type=SUBSCRIPTIONS[TIMELINE][1], start=Edge.EARLIEST)
    log.append(log.topic(DOCUMENTS).name, patients_events())
    app = threading.Thread(target=run_app, args=(log, subscriptions, stop))
    app.start()
    try:
        until_app_has(uploaded() - {LOST})
        yield
    finally:
        stop.set()
        app.join(SECONDS)


def replay(storage: Storage) -> None:
    """Send the patient's events to the replay topic, and wait until the app has all of them."""
    storage.log.append(storage.log.topic(REPLAY_TOPIC).name, patients_events())
    until_app_has(uploaded())


def until_app_has(names: set[str]) -> None:
    end = time.monotonic() + SECONDS
    while (found := {document.document for document in documents_of(LOST_PATIENT)}) != names:
        assert time.monotonic() < end, found
        time.sleep(0.05)
