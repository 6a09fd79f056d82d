"""Limit the processor time that a filter may take over many events. Ordinary filters never come near the limit.

A regular expression can cost ten microseconds a byte, whatever its size: ``[ab]*a[ab]{900}c`` does on a text of a and b, and
``.{0,500}x`` on any text. Others with a larger program cost a thousandth of that. No limit on how they are written can tell
them apart, so the time that they take is measured.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from eventstore.model.errors import FilterTooExpensive
from eventstore.model.events import Event
from eventstore.search.filters import Filter, Verdict

BURST = 0.3
"""Seconds that a filter may take beyond what its events and the passing time allow."""
AN_EVENT, A_BYTE = 50e-6, 50e-9
"""Seconds that each event allows, and each byte of its payload. Ordinary filters take a fraction of that: 1 to 10 µs an event
and up to 20 ns a byte; ten regular expressions take 70 µs.
"""
SHARE_OF_TIME = 0.05
"""Share of the passing time that is allowed as well: the garbage collector's work falls to whatever thread runs."""
REDUCED_BURST = 0.02
"""Seconds for a filter that was too expensive lately, so that repeating it gains nothing."""
MOST_REMEMBERED = 1_000
REMEMBERED_SECONDS = 600.0

STRIDE, STRIDE_BYTES = 32, 16_384
"""Events and bytes between two readings of the clock. Reading it costs as much as a cheap term."""

TOO_EXPENSIVE = (
    "This filter takes too long for each event: make its regular expression simpler (fewer large repetitions such as {900}), "
    "or ask for a text, a type or a time as well."
)

_lock = threading.Lock()
_too_expensive: OrderedDict[str, float] = OrderedDict()


class CostBudget:
    """The budget of one filter in one place where it is used.

    If several threads use it at the same time, some of the time that one of them takes may be lost, together with the
    allowance that goes with it. No filter is refused because of that.
    """

    def __init__(self, filter: Filter) -> None:
        self.filter = filter
        self._left = REDUCED_BURST if _was_too_expensive(filter.text) else BURST
        self._at = time.monotonic()

    def matching(self, events: Sequence[Event]) -> Sequence[int]:
        """Return the places of the events that match. Raises ``FilterTooExpensive`` if finding them costs too much."""
        matches, found = self.filter.matches, []
        count = size = 0
        began = time.thread_time()
        for place, event in enumerate(events):
            if matches(event):
                found.append(place)
            count += 1
            size += len(event.data)
            if count == STRIDE or size > STRIDE_BYTES:
                began = self._spend(began, count, size)
                count = size = 0
        self._spend(began, count, size)
        return found

    def judge(self, event: Event) -> Verdict:
        """Return what the filter says of one event. Raises ``FilterTooExpensive`` as ``matching`` does."""
        began = time.thread_time()
        verdict = self.filter.judge(event)
        self._spend(began, 1, len(event.data))
        return verdict

    def _spend(self, began: float, events: int, size: int) -> float:
        now, moment = time.thread_time(), time.monotonic()
        allowed = events * AN_EVENT + size * A_BYTE + (moment - self._at) * SHARE_OF_TIME
        self._at = moment
        self._left = min(BURST, self._left + allowed - (now - began))
        if self._left < 0:
            _remember(self.filter.text)
            raise FilterTooExpensive(TOO_EXPENSIVE)
        return now


def _was_too_expensive(text: str) -> bool:
    with _lock:
        return _too_expensive.get(text, 0.0) > time.monotonic()


def _remember(text: str) -> None:
    with _lock:
        _too_expensive[text] = time.monotonic() + REMEMBERED_SECONDS
        _too_expensive.move_to_end(text)
        while len(_too_expensive) > MOST_REMEMBERED:
            _too_expensive.popitem(last=False)


def forget() -> None:
    """Forget which filters were too expensive. For tests."""
    with _lock:
        _too_expensive.clear()
