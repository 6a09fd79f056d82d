"""The tail's socket from the inside: unforeseen errors, filters that change at a bad moment, and its threads."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import pytest

from dashboard.access.scopes import EVERYTHING
from dashboard.privacy import AccessProfile
from dashboard.sockets.open_sockets import Watched
from dashboard.sockets.tail import consumer
from dashboard.sockets.tail.begin import Begin
from dashboard.sockets.tail.closing import INTERNAL_ERROR
from dashboard.sockets.tail.consumer import TailSocket
from dashboard.sockets.tail.frames import Framing
from dashboard.sockets.tail.sender import FrameSender, NamedFilter
from dashboard.sockets.tail.threads import MAX_OPENING, open_in_thread, read_in_thread
from eventstore.model.errors import (
    EventStoreError,
    InvalidName,
    InvalidPosition,
    NotLetIn,
    NotPermitted,
    StoreClosed,
    StoreRefused,
    StoreUnreachable,
    UnknownTopic,
)
from eventstore.search import Filter, parse_filter
from eventstore.tail import Counts, Start, Take


def test_a_fault_of_ours_closes_the_socket_and_its_text_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    said: list[dict[str, Any]] = []

    async def say(message: dict[str, Any]) -> None:
        said.append(message)

    async def fault() -> None:
        raise ValueError("no room for Erika Mustermann")

    async def work() -> None:
        socket = TailSocket()
        socket.base_send, socket.ending = say, False
        await socket._or_close(fault())

    asyncio.run(work())
    assert [(message["type"], message["code"]) for message in said] == [("websocket.close", INTERNAL_ERROR)]
    assert "ValueError" in caplog.text
    assert "test_consumer.py" in caplog.text
    assert "Mustermann" not in caplog.text


def test_a_fault_while_a_message_is_handled_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    closed: list[str] = []

    class Subscriber:
        def close(self) -> None:
            closed.append("subscriber")

    async def say(message: dict[str, Any]) -> None:
        said.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive", "text": "Erika Mustermann"}

    async def fault(socket: TailSocket, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        raise ValueError(text_data)

    async def work() -> None:
        socket = TailSocket()
        socket.subscriber = cast(Any, Subscriber())
        socket.all_open.add(Watched(("token", 1)), socket.rights_changed.set)
        await socket({"type": "websocket"}, receive, say)
        assert len(socket.all_open) == 0

    monkeypatch.setattr(TailSocket, "receive", fault)
    asyncio.run(work())
    assert [(message["type"], message["code"]) for message in said] == [("websocket.close", INTERNAL_ERROR)]
    assert closed == ["subscriber"]
    assert "ValueError" in caplog.text
    assert "Mustermann" not in caplog.text


def closed_by(work: Callable[[TailSocket], Coroutine[Any, Any, None]]) -> tuple[int | None, list[str]]:
    """The code and the problems with which this ends a socket that has not begun."""
    said: list[dict[str, Any]] = []

    async def say(message: dict[str, Any]) -> None:
        said.append(message)

    async def whole() -> None:
        socket = TailSocket()
        socket.base_send, socket.ending, socket.seen = say, False, EVERYTHING
        await work(socket)

    asyncio.run(whole())
    problems = [json.loads(message["text"])["problem"] for message in said if message["type"] == "websocket.send"]
    return next((message["code"] for message in said if message["type"] == "websocket.close"), None), problems


def test_a_socket_that_never_begins_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "BEGINS_WITHIN", 0.01)
    code, problems = closed_by(lambda socket: socket._expect_begin())
    assert (code, len(problems)) == (4400, 1)

    async def begin_in_time(socket: TailSocket) -> None:
        socket.begin = Begin(topics=("t",), start=Start())
        await socket._expect_begin()

    assert closed_by(begin_in_time) == (None, [])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnreachable("The store does not answer."), 4503),
        (StoreClosed("This desk is stopping."), 4503),
        (StoreRefused("The topic is taken."), 4502),
        (NotPermitted("It needs the permission consume."), 4504),
        (NotLetIn("The token has ended."), 4503),
        (InvalidName("No such name."), 4502),
        (UnknownTopic("No such topic."), 4404),
        (InvalidPosition("No such position."), 4400),
    ],
)
def test_what_keeps_a_tail_from_opening_is_said_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch, error: EventStoreError, code: int
) -> None:
    async def refuse(socket: TailSocket, begin: Begin, sender: FrameSender) -> Any:
        raise error

    monkeypatch.setattr(TailSocket, "_open_subscriber", refuse)
    begin = Begin(topics=("t",), start=Start())
    assert closed_by(lambda socket: socket._run(begin, a_sender())) == (code, [str(error)])


def test_an_open_tail_that_is_refused_may_be_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarting broker may refuse for a moment. The client learns then whether trying again helps."""

    async def open_it(socket: TailSocket, begin: Begin, sender: FrameSender) -> Any:
        return None

    async def refuse(sender: FrameSender, subscriber: Any) -> None:
        raise StoreRefused("No permission.")

    monkeypatch.setattr(TailSocket, "_open_subscriber", open_it)
    monkeypatch.setattr(FrameSender, "run", refuse)
    begin = Begin(topics=("t",), start=Start())
    assert closed_by(lambda socket: socket._run(begin, a_sender())) == (4503, ["No permission."])


