"""Sends a websocket's text that is there in parts, most of them shared by many sockets, without a copy.

Joined to a text, encoded, put behind a frame's header and given to the system, each byte was copied four times: with fifty
scripts that took a third of the server's time. What the system takes at once is given to it at once: otherwise each frame
waits until the event loop has learned that the socket can be written to, and has forgotten it again.

A socket that sends often asks for its connection (``connection_of``) and writes to it, without the server's steps in between.
"""

import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from autobahn.exception import Disconnected
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import tcp

IN_PARTS = "eventdesk.text_in_parts"
"""In ``extensions`` of the scope, where the server can tell a socket its connection: the server's own ``send``."""
TEXT_FRAME = 0x81
"""The first byte of a frame that is a whole text."""
MOST_AT_ONCE = 100
"""Parts that are given to the system at once. It takes no more than 1,024."""
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class ConnectionWanted:
    """As the ``text`` of a ``websocket.send``, it is answered with the connection, and nothing is sent."""

    __slots__ = ("connection",)

    def __init__(self) -> None:
        self.connection: Any = None


def taking_texts_in_parts(application: Application) -> Application:
    """The application, in whose scopes ``connection_of`` finds the server's ``send`` from now on."""
    send_whole = WebSocketProtocol.serverSend

    def send(protocol: Any, content: Any, binary: bool = False) -> None:
        if isinstance(content, ConnectionWanted):
            content.connection = protocol
        else:
            send_whole(protocol, content, binary)

    WebSocketProtocol.serverSend = send

    async def told(scope: dict[str, Any], receive: Any, send: Any) -> None:
        extensions = {**(scope.get("extensions") or {}), IN_PARTS: send}
        await application({**scope, "extensions": extensions}, receive, send)

    return told


async def connection_of(scope: Mapping[str, Any]) -> Any:
    """The connection of this socket, which was accepted, to ``write`` to; ``None`` if the server takes no texts in parts."""
    send = (scope.get("extensions") or {}).get(IN_PARTS)
    if send is None:
        return None
    await send({"type": "websocket.send", "text": (wanted := ConnectionWanted())})
    return wanted.connection


def write(protocol: Any, parts: Sequence[bytes]) -> bool:
    """Write one frame, as autobahn writes one that is neither compressed nor masked. It writes any other by itself.

    Returns whether the system has taken all of it, so that nothing waits in memory. Raises ``Disconnected``.
    """
    if protocol.state != WebSocketProtocol.STATE_OPEN:
        raise Disconnected("Attempt to send on a closed protocol")
    size = sum(map(len, parts))
    if _is_plain(protocol, size):
        return _give(protocol.transport, [_header(size), *parts])
    protocol.sendMessage(b"".join(parts), False)
    return False


def _give(transport: Any, parts: Sequence[bytes]) -> bool:
    """Give the system what it takes now, if nothing waits before it. The transport writes the rest, and meets any error.

    Returns whether there is no rest.
    """
    sent = 0
    if _is_free(transport):
        with suppress(OSError):
            sent = transport.socket.sendmsg(parts[:MOST_AT_ONCE])
    if rest := _without_first(parts, sent):
        transport.writeSequence(rest)
    return not rest


def _is_free(transport: Any) -> bool:
    """Whether the transport would do nothing with a text but give it to the system next."""
    if type(transport) is not tcp.Server:
        return False
    try:
        waits = bool(transport.dataBuffer or transport._tempDataBuffer)
        ends = (
            transport.disconnecting or transport.disconnected or transport._writeDisconnected or transport._writeDisconnecting
        )
        return not (waits or ends or transport.TLS) and bool(transport.connected)
    except AttributeError:
        return False


def _without_first(parts: Sequence[bytes], count: int) -> list[bytes]:
    """The parts without so many of their first bytes."""
    for number, part in enumerate(parts):
        if count < len(part):
            return [part[count:], *parts[number + 1 :]] if count else list(parts[number:])
        count -= len(part)
    return []


def _is_plain(protocol: Any, size: int) -> bool:
    """Whether autobahn does nothing with such a text but write it. If it has other names for that by now, nobody knows."""
    try:
        waits, changes = bool(protocol.send_queue), protocol._perMessageCompress is not None or protocol.maskServerFrames
        cuts, most = protocol.autoFragmentSize > 0, protocol.maxMessagePayloadSize
    except AttributeError:
        return False
    return not (waits or changes or cuts or 0 < most < size)


def _header(size: int) -> bytes:
    if size <= 125:
        return struct.pack("!BB", TEXT_FRAME, size)
    if size <= 0xFFFF:
        return struct.pack("!BBH", TEXT_FRAME, 126, size)
    return struct.pack("!BBQ", TEXT_FRAME, 127, size)
