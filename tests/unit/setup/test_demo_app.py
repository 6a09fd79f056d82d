"""The demo's app: its table lacks one document, which a replay of that patient makes appear."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboard.demo.app_table import LOST, LOST_PATIENT, documents_of
from dashboard.demo.history import PARTITIONS, REPLAY_TOPIC, SUBSCRIPTIONS, TIMELINE, whole_history
from dashboard.demo.traffic import run_app
from eventstore.drivers.routing import partition_of
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from tests.web.desk import Desk, opened_desk

END = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOCUMENTS = SUBSCRIPTIONS[TIMELINE][0]
SECONDS = 60.0


@pytest.fixture
def desk(desk_databases: dict[str, str], settings: Any, tmp_path: Path) -> Iterator[Desk]:
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    with opened_desk() as opened:
        yield opened


@pytest.fixture(scope="module")
def history() -> list[NewMessage]:
    """What happened to the documents of the patient who lacks one."""
    return [message for message in whole_history(END)["documents"] if message.key == LOST_PATIENT]


def in_app() -> list[str]:
    return [document.document for document in documents_of(LOST_PATIENT)]


def until_app_has(names: set[str]) -> None:
    end = time.monotonic() + SECONDS
    while set(in_app()) != names:
        assert time.monotonic() < end, in_app()
        time.sleep(0.05)


def test_the_app_lacks_one_document_until_its_event_comes_again(desk: Desk, history: list[NewMessage]) -> None:
    log, subscriptions = desk.log, desk.subscriptions
    uploaded = {str(m.properties["ce_subject"]).removeprefix("document/") for m in history}
    assert LOST in uploaded
    assert len(uploaded) > 2
    for topic in (DOCUMENTS, REPLAY_TOPIC):
        log.create_topic(topic, partitions=PARTITIONS[topic])
        subscriptions.create(topic, TIMELINE, type=SUBSCRIPTIONS[TIMELINE][1], start=Edge.EARLIEST)
    log.append(DOCUMENTS, history)
    stop = threading.Event()
    app = threading.Thread(target=run_app, args=(log, subscriptions, stop))
    app.start()
    try:
        until_app_has(uploaded - {LOST})
        log.append(REPLAY_TOPIC, history)
        until_app_has(uploaded)
        lost = next(document for document in documents_of(LOST_PATIENT) if document.document == LOST)
        assert (bool(lost.scanned), lost.when is not None) == (True, True)
        page = desk.client("viewer").get(f"/demo/app/{LOST_PATIENT}/").content.decode()
        assert f'data-document="{LOST}"' in page
        assert "No documents yet" in desk.client("viewer").get("/demo/app/nobody/").content.decode()
    finally:
        stop.set()
        app.join(SECONDS)


def test_the_lost_document_is_not_in_the_partition_that_is_stuck() -> None:
    """So that a replay of the patient is not the remedy for another trouble as well."""
    assert partition_of(LOST_PATIENT, PARTITIONS[DOCUMENTS]) != partition_of("4861", PARTITIONS[DOCUMENTS])


def test_outside_of_demo_mode_there_is_no_such_app(desk: Desk, settings: Any) -> None:
    settings.DEMO = False
    assert desk.client("viewer").get(f"/demo/app/{LOST_PATIENT}/").status_code == 404
