"""The thread of a process that speaks with Redis, so that nothing else ever waits for it.

Hints go by Redis's PUBLISH, through Channels' layer for that. Redis keeps nothing of them: it can be restarted or full, and a
hint that finds nobody is lost. A process that listens sends itself a probe every few seconds, and connects anew if that does
not come back, so that a connection which only looks open is found.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dashboard.hints.standing import Seen
from dashboard.running.instruments import HINTS

if TYPE_CHECKING:
    from channels_redis.pubsub import RedisPubSubChannelLayer

PREFIX, GROUP = "eventdesk.", "hints"
LOOK, PROBE = {"type": "look"}, {"type": "probe"}
PROBE_EVERY = 3.0
ANSWERS_WITHIN = 2.0
"""Seconds for one step of a talk with Redis."""
ENDS_WITHIN = 3.0
AGAIN_AFTER = 1.0
"""Seconds after a failure."""
LEAST_PAUSE = 0.05
"""Seconds between two hints that a process sends, or hears: any number of changes meanwhile are one."""


class Carrier:
    """Sends hints, and with ``heard`` listens for those of all processes, its own too. ``heard`` is called in its thread."""

    def __init__(self, host: Mapping[str, Any], heard: Callable[[], object] | None = None) -> None:
        self.seen = Seen()
        self._host = host
        self._heard = heard
        self._lock = threading.Lock()
        self._due = False
        self._nothing_due = threading.Event()
        self._nothing_due.set()
        self._ending = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._echo = asyncio.Event()
        self._news = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
        self._thread.start()

    @property
    def hears(self) -> bool:
        return self._heard is not None

    def send(self) -> None:
        """Have the others look again. For any thread; waits for nothing, and cannot fail."""
        with self._lock:
            self._due = True
            self._nothing_due.clear()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake.set)

    def finish(self, seconds: float) -> bool:
        """Wait for what is due, this long at most. Returns whether nothing is left that may still go."""
        return self._nothing_due.wait(seconds)

    def close(self) -> None:
        """End the thread. Waits for it a moment: it may be looking up a name, which nothing interrupts."""
        self._ending.set()
        with self._lock:
            if self._loop is not None and self._main is not None:
                self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(ENDS_WITHIN)

    def _run(self) -> None:
        while not self._ending.is_set():
            with suppress(asyncio.CancelledError):
                try:
                    asyncio.run(self._talk())
                except Exception as error:  # noqa: BLE001 - told once; the next attempt may succeed
                    self.seen.fails(_first(error))
            self._give_up()
            self._ending.wait(AGAIN_AFTER)

    async def _talk(self) -> None:
        """Send and listen until something fails. Each time with a loop and a layer of its own: no failure stays."""
        from channels_redis.pubsub import RedisPubSubChannelLayer

        layer = RedisPubSubChannelLayer(hosts=[_connection(self._host)], prefix=PREFIX, serializer_format="json")
        self._wake, self._echo, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        with self._lock:
            self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
            if self._due:
                self._wake.set()
        try:
            if self._ending.is_set():
                return
            own = await self._subscribe(layer) if self._heard else ""
            async with asyncio.TaskGroup() as both:
                both.create_task(self._keep_sending(layer, own))
                if own:
                    both.create_task(self._keep_listening(layer, own))
                    both.create_task(self._keep_telling())
        except Exception as error:
            self.seen.fails(_first(error))  # here, since the loop ends only after a name that it looks up is found, or not
            raise
        finally:
            with self._lock:
                self._loop = None

    async def _subscribe(self, layer: "RedisPubSubChannelLayer") -> str:
        async with asyncio.timeout(ANSWERS_WITHIN):
            own: str = await layer.new_channel()
            await layer.group_add(GROUP, own)
        return own

    async def _keep_sending(self, layer: "RedisPubSubChannelLayer", own: str) -> None:
        """``own`` is the channel for probes; empty in a process that does not listen."""
        while True:
            if own:
                await self._probe(layer, own)
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_EVERY if own else None):
                    await self._wake.wait()
            if self._wake.is_set():
                await self._send_one(layer)
                await asyncio.sleep(LEAST_PAUSE)

    async def _send_one(self, layer: "RedisPubSubChannelLayer") -> None:
        with self._lock:
            self._wake.clear()
            self._due = False
        async with asyncio.timeout(ANSWERS_WITHIN):
            await layer.group_send(GROUP, LOOK)
        HINTS.labels("sent").inc()
        self.seen.answers()
        with self._lock:
            if not self._due:
                self._nothing_due.set()

    async def _probe(self, layer: "RedisPubSubChannelLayer", own: str) -> None:
        self._echo.clear()
        async with asyncio.timeout(ANSWERS_WITHIN):
            await layer.send(own, PROBE)
            await self._echo.wait()
        self.seen.answers()

    async def _keep_listening(self, layer: "RedisPubSubChannelLayer", own: str) -> None:
        while True:
            try:
                said = await layer.receive(own)
            except (ValueError, RecursionError):  # not of ours: whoever else may publish there
                said = None
            if said == PROBE:
                self._echo.set()
            else:
                HINTS.labels("heard").inc()
                self._news.set()

    async def _keep_telling(self) -> None:
        """Any number of hints within a moment are one, whoever publishes them."""
        assert self._heard
        while True:
            await self._news.wait()
            self._news.clear()
            self._heard()
            await asyncio.sleep(LEAST_PAUSE)

    def _give_up(self) -> None:
        """What is due and was not sent is lost: others ask the database within a second."""
        with self._lock:
            if not self._nothing_due.is_set():
                HINTS.labels("lost").inc()
            self._due = False
            self._nothing_due.set()


def _connection(host: Mapping[str, Any]) -> dict[str, Any]:
    """For redis-py's pool of connections."""
    from redis.asyncio import SSLConnection

    given = {**host, "socket_connect_timeout": ANSWERS_WITHIN, "socket_timeout": ANSWERS_WITHIN}
    return {**given, "connection_class": SSLConnection} if given.pop("ssl", False) else given


def _first(error: BaseException) -> BaseException:
    """What failed, of the several tasks that ended by it."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
