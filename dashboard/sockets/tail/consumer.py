"""The tail's websocket: frames of ready rows for the page, or of whole events for scripts, acknowledged by whoever reads them.

Frames go out at most ten times a second; with three unacknowledged, or as many bytes as the reader has room for, nothing more
is sent until it has caught up (``window``). The protocol is in docs/tail-for-scripts.md.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from functools import partial
from typing import Any

from autobahn.exception import Disconnected
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from dashboard import privacy
from dashboard.access import policy
from dashboard.running import memory
from dashboard.sockets.handshake import JSON
from dashboard.sockets.session import watcher_now
from dashboard.sockets.tail.begin import Begin, NotUnderstood, decoded, read_begin
from dashboard.sockets.tail.closing import BAD_REQUEST, BEGIN_AGAIN, NOT_ALLOWED, OUR_FAULT, STORE_AWAY, code_of
from dashboard.sockets.tail.frames import MOST_BYTES, Framing, Portion, frame_text, json_text, portions
from dashboard.sockets.tail.opening import filter_of, has_new_topics, open_viewer
from dashboard.sockets.tail.pace import Pace
from dashboard.sockets.tail.threads import opening, reading
from dashboard.sockets.tail.turns import turn
from dashboard.sockets.tail.window import MOST_ROOM, Window
from dashboard.web import filter_form
from eventstore.model import EventStoreError, place_of
from eventstore.search import Filter
from eventstore.tail import TailSubscriber

log = logging.getLogger(__name__)

COUNTS_EVERY = 1.0
"""Seconds until new counts go out where there is nothing else to give."""
STATUS_EVERY = 4.5
CHECK_RIGHTS_EVERY = LOOK_FOR_TOPICS_EVERY = 10.0
BEGINS_WITHIN = 60.0
ENDS_WITHIN = 5.0
"""Seconds that a reader has to make room for the rest of a tail that has ended, whose ring it keeps."""

Chosen = tuple[Filter | None, str]
"""A filter (``None``: every event) and its text."""


class TailSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One viewer of one tail."""

    viewer: TailSubscriber | None = None
    begin: Begin | None = None
    framing: Framing
    stirred_at = 0.0
    """When the tail last said that there is something new: at each chunk, for the most part."""

    async def connect(self) -> None:
        self.window = Window()
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
        if watcher is None or not policy.allows(watcher, "tail"):
            await self.close()  # not accepted: the handshake is answered with 403, and no close code is sent
            return
        for_scripts = JSON in self.scope["subprotocols"]
        self.framing = Framing(whole_events=for_scripts, viewer=privacy.profile_of(watcher))
        await self.accept(subprotocol=JSON if for_scripts else None)
        self._spawn(self._keep_asking_rights())
        self._spawn(self._expect_begin())

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
        match decoded(text_data):
            case {"ack": int(number), **other} if not other and not isinstance(number, bool):
                self.window.acknowledge(number, time.monotonic())
                self.news.set()
            case {"filter": str(text), **other} if not other and self.begin is not None:
                self._change_filter(text)
            case {"begin": said, **other} if not other and self.begin is None:
                await self._begin(said)
            case _:
                await self._end(BAD_REQUEST, "Expected begin first, and ack or filter from then on, each as a JSON object.")

    # -- what the client says

    async def _expect_begin(self) -> None:
        await asyncio.sleep(BEGINS_WITHIN)
        if self.begin is None:
            await self._end(BAD_REQUEST, "Expected begin, and waited for it long enough.")

    async def _begin(self, said: object) -> None:
        try:
            self.begin = read_begin(said, self.scope["url_route"]["kwargs"].get("topic", ""))
        except NotUnderstood as error:
            await self._end(BAD_REQUEST, str(error))
            return
        asked = filter_form.asked_by(self.begin.filter, self.framing.viewer)
        if asked.problem:
            await self._end(BAD_REQUEST, asked.problem)
            return
        self.chosen = self.in_force = filter_of(self.begin, asked.filter), asked.text
        self.framing.filter = asked.text
        self._spawn(self._run(self.begin, self.chosen[0]))

    def _change_filter(self, text: str) -> None:
        """From the next frame on; where it is refused, the old one stays, and that is said with the next frame."""
        assert self.begin is not None
        asked = filter_form.asked_by(text, self.framing.viewer)
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
        opened = False
        try:
            viewer = await self._open_viewer(begin, filter)
            opened = True
            if begin.aggregate is not None and not begin.topics:
                self._spawn(self._keep_looking_for_topics(begin))
            await self._feed(viewer)
            await self._end(BEGIN_AGAIN)
        except (EventStoreError, NotUnderstood) as error:
            await self._end(code_of(error, opened=opened), str(error))

    async def _open_viewer(self, begin: Begin, filter: Filter | None) -> TailSubscriber:
        loop = asyncio.get_running_loop()

        def stir() -> None:
            self.stirred, self.stirred_at = True, time.monotonic()
            self.news.set()

        def wake() -> None:
            if not self.gone:
                loop.call_soon_threadsafe(stir)

        def open_it() -> TailSubscriber:
            viewer, self.framing.topics = open_viewer(begin, filter, wake, complete=self.framing.whole_events)
            with self.door:
                self.viewer = viewer
                gone = self.gone
            if gone:  # the reader left while this thread was opening: nobody else would close it
                viewer.close()
            return viewer

        return await opening(open_it)

    async def _feed(self, viewer: TailSubscriber) -> None:
        """Frame after frame, until the tail under the viewer has ended."""
        pace = Pace()
        while await self._something_to_say(viewer):
            if not self.portions:
                if not (self.filter_changed or self.refused or viewer.takes_long):
                    await pace.align_to_beat(self.news, lambda: self.stirred_at)
                take = partial(self._take, viewer)
                await reading(take) if self.filter_changed or viewer.takes_long else take()
            if not self.window.takes(self.portions[0].bytes):
                continue
            async with turn(self.portions[0].bytes):
                if self.ending:
                    return
                text = self._next_frame()
                if self.refused:
                    problem, self.refused = self.refused, ""
                    await self._say_problem(problem)
                await self.send(text_data=text)
            self.last_sent = time.monotonic()
            if memory.is_due():
                self._spawn(reading(memory.trim_heap))
            await pace.next()

    async def _something_to_say(self, viewer: TailSubscriber) -> bool:
        """Wait until a frame should go out, and may; false once there will be no more."""
        while not self.ending and (self.portions or viewer.has_pending or not viewer.ended):
            self.news.clear()
            silent = time.monotonic() - self.last_sent
            at_once = self.portions or viewer.has_pending or self.filter_changed or self.refused
            patience = 0.0 if at_once else COUNTS_EVERY if self.stirred else STATUS_EVERY
            window_is_open = self.window.takes(self.portions[0].bytes if self.portions else 0)
            if window_is_open and silent >= patience:
                return True
            if viewer.ended and silent >= ENDS_WITHIN:
                return False
            until = patience if window_is_open else ENDS_WITHIN if viewer.ended else None
            try:
                async with asyncio.timeout(None if until is None else until - silent):
                    await self.news.wait()
            except TimeoutError:
                continue
        return False

    def _next_frame(self) -> str:
        portion = self.portions.popleft()
        self.window.send(portion.bytes, time.monotonic())
        return frame_text(self.window.sent, portion, self.framing)

    def _take(self, viewer: TailSubscriber) -> None:
        chosen = self.chosen  # once: the event loop may exchange it meanwhile
        if chosen is not self.in_force:
            viewer.set_filter(chosen[0])
            self.in_force, self.framing.filter = chosen, chosen[1]
            self.framing.begin_again()
        self.stirred = False
        room = None if self.window.room == MOST_ROOM else self.window.room
        self.portions.extend(portions(viewer.take(room), self.framing, room or MOST_BYTES))

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
                allowed = watcher is not None and policy.allows(watcher, "tail")
            except DatabaseError as error:
                log.warning("rights could not be asked, tail closed: %s", type(error).__name__)
                await self._end(STORE_AWAY)
                return
            if not allowed:
                await self._end(NOT_ALLOWED)
            elif watcher is not None and privacy.profile_of(watcher).level != self.framing.viewer.level:
                await self._end(BEGIN_AGAIN)

    async def _keep_looking_for_topics(self, begin: Begin) -> None:
        """An aggregate that is followed wherever it has events may have its first ones elsewhere while it is followed."""
        while True:
            await asyncio.sleep(LOOK_FOR_TOPICS_EVERY)
            try:
                more = await opening(partial(has_new_topics, begin, self.framing.topics))
            except (EventStoreError, DatabaseError) as error:
                log.info("nobody knows now where else an aggregate has events: %s", type(error).__name__)
                continue
            if more:
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
