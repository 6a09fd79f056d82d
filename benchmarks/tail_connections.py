"""A websocket client for benchmarks that takes little of the machine: what it costs is not the desk's.

It understands what daphne and the broker send: whole, unmasked texts, pings, and the end.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
NO_MASK = b"\0\0\0\0"
"""A mask that changes nothing, which a client may choose."""
OPEN_WITHIN = 60.0
FIRST_BUFFER = 32 * 1024
"""Bytes. It grows with what comes."""


class Refused(Exception):
    """The server refused the handshake, or closed the connection. Says how."""


class Connection(asyncio.BufferedProtocol):
    """Calls ``take`` with each message. ``ended`` is done once the connection is closed."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.take: Callable[[bytes], None] = self._keep
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._kept: asyncio.Queue[bytes] = asyncio.Queue()
        self._buffer = bytearray(FIRST_BUFFER)
        self._begin = self._end = 0
        """Where in the buffer what has come and was not taken yet begins and ends."""
        self._is_open = False

    async def open(self, url: str, headers: Sequence[tuple[str, str]], subprotocols: Sequence[str]) -> None:
        parts = urlsplit(url)
        await asyncio.get_running_loop().create_connection(lambda: self, parts.hostname or "", parts.port or 0)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *([f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}"] if subprotocols else []),
            *(f"{name}: {value}" for name, value in headers),
        ]
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(OPEN_WITHIN):
            status = await self._opened
        if " 101 " not in status:
            raise Refused(status)

    async def first(self) -> bytes:
        """Return the next message, as long as nothing else takes them."""
        getting = asyncio.create_task(self._kept.get())
        self.ended.add_done_callback(lambda _: getting.cancel())
        try:
            return await getting
        except asyncio.CancelledError:
            raise Refused(self.ended.result()) from None

    def take_with(self, take: Callable[[bytes], None]) -> None:
        """Pass messages to this function, beginning with those that have come since the last ``first``."""
        self.take = take
        while not self._kept.empty():
            take(self._kept.get_nowait())

    def send(self, text: str) -> None:
        self._write(TEXT, text.encode())

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where what comes next is to be written: at least half of the buffer."""
        del sizehint
        held = self._end - self._begin
        if 2 * (len(self._buffer) - self._end) < len(self._buffer):
            grown = bytearray(len(self._buffer) * (2 if 2 * held > len(self._buffer) else 1))
            grown[:held] = memoryview(self._buffer)[self._begin : self._end]
            self._buffer, self._begin, self._end = grown, 0, held
        return memoryview(self._buffer)[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        self._end += nbytes
        if not self._is_open:
            end = self._buffer.find(b"\r\n\r\n", self._begin, self._end)
            if end < 0:
                return
            self._opened.set_result(self._buffer[self._begin : end].split(b"\r\n")[0].decode())
            self._is_open, self._begin = True, end + 4
        while (size := self._frame()) is not None:
            begin, end = size
            opcode, payload = self._buffer[self._begin] & 0x0F, bytes(memoryview(self._buffer)[begin:end])
            self._begin = end
            self._take_frame(opcode, payload)
        if self._begin == self._end:
            self._begin = self._end = 0

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self._opened, self.ended):
            if not future.done():
                future.set_result(f"the connection was closed ({error})")

    def _frame(self) -> tuple[int, int] | None:
        """Where the payload of the first frame begins and ends, if all of it has come."""
        at, held = self._begin, self._end - self._begin
        if held < 2:
            return None
        size, head = self._buffer[at + 1], 2
        if size >= 126:
            head = 4 if size == 126 else 10
            if held < head:
                return None
            (size,) = struct.unpack_from("!H" if head == 4 else "!Q", self._buffer, at + 2)
        return (at + head, at + head + size) if held >= head + size else None

    def _take_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.take(payload)
        elif opcode == PING:
            self._write(PONG, payload)
        elif opcode == CLOSE and not self.ended.done():
            self.ended.set_result(f"closed with {int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}")

    def _write(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        length = struct.pack("!B", 128 | size) if size <= 125 else struct.pack("!BH", 254, size)
        self.transport.write(b"".join((bytes([0x80 | opcode]), length, NO_MASK, payload)))

    def _keep(self, payload: bytes) -> None:
        self._kept.put_nowait(payload)
