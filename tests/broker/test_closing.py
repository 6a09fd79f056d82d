"""In which thread the client's readers and consumers are closed."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pulsar
import pytest

from eventstore.drivers.pulsar.client import closing

Answer = Callable[[Any, Any], None]


class Native:
    """The native part of a reader, and of its client: what is asked is answered by ``give``."""

    def __init__(
        self, *give: Callable[[Answer], None], connected: bool = True, away: bool = False, closed: Any = pulsar.Result.Ok
    ) -> None:
        self._client = self._reader = self._consumer = self
        self._consumers, self.away = [self], away
        self.give, self.connected = list(give), connected
        self.closed_in: list[int] = []
        self.closed = closed
        """What is answered when it is closed."""

    def topic(self) -> str:
        return "persistent://public/default/orders-partition-0"

    def is_connected(self) -> bool:
        return self.connected

    def get_topic_partitions_async(self, topic: str, answer: Answer) -> None:
        assert topic == self.topic()
        self.give.pop(0)(answer)

    def close_async(self, done: Callable[[Any], None] | None) -> None:
        self.closed_in.append(threading.get_ident())
        if done:
            done(self.closed)

    def close(self) -> None:
        self.closed_in.append(threading.get_ident())
        if self.away:
            raise pulsar.ConnectError


def at_once(answer: Answer) -> None:
    answer(None, [])


def elsewhere(answer: Answer) -> None:
    threading.Thread(target=answer, args=(None, [])).start()


def never(answer: Answer) -> None: ...


@pytest.mark.parametrize("given", [(elsewhere,), (at_once, elsewhere), (at_once, at_once, elsewhere)])
@pytest.mark.parametrize("close", [closing.close_reader, closing.close_consumer])
def test_a_reader_is_closed_in_the_thread_that_receives(
    given: tuple[Callable[[Answer], None], ...], close: Callable[[Any], None]
) -> None:
    """The client keeps no lock over the timer that its first chunk starts and its end stops: both belong in one thread."""
    reader = Native(*given)
    close(reader)
    assert len(reader.closed_in) == 1
    assert reader.closed_in[0] != threading.get_ident()
    assert reader._consumers == []


@pytest.mark.parametrize(
    "reader",
    [Native(*[at_once] * closing.MOST_TRIES), Native(never), Native(connected=False), Native(connected=False, away=True)],
)
def test_a_reader_whose_broker_does_not_answer_is_closed_all_the_same(reader: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    close: Callable[[Any], None] = closing.close_reader
    monkeypatch.setattr(closing, "MOST_SECONDS", 0.01)
    close(reader)
    assert reader.closed_in == [threading.get_ident()]
    assert reader._consumers == []
    reader.connected = False
    close(reader)  # again: harmless


class Client(Native):
    """A client with these open, each of which is asked about through it."""

    def __init__(self, *opened: Native) -> None:
        super().__init__(*[elsewhere] * len(opened))
        self._consumers = list(opened)


def closed_by_close_all(*opened: Native) -> list[bool]:
    closing.close_all(cast(pulsar.Client, Client(*opened)))
    return [bool(one.closed_in) for one in opened]


@pytest.mark.parametrize("answer", [pulsar.Result.Ok, pulsar.Result.UnknownError])
def test_all_are_closed_while_the_broker_answers_whatever_it_says(answer: pulsar.Result) -> None:
    assert closed_by_close_all(Native(closed=answer), Native(connected=False), Native()) == [True, False, True]


def test_nothing_more_is_closed_once_the_broker_does_not_answer() -> None:
    """The client then gives an answer of its own, after its limit: each of the others would cost that once more."""
    assert closed_by_close_all(Native(closed=pulsar.Result.Timeout), Native()) == [True, False]


def test_one_limit_holds_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(closing, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    class LateNative(Native):
        def is_connected(self) -> bool:
            clock[0] = closing.MOST_SECONDS
            return True

    assert closed_by_close_all(Native(), LateNative(), Native()) == [True, False, False]
