"""A text in parts becomes the frame that autobahn writes of the whole text."""

from typing import Any

import pytest
from autobahn.exception import Disconnected
from autobahn.twisted.websocket import WebSocketServerProtocol

from dashboard.sockets import texts_in_parts


class Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def writeSequence(self, parts: list[bytes]) -> None:
        self.written += b"".join(parts)


class Protocol:
    """As much of an open connection as a frame needs."""

    def __init__(self, state: int = WebSocketServerProtocol.STATE_OPEN) -> None:
        self.state, self.transport = state, Transport()


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
    texts_in_parts._write(protocol, [text[:3], text[3:]])
    assert protocol.transport.written == written_by_autobahn(text)


def test_on_a_connection_that_is_closed_it_fails_as_any_text_does() -> None:
    protocol = Protocol(WebSocketServerProtocol.STATE_CLOSED)
    with pytest.raises(Disconnected):
        texts_in_parts._write(protocol, [b"x"])
    assert protocol.transport.written == b""
