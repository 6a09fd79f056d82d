"""Parse numbers and times, as they stand in a filter and in a payload. Texts of unlimited length are not numbers here."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eventstore.search.limits import MOST_NUMBER_CHARACTERS

Number = int | float

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.([0-9]{1,9}))?)?(?:([Zz])|([+-][0-9]{2}:?[0-9]{2}))?)?"
)
_LONGEST_TIME = 40


@dataclass(frozen=True, slots=True)
class Span:
    """What a written time stands for: a day, a minute, a second or less. ``end`` is excluded. Both are in UTC."""

    start: datetime
    end: datetime

    def bounds(self, order: str) -> tuple[datetime | None, datetime | None]:
        """Return the first time, and the first time after the last, that are ``order`` than this. For a day, ``>`` means after
        it.
        """
        match order:
            case "<":
                return None, self.start
            case "<=":
                return None, self.end
            case ">":
                return self.end, None
            case ">=":
                return self.start, None
        return self.start, self.end


def number_of(text: str) -> Number | None:
    """Return the number if the whole text is one; ``None`` for any other text, and for a number that is not finite."""
    if len(text) > MOST_NUMBER_CHARACTERS:
        return None
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    if found[1] is None and found[2] is None:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None


def span_of(text: str) -> Span | None:
    """Return the time if the whole text is one, in UTC unless the text says otherwise; ``None`` for any other text."""
    found = _TIME.fullmatch(text) if len(text) <= _LONGEST_TIME else None
    if not found:
        return None
    date, minute, second, fraction, _, offset = found.groups()
    seconds = (second or ":00").partition(".")[0]
    microseconds = f"{fraction or '0':0<6}"[:6]
    try:
        start = datetime.fromisoformat(f"{date}T{minute or '00:00'}{seconds}.{microseconds}{offset or '+00:00'}")
    except ValueError:
        return None
    if not 1 < start.year < 9999:
        return None  # an offset could carry it beyond the limits of datetime
    start = start.astimezone(UTC)
    return Span(start, start + _width(minute, second, fraction))


def _width(minute: str | None, second: str | None, fraction: str | None) -> timedelta:
    if minute is None:
        return timedelta(days=1)
    if second is None:
        return timedelta(minutes=1)
    return timedelta(microseconds=10 ** max(0, 6 - len(fraction or "")))
