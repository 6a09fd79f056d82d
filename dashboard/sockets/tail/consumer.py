"""The tail's websocket: frames of ready rows for the page, or of whole events for scripts, acknowledged by whoever reads them.

Frames go out at most ten times a second; with three unacknowledged nothing more is sent until the reader has caught up, since
daphne's ``send`` gives no back-pressure. The protocol is in docs/tail.md.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from functools import partial
from typing import Any

import msgspec
from autobahn.exception import Disconnected
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from dashboard import access, masking, searching
from dashboard.sockets.door import JSON
from dashboard.sockets.session import watcher_now
from dashboard.sockets.tail.begin import Begin, NotUnderstood, read_begin
from dashboard.sockets.tail.frames import Framing, Portion, frame_text, json_text, portions
from dashboard.sockets.tail.opening import filter_of, open_viewer
from dashboard.sockets.tail.threads import opening, reading
from eventstore import (
    EventStoreError,
    Filter,
    InvalidFilter,
    InvalidPosition,
    StoreUnreachable,
    UnknownTopic,
    Viewer,
    place_of,
)

log = logging.getLogger(__name__)

FRAME_EVERY = 0.1
COUNTS_EVERY = 1.0
"""Seconds until new counts go out where there is nothing else to give."""
STATUS_EVERY = 4.5
CHECK_RIGHTS_EVERY = 10.0
MOST_UNACKNOWLEDGED = 3
LONGEST_SAID = 500_000

BEGIN_AGAIN = 4012
"""The tail under this socket has stopped, for instance since the topic has more partitions now; or the person sees other
things now."""
NOT_ALLOWED, NO_SUCH_TOPIC, BAD_REQUEST, STORE_AWAY, OUR_FAULT = 4403, 4404, 4400, 4503, 4500

Chosen = tuple[Filter | None, str]
"""A filter (``None``: every event) and its text."""


class TailSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One viewer of one tail."""

    viewer: Viewer | None = None
    begin: Begin | None = None
    framing: Framing

    async def connect(self) -> None:
        self.acknowledged = self.sent = 0
        self.last_sent = 0.0
        self.news = asyncio.Event()
        self.stirred = False
        self.portions: deque[Portion] = deque()
        self.chosen: Chosen = None, ""
        self.in_force: Chosen = self.chosen
        self.refused = ""
        self.door = threading.Lock()
        self.gone = self.ending = False
        self.tasks: set[asyncio.Task[None]] = set()
        watcher = await watcher_now(self.scope)
        if watcher is None or not access.allows(watcher, "tail"):
            await self.close()  # not accepted: the handshake is answered with 403, and no close code is sent
            return
        for_scripts = JSON in self.scope["subprotocols"]
        self.framing = Framing(whole_events=for_scripts, viewer=masking.viewer_of(watcher))
        await self.accept(subprotocol=JSON if for_scripts else None)
        self._spawn(self._keep_asking_rights())

    async def disconnect(self, code: int) -> None:
        with self.door:
            self.gone = True
            viewer = self.viewer
        for task in self.tasks:
            task.cancel()
        if viewer is not None:
            viewer.close()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As it is, but that what is received needs no database: Channels would ask a thread to look after the connections."""
        if message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        else:
            await super().dispatch(message)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.ending:
            return
        match _decoded(text_data):
            case {"ack": int(number), **other} if not other and not isinstance(number, bool):
                self.acknowledged = min(self.sent, max(self.acknowledged, number))
                self.news.set()
            case {"filter": str(text), **other} if not other and self.begin is not None:
                self._change_filter(text)
            case {"begin": said, **other} if not other and self.begin is None:
                await self._begin(said)
            case _:
                await self._end(BAD_REQUEST, "Expected begin first, and ack or filter from then on, each as a JSON object.")

    # -- what the client says

    async def _begin(self, said: object) -> None:
        try:
            self.begin = read_begin(said, self.scope["url_route"]["kwargs"].get("topic", ""))
        except NotUnderstood as error:
            await self._end(BAD_REQUEST, str(error))
            return
        asked = searching.asked_by(self.begin.filter, self.framing.viewer)
        if asked.problem:
            await self._end(BAD_REQUEST, asked.problem)
            return
        self.chosen = self.in_force = filter_of(self.begin, asked.filter), asked.text
        self.framing.filter = asked.text
        self._spawn(self._run(self.begin, self.chosen[0]))

    def _change_filter(self, text: str) -> None:
        """From the next frame on; where it is refused, the old one stays, and that is said with the next frame."""
        assert self.begin is not None
        asked = searching.asked_by(text, self.framing.viewer)
        if asked.problem:
            self.refused = asked.problem  # the newest alone: whoever does not read must not have them pile up
        else:
            self.chosen = filter_of(self.begin, asked.filter), asked.text
        self.news.set()

    @property
    def filter_changed(self) -> bool:
        return self.chosen is not self.in_force

    # -- what it is sent

    async def _run(self, begin: Begin, filter: Filter | None) -> None:
        """Open the viewer and feed it until the socket closes."""
        try:
            viewer = await self._open_viewer(begin, filter)
            await self._feed(viewer)
            await self._end(BEGIN_AGAIN)
        except UnknownTopic as error:
            await self._end(NO_SUCH_TOPIC, str(error))
        except (InvalidFilter, InvalidPosition, NotUnderstood) as error:
            await self._end(BAD_REQUEST, str(error))
        except EventStoreError as error:
            if not isinstance(error, StoreUnreachable):
                log.warning("tail closed: %s", type(error).__name__)
            await self._end(STORE_AWAY, "The store does not answer now. Trying again helps.")

    async def _open_viewer(self, begin: Begin, filter: Filter | None) -> Viewer:
        loop = asyncio.get_running_loop()

        def stir() -> None:
            self.stirred = True
            self.news.set()

        def wake() -> None:
            if not self.gone:
                loop.call_soon_threadsafe(stir)

        def open_it() -> Viewer:
            viewer, self.framing.topics = open_viewer(begin, filter, wake, complete=self.framing.whole_events)
            with self.door:
                self.viewer = viewer
                gone = self.gone
            if gone:  # the reader left while this thread was opening: nobody else would close it
                viewer.close()
            return viewer

        return await opening(open_it)

    async def _feed(self, viewer: Viewer) -> None:
        """Frame after frame, until the tail under the viewer has ended."""
        due = time.monotonic()
        while await self._something_to_say(viewer):
            if not self.portions and (self.filter_changed or viewer.takes_long):
                text = await reading(partial(self._next_frame, viewer))
            else:
                text = self._next_frame(viewer)
            if self.refused:
                problem, self.refused = self.refused, ""
                await self._say_problem(problem)
            await self.send(text_data=text)
            self.last_sent = now = time.monotonic()
            # From when it was due, not from now: else a tail that seals ten times a second would be answered every other time.
            due = max(due + FRAME_EVERY, now - FRAME_EVERY / 2)
            await asyncio.sleep(max(0.0, due - now))

    async def _something_to_say(self, viewer: Viewer) -> bool:
        """Wait until a frame should go out, and may; false once there will be no more."""
        while not self.ending and (self.portions or viewer.waiting or not viewer.ended):
            self.news.clear()
            silent = time.monotonic() - self.last_sent
            at_once = self.portions or viewer.waiting or self.filter_changed or self.refused
            patience = 0.0 if at_once else COUNTS_EVERY if self.stirred else STATUS_EVERY
            window_is_open = self.sent - self.acknowledged < MOST_UNACKNOWLEDGED
            if window_is_open and silent >= patience:
                return True
            try:
                async with asyncio.timeout(patience - silent if window_is_open else None):
                    await self.news.wait()
            except TimeoutError:
                continue
        return False

    def _next_frame(self, viewer: Viewer) -> str:
        if not self.portions:
            self._take(viewer)
        self.sent += 1
        return frame_text(self.sent, self.portions.popleft(), self.framing)

    def _take(self, viewer: Viewer) -> None:
        chosen = self.chosen  # once: the event loop may exchange it meanwhile
        if chosen is not self.in_force:
            viewer.set_filter(chosen[0])
            self.in_force, self.framing.filter = chosen, chosen[1]
            self.framing.begin_again()
        self.stirred = False
        self.portions.extend(portions(viewer.take(), self.framing))

    async def send(self, text_data: str | None = None, bytes_data: bytes | None = None, close: bool = False) -> None:
        try:
            await super().send(text_data=text_data, bytes_data=bytes_data, close=close)
        except Disconnected:
            return  # the reader left while this was being made; disconnect comes in a moment

    # -- its end

    async def _keep_asking_rights(self) -> None:
        """Whether the person or the token may watch now, asked of the database: roles are taken away and sessions end."""
        while True:
            await asyncio.sleep(CHECK_RIGHTS_EVERY)
            try:
                watcher = await watcher_now(self.scope)
                allowed = watcher is not None and access.allows(watcher, "tail")
            except DatabaseError as error:
                log.warning("rights could not be asked, tail closed: %s", type(error).__name__)
                await self._end(STORE_AWAY)
                return
            if not allowed:
                await self._end(NOT_ALLOWED)
            elif watcher is not None and masking.viewer_of(watcher).profile != self.framing.viewer.profile:
                await self._end(BEGIN_AGAIN)

    async def _end(self, code: int, problem: str = "") -> None:
        if self.ending:
            return
        self.ending = True
        if problem:
            await self._say_problem(problem)
        await self.close(code)

    async def _say_problem(self, problem: str) -> None:
        await self.send(text_data=f'{{"problem":{json_text(problem)}}}')

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(self._or_close(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _or_close(self, work: Any) -> None:
        """No task of a socket ends by a fault of ours and leaves it open and silent. The error's text may hold a value."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the last resort
            log.error("A tail's socket ended at an unforeseen %s at %s", type(error).__name__, place_of(error))
            await self._end(OUR_FAULT)


def _decoded(text: str | None) -> Any:
    """What the client sent; ``None``, which nothing expects, where it is no JSON or far too much of it."""
    if text is None or len(text) > LONGEST_SAID:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
