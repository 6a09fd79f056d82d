"""What a filter may cost whoever looks at many events with it, in processor time: ordinary ones never come near it.

A regular expression can cost ten microseconds a byte, whatever its size: ``[ab]*a[ab]{900}c`` does on a text of a and b, and
``.{0,500}x`` on any text, while others of a larger program cost a thousandth of that. No limit on what is written tells them
apart: what they spend does.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from eventstore.model.errors import FilterTooExpensive
from eventstore.model.events import Event
from eventstore.search.filters import Filter, Verdict

AT_ONCE = 0.3
"""Seconds that a filter may spend beyond what its events and the time that goes by allow."""
AN_EVENT, A_BYTE = 50e-6, 50e-9
"""Seconds that each event allows, and each byte of its payload: several times what ordinary filters take (1 to 10 µs an
event, up to 20 ns a byte; ten regular expressions 70 µs)."""
OF_A_SECOND = 0.05
"""What goes by allows as well: the collector's work falls to whoever runs."""
SHORT = 0.02
"""Seconds at once for a filter that was too dear lately, so that asking again and again buys nothing."""
MOST_REMEMBERED = 1_000
REMEMBERED_SECONDS = 600.0

STRIDE, STRIDE_BYTES = 32, 16_384
"""How much is looked at between two looks at the clock, which cost as much as a cheap term."""

TOO_DEAR = (
    "This filter takes too long for each event: make its regular expression simpler (fewer large repetitions such as {900}), "
    "or ask for a text, a type or a time as well."
)

_lock = threading.Lock()
_too_dear: OrderedDict[str, float] = OrderedDict()


class CostBudget:
    """The account of one filter in one place where it is used. Where several threads use it at once, what one of them spends,
    and the allowance that goes with it, may be forgotten: no filter is put down for that."""

    def __init__(self, filter: Filter) -> None:
        self.filter = filter
        self._left = SHORT if _was_too_dear(filter.text) else AT_ONCE
        self._at = time.monotonic()

    def matching(self, events: Sequence[Event]) -> Sequence[int]:
        """Which of these match, by their places; ``FilterTooExpensive`` where to find that out costs too much."""
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
        """What the filter says of one event; ``FilterTooExpensive`` as above."""
        began = time.thread_time()
        verdict = self.filter.judge(event)
        self._spend(began, 1, len(event.data))
        return verdict

    def _spend(self, began: float, events: int, size: int) -> float:
        now, moment = time.thread_time(), time.monotonic()
        allowed = events * AN_EVENT + size * A_BYTE + (moment - self._at) * OF_A_SECOND
        self._at = moment
        self._left = min(AT_ONCE, self._left + allowed - (now - began))
        if self._left < 0:
            _remember(self.filter.text)
            raise FilterTooExpensive(TOO_DEAR)
        return now


def _was_too_dear(text: str) -> bool:
    with _lock:
        return _too_dear.get(text, 0.0) > time.monotonic()


def _remember(text: str) -> None:
    with _lock:
        _too_dear[text] = time.monotonic() + REMEMBERED_SECONDS
        _too_dear.move_to_end(text)
        while len(_too_dear) > MOST_REMEMBERED:
            _too_dear.popitem(last=False)


def forget() -> None:
    """Let go of which filters were too dear: for tests."""
    with _lock:
        _too_dear.clear()
