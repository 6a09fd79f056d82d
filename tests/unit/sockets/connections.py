"""A connection of daphne's that is open, without a network: what is sent to it, and what it writes."""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

MASK = b"\x01\x80\xff\x00"


def frame(text: bytes, *, first: int = 0x81, mask: bytes = MASK) -> bytes:
    """A frame of up to 125 bytes."""
    masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(text))
    return bytes([first, 0x80 | len(text)]) + mask + masked


class Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def writeSequence(self, parts: list[bytes]) -> None:
        self.written += b"".join(parts)

    def loseConnection(self) -> None:
        """The end."""

    abortConnection = unregisterProducer = loseConnection


def open_connection(*, largest: int) -> Any:
    """It takes messages of up to so many bytes, and writes to a ``Transport``."""
    factory = WebSocketFactory(None, protocols=[])
    factory.protocol = WebSocketProtocol
    factory.setProtocolOptions(maxMessagePayloadSize=largest)
    made: Any = WebSocketProtocol()
    made.factory, made.client_addr = factory, None
    WebSocketServerProtocol._connectionMade(made)
    made.state, made.transport, made.websocket_version = WebSocketServerProtocol.STATE_OPEN, Transport(), 13
    made.current_frame, made.inside_message = None, False
    return made
