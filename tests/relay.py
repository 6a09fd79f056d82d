"""A network that can be cut: a relay on loopback in front of a server on loopback.

While cut, it is as silent as a network that loses every packet: connections stay open, and new ones get no answer. Once
mended, what was under way arrives, as if it had been sent again. When severed, every connection ends immediately.
"""

import asyncio
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from scripts.ports import LOOPBACK, free_port

AT_ONCE = 65_536


class Relay:
    """``with Relay(port) as relay``: a client of ``relay.port`` talks to the server at ``port``."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._whole = asyncio.Event()
        self._whole.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"relay to {target}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._accept, LOOPBACK, self.port)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._whole.set)

    def sever(self) -> None:
        """End every connection, as a network device does that has lost its memory."""
        asyncio.run_coroutine_threadsafe(self._sever(), self._loop).result()

    async def _end(self) -> None:
        self._server.close()
        await self._sever()

    async def _sever(self) -> None:
        severed = list(self._connections)
        for connection in severed:
            connection.cancel()
        await asyncio.gather(*severed, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._connect(reader, writer)
        except asyncio.CancelledError:
            return  # the relay ends; the server's done-callback would print the error
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            answers, asks = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            return  # nothing listens there, so the caller's connection ends, too
        directions = [asyncio.create_task(self._pass_on(*way)) for way in ((reader, asks), (answers, writer))]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            asks.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy until either side ends. The last bytes of a side still reach the other."""
        with suppress(OSError):
            while data := await reader.read(AT_ONCE):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
            await self._whole.wait()
            writer.write_eof()
            await asyncio.sleep(0.05)
