"""A text in parts becomes the frame that autobahn writes of the whole text."""

import asyncio
from typing import Any

import pytest
from autobahn.exception import Disconnected
from autobahn.twisted.websocket import WebSocketServerProtocol
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

from dashboard.sockets import texts_in_parts
from tests.unit.sockets.connections import Transport


class Protocol:
    """As much of an open connection as a frame needs."""

    def __init__(self, state: int = WebSocketServerProtocol.STATE_OPEN) -> None:
        self.state, self.transport = state, Transport()
        self.send_queue: list[object] = []
        self._perMessageCompress: object = None
        self.maskServerFrames = False
        self.autoFragmentSize = self.maxMessagePayloadSize = 0
        self.by_itself: list[bytes] = []

    def sendMessage(self, payload: bytes, binary: bool) -> None:
        assert not binary
        self.by_itself.append(payload)


def written_by_autobahn(text: bytes) -> bytes:
    from unittest.mock import MagicMock

    protocol: Any = MagicMock()
    protocol.factory.isServer, protocol.maskServerFrames = True, False
    protocol.factory.maskServerFrames = False
    written: list[bytes] = []
    protocol.sendData = lambda raw, *_: written.append(raw)
    protocol.logFrames = False
    WebSocketServerProtocol.sendFrame(protocol, opcode=1, payload=text)
    return b"".join(written)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 0xFFFF, 0x10000, 900_000])
def test_it_is_the_frame_of_the_whole_text(size: int) -> None:
    text = ("ü" * size)[: size // 2].encode().ljust(size, b"x")
    protocol = Protocol()
    texts_in_parts.write(protocol, [text[:3], text[3:]])
    assert protocol.transport.written == written_by_autobahn(text)


def test_on_a_connection_that_is_closed_it_fails_as_any_text_does() -> None:
    protocol = Protocol(WebSocketServerProtocol.STATE_CLOSED)
    with pytest.raises(Disconnected):
        texts_in_parts.write(protocol, [b"x"])
    assert protocol.transport.written == b""


@pytest.mark.parametrize(
    "given",
    [
        {"send_queue": [(b"x", True)]},
        {"_perMessageCompress": object()},
        {"maskServerFrames": True},
        {"autoFragmentSize": 1_000},
        {"maxMessagePayloadSize": 2},
    ],
)
def test_where_autobahn_does_more_with_it_it_writes_the_whole_text_itself(given: dict[str, Any]) -> None:
    protocol = Protocol()
    vars(protocol).update(given)
    texts_in_parts.write(protocol, [b"ab", b"c"])
    assert (protocol.by_itself, protocol.transport.written) == ([b"abc"], b"")


def test_where_autobahn_has_other_names_for_that_it_writes_the_whole_text_itself() -> None:
    protocol = Protocol()
    del protocol._perMessageCompress
    texts_in_parts.write(protocol, [b"ab", b"c"])
    assert (protocol.by_itself, protocol.transport.written) == ([b"abc"], b"")


def test_a_socket_is_told_its_connection_and_writes_to_it_what_daphne_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WebSocketProtocol, "serverSend", WebSocketProtocol.serverSend)
    found: list[Any] = []

    async def ask(scope: Any, *_: Any) -> None:
        found.append(await texts_in_parts.connection_of(scope))

    async def send(message: dict[str, Any]) -> None:
        connection.handle_reply(message)

    application = texts_in_parts.taking_texts_in_parts(ask)
    factory = WebSocketFactory(None, protocols=[])
    factory.protocol = WebSocketProtocol
    factory.setProtocolOptions(maxMessagePayloadSize=1_000_000)
    connection = WebSocketProtocol()
    connection.factory, connection.client_addr = factory, None
    WebSocketServerProtocol._connectionMade(connection)
    connection.state, connection.transport = WebSocketServerProtocol.STATE_OPEN, Transport()

    async def work() -> None:
        await application({}, None, send)

    asyncio.run(work())
    assert found == [connection] and not connection.transport.written
    texts_in_parts.write(connection, [b"ab", b"c"])
    connection.handle_reply({"type": "websocket.send", "text": "abc"})
    assert connection.transport.written == 2 * written_by_autobahn(b"abc")
    assert texts_in_parts._is_plain(connection, 3)


def test_a_server_that_takes_no_texts_in_parts_has_no_connection_to_tell() -> None:
    assert asyncio.run(texts_in_parts.connection_of({"extensions": None})) is None
