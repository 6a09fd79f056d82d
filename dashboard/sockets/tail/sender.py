"""Sends the frames of one subscriber to one client, as fast as the client reads them."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from dashboard.running import memory
from dashboard.sockets.tail.frame_parts import MOST_BYTES
from dashboard.sockets.tail.frames import FrameContent, Framing, divide_take, frame_texts
from dashboard.sockets.tail.json_text import json_text
from dashboard.sockets.tail.pace import Pace
from dashboard.sockets.tail.tally import Tally
from dashboard.sockets.tail.threads import read_in_thread
from dashboard.sockets.tail.turns import Turn
from dashboard.sockets.tail.window import MOST_ROOM, Window
from eventstore.search import Filter
from eventstore.tail import TailSubscriber

COUNTS_EVERY = 1.0
"""Seconds after which new counts go out if there are no events to send."""
STATUS_EVERY = 4.5
"""Seconds after which a frame goes out in any case."""
ENDS_WITHIN = 5.0
"""Seconds that a client gets to make room for the rest of an ended tail, whose ring stays in memory until then."""

NamedFilter = tuple[Filter | None, str]
"""A filter (``None`` for every event) and its text."""
NO_FILTER: NamedFilter = (None, "")


class FrameSender:
    """The frames to one client. ``send`` sends a text in parts, ``spawn`` runs something beside, ``sockets`` says how many are
    open. Belongs to one event loop.

    What ``send`` returns is awaited; ``None`` says that the text is written.

    A filter is *requested* by the client at any time, and *applied* when the next frame is made.
    """

    def __init__(
        self,
        framing: Framing,
        send: Callable[[Sequence[bytes]], Awaitable[None] | None],
        spawn: Callable[[Coroutine[Any, Any, object]], object],
        filter: NamedFilter = NO_FILTER,
        sockets: Callable[[], int] = lambda: 1,
    ) -> None:
        self.framing, self._send, self._spawn, self._sockets = framing, send, spawn, sockets
        self.window = Window()
        self.outbox: deque[FrameContent] = deque()
        self.requested_filter = self.applied_filter = filter
        self.framing.filter = filter[1]
        self.filter_problem = ""
        self.stopped = False
        self.wake_up = asyncio.Event()
        """Set whenever it may be time to send: at news, acknowledgements, and changes of the filter."""
        self.has_news = False
        self.news_at = 0.0
        """When the tail last reported news, which it does at each chunk."""
        self._last_sent = 0.0
        self._waits_for_room = self._left_some = False
        self._tally = Tally()

    def note_news(self) -> None:
        self.has_news, self.news_at = True, time.monotonic()
        self.wake_up.set()

    def acknowledge(self, number: int, mark: str) -> bool:
        """Note that the client has dealt with every frame up to ``number``. ``False`` if that frame has another mark."""
        valid = self.window.acknowledge(number, mark, time.monotonic())
        if self._waits_for_room:
            self.wake_up.set()
        return valid

    def request_filter(self, filter: NamedFilter) -> None:
        """Apply this filter from the next frame on."""
        self.requested_filter = filter
        self.wake_up.set()

    def begin_with(self, filter: NamedFilter) -> None:
        """The filter to begin with, unless the client has asked for another meanwhile."""
        if not self.filter_changed:
            self.requested_filter = self.applied_filter = filter
            self.framing.filter = filter[1]

    def refuse_filter(self, problem: str) -> None:
        """Report the problem with the next frame. Only the latest is kept, so that they cannot pile up for a silent client."""
        self.filter_problem = problem
        self.wake_up.set()

    @property
    def had_no_room(self) -> bool:
        """Whether a page's last take left something, or its last frame. What came since does not count: in a crowd, those who
        waited for their turn would all find something, and want more turns."""
        return not self.framing.whole_events and (bool(self.outbox) or self._left_some)

    @property
    def filter_changed(self) -> bool:
        return self.requested_filter is not self.applied_filter

    async def run(self, subscriber: TailSubscriber) -> None:
        """Send frame after frame, until the subscriber's tail has ended or ``stopped`` is set."""
        pace, turn = Pace(self._sockets), Turn()
        while await self._wait_for_frame(subscriber):
            if not self.outbox:
                await self._fill_outbox(subscriber, pace)
            if not self.window.fits(self.outbox[0].bytes):
                continue
            async with turn:
                if self.stopped:
                    return
                size, texts = self.outbox[0].bytes, self.next_frame()
                if self.filter_problem:
                    problem, self.filter_problem = self.filter_problem, ""
                    await (self._send([problem_text(problem).encode()]) or turn.until_written(0))
                if (sending := self._send(texts)) is not None:
                    await sending
                    await turn.until_written(size)
            self._last_sent = time.monotonic()
            if memory.is_due():
                self._spawn(read_in_thread(memory.trim_heap))
            await pace.next(more=self.had_no_room)

    async def _wait_for_frame(self, subscriber: TailSubscriber) -> bool:
        """Wait until a frame is due and the client has room for it. Returns ``False`` once no frame will follow."""
        while not self.stopped and (self.outbox or subscriber.has_pending or not subscriber.ended):
            self.wake_up.clear()
            silent = time.monotonic() - self._last_sent
            due_after = self._due_after(subscriber)
            has_room = self.window.fits(self.outbox[0].bytes if self.outbox else 0)
            self._waits_for_room = not has_room
            if has_room and silent >= due_after:
                return True
            if subscriber.ended and silent >= ENDS_WITHIN:
                return False
            if has_room:
                await self._sleep(due_after - silent)
            elif subscriber.ended:
                await self._sleep(ENDS_WITHIN - silent)
            else:
                await self._sleep(None)  # until the client acknowledges
        return False

    def _due_after(self, subscriber: TailSubscriber) -> float:
        """Seconds after the previous frame at which the next one is due."""
        if self.outbox or subscriber.has_pending or self.filter_changed or self.filter_problem:
            return 0.0
        return COUNTS_EVERY if self.has_news else STATUS_EVERY

    async def _sleep(self, seconds: float | None) -> None:
        """Sleep until woken up, but no longer than ``seconds``. ``None`` sets no limit."""
        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self.wake_up.set)
        try:
            await self.wake_up.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _fill_outbox(self, subscriber: TailSubscriber, pace: Pace) -> None:
        if not (self.filter_changed or self.filter_problem or subscriber.is_behind):
            await pace.align_to_beat(self.wake_up, lambda: self.news_at)
        if self.filter_changed or subscriber.takes_long:
            await read_in_thread(partial(self.take, subscriber))
        else:
            self.take(subscriber)

    def take(self, subscriber: TailSubscriber) -> None:
        """Apply the requested filter, and put what the subscriber has into the outbox. May run in a thread."""
        requested = self.requested_filter  # read once: the event loop may change it meanwhile
        if requested is not self.applied_filter:
            subscriber.set_filter(requested[0])
            self.applied_filter, self.framing.filter = requested, requested[1]
            self.framing.begin_again()
            self._tally.begin_again()
        self.has_news = False
        room = None if self.window.room == MOST_ROOM else self.window.room
        taken = subscriber.take(room)
        self._left_some = subscriber.has_pending
        self._tally.note(taken)
        self.outbox.extend(divide_take(taken, self.framing, room or MOST_BYTES))

    def next_frame(self) -> list[bytes]:
        """Take the next frame from the outbox and count it as sent."""
        content = self.outbox.popleft()
        mark = self.window.send(content.bytes, time.monotonic())
        return frame_texts(self.window.sent, content, self.framing, mark)


def problem_text(problem: str) -> str:
    """The message that tells the client a problem."""
    return f'{{"problem":{json_text(problem)}}}'
