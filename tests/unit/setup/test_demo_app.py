"""The demo's app: its table lacks one document, which a replay of that patient makes appear."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dashboard.demo.app_table import LOST, LOST_PATIENT, documents_of
from dashboard.demo.history import PARTITIONS
from eventstore.drivers.routing import partition_of
from tests.demo_app import DOCUMENTS, app_running, replay, uploaded
from tests.web.desk import Desk, opened_desk

APP = f"/demo/app/{LOST_PATIENT}/"


@pytest.fixture
def desk(desk_databases: dict[str, str], settings: Any, tmp_path: Path) -> Iterator[Desk]:
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    with opened_desk() as opened:
        yield opened


@pytest.mark.slow
def test_the_app_lacks_one_document_until_its_event_comes_again(desk: Desk) -> None:
    assert LOST in uploaded()
    assert len(uploaded()) > 2
    with app_running(desk.faces.store):
        assert f'data-document="{LOST}"' not in desk.client("viewer").get(APP).content.decode()
        replay(desk.faces.store)
        assert f'data-document="{LOST}"' in desk.client("viewer").get(APP).content.decode()
        assert "No documents yet" in desk.client("viewer").get("/demo/app/nobody/").content.decode()
    lost = next(document for document in documents_of(LOST_PATIENT) if document.document == LOST)
    assert (bool(lost.scanned), lost.when is not None) == (True, True)


def test_the_lost_document_is_not_in_the_partition_that_is_stuck() -> None:
    """So that a replay of the patient is not the remedy for another trouble as well."""
    assert partition_of(LOST_PATIENT, PARTITIONS[DOCUMENTS]) != partition_of("4861", PARTITIONS[DOCUMENTS])


def test_outside_of_demo_mode_there_is_no_such_app(desk: Desk, settings: Any) -> None:
    settings.DEMO = False
    assert desk.client("viewer").get(APP).status_code == 404


def test_the_app_takes_a_brokers_events_on_request_only(desk: Desk, settings: Any) -> None:
    settings.EVENTSTORE_URL = "pulsar://127.0.0.1:1"
    with pytest.raises(CommandError, match="only with --yes-into-this-store"):
        call_command("run_demo_app")
    settings.DEMO = False
    with pytest.raises(CommandError, match="demo mode only"):
        call_command("run_demo_app", "--yes-into-this-store")
