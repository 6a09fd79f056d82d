"""What a tail's socket says and hears directly on its connection is the same as on daphne's way."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerProtocol
from daphne.ws_protocol import WebSocketProtocol

from dashboard.privacy import AccessProfile
from dashboard.sockets import short_texts
from dashboard.sockets.short_texts import offer_to
from dashboard.sockets.tail.closing import BAD_REQUEST
from dashboard.sockets.tail.consumer import TailSocket
from dashboard.sockets.tail.frames import Framing
from dashboard.sockets.tail.sender import FrameSender
from tests.unit.sockets.connections import frame, open_connection


class Open:
    """A tail's socket on an open connection. ``heard`` are the texts that went daphne's way."""

    def __init__(self) -> None:
        made = open_connection(largest=1_000_000)
        self.heard: list[bytes] = []
        made.onMessage = lambda payload, is_binary: self.heard.append(payload)
        self.connection = made
        self.socket = TailSocket()
        profile = AccessProfile(name="support", sees_values=True)
        self.socket.sender = FrameSender(Framing(whole_events=False, profile=profile), lambda texts: None, lambda work: None)
        self.socket.connection, self.socket.base_send = made, self._send
        offer_to(made, self.socket._take_acknowledgement)

    async def _send(self, message: dict[str, Any]) -> None:
        self.connection.handle_reply(message)

    @property
    def window(self) -> Any:
        assert self.socket.sender is not None
        return self.socket.sender.window

    def acknowledge(self, number: int, mark: str) -> None:
        self.connection.dataReceived(frame(json.dumps({"ack": number, "mark": mark}).encode()))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WebSocketProtocol, "dataReceived", WebSocketProtocol.dataReceived)
    short_texts.take_short_texts()


def with_open(work: Callable[[Open], Awaitable[None]]) -> None:
    async def whole() -> None:
        await work(Open())

    asyncio.run(whole())


def test_an_acknowledgement_with_the_right_mark_is_taken_and_goes_no_further() -> None:
    async def work(one: Open) -> None:
        one.acknowledge(1, one.window.send(10, 0.0))
        assert (one.window.acknowledged, one.heard) == (1, [])

    with_open(work)


def test_a_wrong_mark_goes_the_usual_way_where_it_closes_the_socket_after_the_last_frame() -> None:
    async def work(one: Open) -> None:
        one.window.send(10, 0.0)
        sending = one.socket._send_texts([b"the last ", b"frame"])
        await (sending or asyncio.sleep(0))
        one.acknowledge(1, "wrong")
        assert one.window.acknowledged == 0 and len(one.heard) == 1
        await one.socket.receive(text_data=one.heard[0].decode())
        written = one.connection.transport.written
        assert written.startswith(b"\x81\x0ethe last frame")
        assert b'{"problem":' in written
        assert written.index(b"the last") < written.index(b"problem") < written.index(b"\x88\x02" + BAD_REQUEST.to_bytes(2))
        assert written.endswith(b"\x88\x02" + BAD_REQUEST.to_bytes(2)) and BAD_REQUEST == 4400

    with_open(work)


def test_nothing_is_taken_while_the_socket_ends_or_before_it_has_begun() -> None:
    async def work(one: Open) -> None:
        mark = one.window.send(10, 0.0)
        one.socket.ending = True
        one.acknowledge(1, mark)
        assert (one.window.acknowledged, len(one.heard)) == (0, 1)
        one.socket.ending, one.socket.sender = False, None
        one.acknowledge(1, mark)
        assert len(one.heard) == 2

    with_open(work)


def test_a_socket_that_was_disconnected_is_offered_nothing_more_and_not_held_by_its_connection() -> None:
    async def work(one: Open) -> None:
        mark, window = one.window.send(10, 0.0), one.window
        await one.socket.disconnect(1000)
        one.acknowledge(1, mark)
        assert (window.acknowledged, len(one.heard)) == (0, 1)
        assert getattr(one.connection, short_texts.TAKE) is None

    with_open(work)


def test_what_is_sent_to_a_connection_that_has_just_closed_is_dropped() -> None:
    async def work(one: Open) -> None:
        one.connection.state = WebSocketServerProtocol.STATE_CLOSED
        assert one.socket._send_texts([b"late"]) is None
        assert one.connection.transport.written == b""

    with_open(work)
