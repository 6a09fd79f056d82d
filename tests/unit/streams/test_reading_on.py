"""Whoever reads payloads waits no longer than is wanted, and what goes on is read once."""

import threading
from collections.abc import Mapping, Sequence

import pytest

from eventstore.drivers.pulsar.client import parallel
from eventstore.giving_way import _of_process
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, Position
from eventstore.streams.reading_on import ReadingOn
from tests.indexing import place

LONG = 60.0
PLACES = [place(1), place(2)]


class Slow:
    """A store that reads as slowly as a test lets it."""

    def __init__(self) -> None:
        self.let, self.asked = threading.Event(), 0
        self.error: Exception | None = None

    def read(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        self.asked += 1
        assert self.let.wait(LONG)
        if self.error is not None:
            raise self.error
        return {}


def test_what_takes_longer_goes_on_and_is_read_once_for_all_who_wait() -> None:
    slow = Slow()
    reading = ReadingOn(slow.read)
    assert reading.read(PLACES, within=0.01) is None
    assert reading.read(list(reversed(PLACES)), within=0.01) is None
    slow.let.set()
    assert reading.read(PLACES, within=LONG) == {}
    assert slow.asked in (1, 2), "the last one may have come after the end of the first"
    assert not reading._going_on


def test_a_failure_is_told_to_who_waits_for_it_and_the_next_one_tries_anew() -> None:
    slow = Slow()
    reading = ReadingOn(slow.read)
    for error in (StoreUnreachable("away"), TimeoutError("its own")):
        slow.error = error
        slow.let.set()
        with pytest.raises(type(error)):
            reading.read(PLACES, within=LONG)
    slow.error = None
    assert reading.read(PLACES, within=LONG) == {}


def test_what_goes_on_gives_way_to_the_page_in_all_of_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bool] = []
    monkeypatch.setattr(parallel, "give_way", lambda: found.append(_of_process._is_behind.get()))

    def read(positions: Sequence[Position]) -> Mapping[Position, Message]:
        parallel.in_parallel(str, positions)
        return {}

    assert ReadingOn(read).read(PLACES, within=LONG) == {}
    parallel.in_parallel(str, PLACES)
    assert found == [True, True, False, False]