def a_sender(filter: NamedFilter = (None, "")) -> FrameSender:
    """A sender for scripts that sends nothing anywhere."""

    async def send(texts: Sequence[bytes]) -> None:
        raise AssertionError("nothing is sent here")

    framing = Framing(whole_events=True, profile=AccessProfile(name="support", sees_values=True))
    return FrameSender(framing, send, lambda work: None, filter)


class Interrupted:
    """A subscriber whose client requests another filter just while one is being set."""

    has_pending = False

    def __init__(self, sender: FrameSender, then: NamedFilter) -> None:
        self.sender, self.then = sender, then
        self.filters: list[Filter | None] = []

    def set_filter(self, filter: Filter | None) -> None:
        self.filters.append(filter)
        self.sender.request_filter(self.then)

    def take(self, room: int | None) -> Take:
        return Take(pieces=[], counts=Counts(), places={}, lag_ms=None, state="live")


def test_a_filter_that_changes_while_the_one_before_is_set_is_named_only_once_it_is_in_force() -> None:
    first, second = ((parse_filter(text), text) for text in ("type:a", "type:b"))
    sender = a_sender()
    sender.request_filter(first)
    subscriber: Any = Interrupted(sender, second)
    sender.take(subscriber)
    assert b'"filter":"type:a"' in b"".join(sender.next_frame())
    assert sender.filter_changed
    sender.take(subscriber)
    assert b'"filter":"type:b"' in b"".join(sender.next_frame())
    assert subscriber.filters == [first[0], second[0]]
    assert not sender.filter_changed


def test_openings_that_wait_keep_nothing_else_waiting() -> None:
    released = threading.Event()

    async def work() -> list[int]:
        waiting = [asyncio.create_task(open_in_thread(released.wait)) for _ in range(3 * MAX_OPENING)]
        await asyncio.sleep(0)
        try:
            return [await read_in_thread(lambda: 1), await asyncio.to_thread(lambda: 2)]
        finally:
            released.set()
            await asyncio.gather(*waiting)

    assert asyncio.run(work()) == [1, 2]


def test_what_wakes_a_socket_is_the_beat_that_its_frames_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    wakes: list[Callable[[], None]] = []

    def open_subscriber(begin: object, topics: object, filter: object, wake: Callable[[], None], **_: object) -> object:
        wakes.append(wake)
        return object()

    monkeypatch.setattr(consumer, "topics_of", lambda begin: [])
    monkeypatch.setattr(consumer, "open_subscriber", open_subscriber)

    async def work() -> list[bool]:
        socket, sender = TailSocket(), a_sender()
        socket.framing, socket.lock, socket.disconnected = sender.framing, threading.Lock(), False
        begin = Begin(topics=("t",), start=Start())
        await socket._open_subscriber(begin, sender)
        before = sender.news_at
        await asyncio.to_thread(wakes[0])
        await sender.wake_up.wait()
        return [sender.has_news, sender.news_at > before]

    assert asyncio.run(work()) == [True, True]
