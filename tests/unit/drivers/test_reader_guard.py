"""The guard closes the readers that the broker has disconnected; what one of them does holds up no other."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from eventstore.drivers.pulsar.client import closing, raw_readers
from eventstore.drivers.pulsar.client.raw_readers import SWITCH_SECONDS, ReaderGuard
from tests.contract.helpers import soon


class RawReader:
    """A client's reader that has been disconnected, as the guard sees it. Closing it is never answered."""

    def __init__(self, error: Exception | None = None) -> None:
        self._reader = self
        self.closed = threading.Event()
        self._error = error

    def is_connected(self) -> bool:
        if self._error:
            raise self._error
        return False

    def close_async(self, callback: Any) -> None:
        assert callback is None
        self.closed.set()

    def close(self) -> None:
        threading.Event().wait()


@pytest.fixture
def guard() -> ReaderGuard:
    return ReaderGuard()


def test_a_reader_whose_closing_is_never_answered_holds_up_no_other(guard: ReaderGuard) -> None:
    readers = [RawReader() for _ in range(3)]
    for reader in readers:
        guard.watch(reader)
    assert all(reader.closed.wait(10) for reader in readers)


def test_a_reader_that_fails_unforeseen_holds_up_no_other(guard: ReaderGuard, caplog: pytest.LogCaptureFixture) -> None:
    failing, reader = RawReader(ValueError("secret")), RawReader()
    guard.watch(failing)
    guard.watch(reader)
    assert reader.closed.wait(10)
    assert "an unforeseen ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_a_reader_is_not_closed_by_two_at_once(guard: ReaderGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its owner closes it, it looks disconnected. A second close then kept the first from telling the broker."""
    monkeypatch.setattr(raw_readers, "guard", guard)
    monkeypatch.setattr(raw_readers, "LOOK_SECONDS", 0.001)
    guarded: list[bool] = []
    leaving, later = RawReader(), RawReader()
    connected = threading.Event()
    connected.set()
    monkeypatch.setattr(leaving, "is_connected", connected.is_set)

    def close_reader(reader: Any) -> None:
        connected.clear()
        guarded.append(reader in guard._readers)
        guard.watch(later)
        assert later.closed.wait(10), "the guard has looked since"

    monkeypatch.setattr(closing, "close_reader", close_reader)
    guard.watch(leaving)
    raw_readers.close_raw(leaving)
    assert guarded == [False]
    assert not leaving.closed.is_set()


def test_a_look_that_began_before_its_owner_left_closes_nothing(guard: ReaderGuard) -> None:
    reader = RawReader()
    assert not guard._is_safe(reader)
    assert not reader.closed.is_set()


def test_a_reader_that_is_connected_stays_beside_one_that_is_not(guard: ReaderGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    connected, lost = RawReader(), RawReader()
    monkeypatch.setattr(connected, "is_connected", lambda: True)
    guard.watch(connected)
    guard.watch(lost)
    assert lost.closed.wait(10)
    assert soon(lambda: guard._readers == (connected,))
    assert not connected.closed.is_set()


@pytest.fixture
def switch_interval() -> Iterator[float]:
    """Python's own, which other tests' guards have changed."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield sys.getswitchinterval()
    sys.setswitchinterval(before)


def test_busy_threads_give_the_interpreter_to_the_guard_soon(guard: ReaderGuard, switch_interval: float) -> None:
    guard.watch(RawReader())
    assert soon(lambda: sys.getswitchinterval() < switch_interval)
    assert sys.getswitchinterval() <= SWITCH_SECONDS
