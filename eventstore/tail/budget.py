"""How many rows a page is shown: of one topic, and of several together."""

from math import exp

ROWS_A_SECOND = 500
"""Above this rate a page is shown a sample."""
GOLDEN = 0.6180339887498949
"""Steps of this size, around a circle, fall evenly on every part of it, and on no rhythm of the topics'."""


class RowBudget:
    """So many rows a second, and as many at once after a quiet second."""

    __slots__ = ("_left", "_rate", "_seen")

    def __init__(self, rate: int) -> None:
        self._rate, self._left, self._seen = rate, float(rate), 0.0

    def at(self, now: float) -> int:
        """How many rows are left by this time; it never goes back."""
        self._left = min(float(self._rate), self._left + self._rate * max(0.0, now - self._seen))
        self._seen = max(self._seen, now)
        return int(self._left)

    def spend(self, rows: int) -> None:
        self._left -= rows


class PageShare:
    """What a page is shown of several topics together, each of which has a sample of its own: all of it, or of each as large a
    part as its sample is of all samples, slice by slice.

    Taken first come, first served, the topics whose chunks come first in each beat would leave nothing for the others.
    """

    __slots__ = ("_left", "_offered", "_rate", "_seen", "_turn")

    def __init__(self, rate: int) -> None:
        self._rate, self._left, self._seen = rate, float(rate), 0.0
        self._offered = 0.0
        """The rows of about the last second."""
        self._turn = 0.0

    def takes(self, rows: int, now: float) -> bool:
        """Whether this slice is shown. It may be larger than what is left, and is then owed: so it has its turn too."""
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
