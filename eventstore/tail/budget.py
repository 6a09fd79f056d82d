"""How many rows a page shows: of one topic, and of several topics together."""

from math import exp

ROWS_A_SECOND = 500
"""Above this rate a page shows a sample."""
GOLDEN = 0.6180339887498949
"""Steps of this size around a circle visit every part of it evenly. They do not fall into a rhythm of the topics."""


class RowBudget:
    """A number of rows per second. After a quiet second, a full second's rows may be spent together."""

    __slots__ = ("_left", "_rate", "_seen")

    def __init__(self, rate: int) -> None:
        self._rate, self._left, self._seen = rate, float(rate), 0.0

    def at(self, now: float) -> int:
        """Return how many rows are left at this time. Time never runs backwards here."""
        self._left = min(float(self._rate), self._left + self._rate * max(0.0, now - self._seen))
        self._seen = max(self._seen, now)
        return int(self._left)

    def spend(self, rows: int) -> None:
        self._left -= rows


class PageShare:
    """Selects what a page shows of several topics together. Each topic already has a sample of its own.

    Either everything is shown, or whole slices, so that each topic's part is as large as its share of all samples. If
    slices were taken first come, first served, the topics whose chunks come first in each beat would leave nothing for
    the others.
    """

    __slots__ = ("_left", "_offered", "_rate", "_seen", "_turn")

    def __init__(self, rate: int) -> None:
        self._rate, self._left, self._seen = rate, float(rate), 0.0
        self._offered = 0.0
        """About how many rows the last second offered."""
        self._turn = 0.0

    def takes(self, rows: int, now: float) -> bool:
        """Return whether this slice is shown.

        A slice may be larger than the rows that are left. The difference is then owed, so that large slices have their
        turn, too.
        """
        passed = max(0.0, now - self._seen)
        self._seen += passed
        self._left = min(float(self._rate), self._left + self._rate * passed)
        self._offered = self._offered * exp(-passed) + rows
        self._turn = (self._turn + GOLDEN) % 1
        shown = self._left >= 1 and self._turn * self._offered <= self._rate
        self._left -= rows if shown else 0
        return shown

    def copy(self) -> "PageShare":
        made = PageShare(self._rate)
        made._left, made._seen, made._offered, made._turn = self._left, self._seen, self._offered, self._turn
        return made
