"""No page of an aggregate waits long for a slow store: it shows what the index knows, says so, and fills in the payloads."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from dashboard import gateway
from dashboard.views import aggregates
from eventstore.drivers.database.log import DatabaseLog
from eventstore.model.events import Message, Position
from eventstore.model.log import Log
from tests.web.desk import Desk, attribute, text

PATIENT = "/aggregates/patient/4711/"
LONG = 60.0


class Slow:
    """A store that is read over a network, as slowly as a test lets it."""

    def __init__(self, log: Log, positions: Sequence[Position]) -> None:
        self.let, self.asked = threading.Event(), 0
        self.fetch, self.positions = log.fetch, positions

    def read(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        self.asked += 1
        assert self.let.wait(LONG)
        return self.fetch(positions)


@pytest.fixture
def slow(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    positions = desk.publish(2)
    monkeypatch.setattr(DatabaseLog, "capabilities", replace(DatabaseLog.capabilities, parallel_reads=8))
    gateway.close()  # what was read is forgotten
    store = Slow(desk.log, positions)
    monkeypatch.setattr(desk.log, "fetch", store.read)
    monkeypatch.setattr(aggregates, "READ_WITHIN", 0.01)
    yield store
    store.let.set()
    for thread in threading.enumerate():
        if thread.name == "reading on":
            thread.join(LONG)


def test_an_aggregates_page_does_not_wait_for_payloads_and_fills_them_in(desk: Desk, slow: Slow) -> None:
    first = desk.get(PATIENT)
    assert "The store is being read" in text(first)
    assert attribute(first, "data-missing") == ["reading"]
    assert text(first).count("payload is being read") == 3  # two lines, and the event beside them
    assert "does not answer" not in text(first)
    (address,) = [url for url in attribute(first, "hx-get") if "whole=1" in url]
    slow.let.set()
    filled = desk.get(address, fragment=True)
    assert {"stream-events", "detail"} <= set(attribute(filled, "id"))
    assert "being read" not in text(filled)
    assert attribute(filled, "data-missing") == []


def test_the_chosen_event_stays_while_payloads_are_read(desk: Desk, slow: Slow) -> None:
    chosen = urlencode({"event": slow.positions[0].encode(), "published": ""})
    first = desk.get(f"{PATIENT}?{chosen}")
    (address,) = [url for url in attribute(first, "hx-get") if "whole=1" in url]
    assert address.replace("&amp;", "&") == f"{PATIENT}?{chosen}&whole=1"
    slow.let.set()
    assert attribute(desk.get(f"{PATIENT}?{chosen}&whole=1"), "data-detail") == ["e-0"]


def test_who_looks_without_script_waits_if_they_want(desk: Desk, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f'href="{PATIENT}?whole=1"' in desk.get(PATIENT).content.decode()
    slow.let.set()
    assert "being read" not in text(desk.get(f"{PATIENT}?whole=1"))


def test_a_chosen_event_is_waited_for(desk: Desk, slow: Slow) -> None:
    slow.let.set()
    answer = desk.get(PATIENT, fragment=True)
    assert attribute(answer, "data-missing") == []
    assert "stream-events" not in attribute(answer, "id")


def test_payloads_that_are_gone_are_not_said_to_be_read(desk: Desk, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    slow.let.set()
    monkeypatch.setattr(desk.log, "fetch", lambda positions: {})
    monkeypatch.setattr(aggregates, "READ_WITHIN", LONG)
    answer = desk.get(PATIENT)
    assert "being read" not in text(answer)
    assert text(answer).count("payload trimmed") == 2
