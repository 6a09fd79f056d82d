"""A fake client of Pulsar, with one partition and a clock that is a number."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pulsar
import pytest

from eventstore.drivers.pulsar.client import reader as following
from eventstore.drivers.pulsar.client.asked_topics import End
from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.pieces import taking
from eventstore.drivers.pulsar.client.prefetch import FetchAhead
from eventstore.drivers.pulsar.client.reader import PulsarReader
from eventstore.drivers.pulsar.client.resuming import Begin
from eventstore.drivers.pulsar.names import TopicName
from tests.unit.drivers.raw_objects import Id, RawObject

LEDGER, PUBLISHED = 7, 1_714_554_000_000


class Broker:
    """A partition, its clock, and what answers for it: the client, the admin API and the news of arrivals."""

    def __init__(self) -> None:
        self.now, self.silent_until = 100.0, 0.0
        self.log: list[RawObject] = []
        self.markers = self.opened = self.read = 0
        self.calls: list[str] = []
        self.connected = False
        self.fails: type[Exception] | None = None
        self.is_connected = lambda: True
        self.connection = SimpleNamespace(check_open=lambda: None, lost=lambda: None)
        self._reader = self

    def publish(self, id: Id | None = None, **parts: Any) -> None:
        self.log.append(RawObject(id=id or Id(LEDGER, len(self.log)), publish_timestamp=PUBLISHED, **parts))

    def entries(self) -> int:
        return (self.log[-1].message_id().entry_id() + 1 if self.log else 0) + self.markers

    def look_up(self) -> dict[str, Any]:
        self.calls.append("look up")
        return self.told()

    def told(self) -> dict[str, Any]:
        entries = self.entries()
        known = [{"ledgerId": LEDGER, "entries": entries}]
        return {"lastConfirmedEntry": f"{LEDGER}:{entries - 1}", "ledgers": known, "state": "LedgerOpened"}

    def end(self) -> End:
        entries = self.entries()
        return (LEDGER, entries - 1) if entries else None

    # -- the client

    def open(self, connection: Any, log: Any, start: Any, **given: Any) -> Any:
        self.next = 0 if start is None else self._place(start.entry_id(), given["inclusive"])
        self.opened, self.connected, self.queue = self.opened + 1, True, given["queue"]
        self.calls.append("open")
        return self

    def _place(self, entry: int, inclusive: bool) -> int:
        """Return where the reader begins; one that begins behind a message of a batch gets the whole batch."""
        ids = [raw.message_id() for raw in self.log]
        return sum(id.entry_id() < entry or (not inclusive and id.entry_id() == entry and id.batch_index() < 0) for id in ids)

    def close(self, reader: Any) -> None:
        self.connected = False

    def read_next(self, milliseconds: int) -> RawObject:
        if self.fails:
            raise self.fails
        if self.next == len(self.log) or self.now < self.silent_until:
            self.now += milliseconds / 1000
            raise pulsar.Timeout
        self.next, self.read = self.next + 1, self.read + 1
        return self.log[self.next - 1]

    # -- the news

    def end_since(self, moment: float) -> tuple[End]:
        return (self.end(),)

    def await_end(self, is_news: Callable[[End], bool], deadline: float) -> Any:
        if is_news(self.end()):
            return self.told()
        self.now = max(self.now, deadline)
        return None

    def leave(self) -> None:
        return

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def fake_broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Put one in the place of the client."""
    made = Broker()
    for module in (following, taking):
        monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr(following, "open_raw", made.open)
    monkeypatch.setattr(following, "close_raw", made.close)
    return made


def reader_of(broker: Any, identify: Callable[[int], str] | None = None, after: str = "") -> PulsarReader:
    broker.log_name = TopicName(tenant="public", namespace="default", local="t")
    source: Any = SimpleNamespace(connection=broker.connection, log=broker.log_name, look_up=broker.look_up)
    begin = Begin(start=None, inclusive=True, token=after, internals=broker.look_up())
    return PulsarReader(source, Messages("t", 0, identify), begin, FetchAhead(), broker)


def read(reader: PulsarReader, broker: Broker, *, seconds: float) -> list[bytes]:
    found: list[bytes] = []
    until = broker.now + seconds
    while broker.now < until:
        found += [message.payload for message in reader.read(limit=9, timeout=0.1)]
    return found
