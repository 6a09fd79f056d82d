"""How long readers and consumers of the broker wait for a trickle of events, with a fake client whose clock is a number."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pulsar
import pytest

from eventstore.drivers.pulsar.client import consumer as consuming
from eventstore.drivers.pulsar.client import pieces as gathering
from eventstore.drivers.pulsar.client import reader as following
from eventstore.drivers.pulsar.client.consumer import PulsarConsumer
from eventstore.drivers.pulsar.client.pieces import taking
from eventstore.drivers.pulsar.client.prefetch import FetchAhead
from eventstore.drivers.pulsar.client.reader import PulsarReader
from eventstore.drivers.pulsar.client.resuming import Begin
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.subscriptions import SubscriptionType
from eventstore.model.tokens import encode
from tests.unit.messages import message

LOG = TopicName(tenant="public", namespace="default", local="t")


class Trickle:
    """A fake client: message ``n`` arrives at ``n * every`` seconds, up to ``count``."""

    def __init__(self, *, every: float, count: int) -> None:
        self.now, self.every, self.count = 100.0, every, count
        self.given = 0

    def monotonic(self) -> float:
        return self.now

    def next(self, milliseconds: int) -> int:
        arrives = 100.0 + self.given * self.every
        if self.given == self.count or arrives > self.now + milliseconds / 1000:
            self.now += milliseconds / 1000
            raise pulsar.Timeout
        self.now = max(self.now, arrives)
        self.given += 1
        return self.given


def raw(number: int) -> Any:
    return SimpleNamespace(number=number, message_id=lambda: SimpleNamespace(batch_index=lambda: -1))


def numbered(number: Any) -> Any:
    made = message(payload=str(number).encode())
    return SimpleNamespace(payload=made.payload, position=SimpleNamespace(token=encode(1, number, 0), partition=0))


LINK: Any = SimpleNamespace(check_open=lambda: None)
MESSAGES: Any = SimpleNamespace(of=lambda raw: numbered(raw.number), unbroken_to=lambda entry: None)
INTERNALS = {"lastConfirmedEntry": "1:0", "ledgers": [{"ledgerId": 1, "entries": 0}], "state": "LedgerOpened"}
SOURCE: Any = SimpleNamespace(connection=LINK, log=LOG, look_up=lambda: INTERNALS)
KNOWN: Any = SimpleNamespace(name=LOG)


def reader_of(trickle: Trickle) -> Callable[[int], int]:
    begin = Begin(start=None, inclusive=True, token="", internals=INTERNALS)
    news: Any = SimpleNamespace(end_since=lambda moment: None)
    reader = PulsarReader(SOURCE, MESSAGES, begin, FetchAhead(), news)
    return lambda limit: len(reader.read(limit=limit, timeout=1.0))


def consumer_of(trickle: Trickle) -> Callable[[int], int]:
    consumer = PulsarConsumer(LINK, KNOWN, "s", SubscriptionType.SHARED, "c")
    return lambda limit: len(consumer.receive(limit=limit, timeout=1.0))


@pytest.fixture(params=[reader_of, consumer_of])
def reads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Trickle], Callable[[int], int]]:
    """Return how many messages each call returns, of a reader and of a consumer over a trickle."""

    def over(trickle: Trickle) -> Callable[[int], int]:
        for module in (following, consuming, gathering, taking):
            monkeypatch.setattr(module, "time", trickle)
        inner = SimpleNamespace(read_next=lambda milliseconds: raw(trickle.next(milliseconds)))
        outer = SimpleNamespace(_reader=inner, close=lambda: None, is_connected=lambda: True)
        monkeypatch.setattr(following, "open_raw", lambda *given, **more: outer)
        monkeypatch.setattr(following, "close_raw", lambda reader: None)
        monkeypatch.setattr(following, "start_after", lambda *given: (None, False))
        monkeypatch.setattr(
            PulsarConsumer, "_subscribe", lambda self: SimpleNamespace(receive=trickle.next, is_connected=lambda: True)
        )
        monkeypatch.setattr(PulsarConsumer, "_noted", lambda self, received: numbered(received))
        made: Callable[[int], int] = request.param(trickle)
        return made

    return over


@pytest.mark.parametrize("every", [0.0004, 0.00087, 0.00167])
def test_what_trickles_in_is_not_gathered_up_to_the_limit(
    reads: Callable[[Trickle], Callable[[int], int]], every: float
) -> None:
    trickle = Trickle(every=every, count=100_000)
    read = reads(trickle)
    before = 0
    for _ in range(20):
        began = trickle.now
        before += read(10_000)
        assert trickle.now - began < 0.2
        assert before == trickle.given


def test_what_has_arrived_is_taken_without_end_of_patience(reads: Callable[[Trickle], Callable[[int], int]]) -> None:
    assert reads(Trickle(every=0.0, count=100_000))(10_000) == 10_000


def test_a_single_event_is_answered_at_once(reads: Callable[[Trickle], Callable[[int], int]]) -> None:
    trickle = Trickle(every=0.0, count=1)
    assert reads(trickle)(10_000) == 1
    assert trickle.now - 100.0 <= gathering.LINGER_MILLISECONDS / 1000
