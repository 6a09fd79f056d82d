"""Times of events: RFC 3339, counts of a unit since 1970, and other formats that a mapping declares."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

_is_rfc3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,18})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_zone = re.compile(r"(?:[Zz]|[+-]\d\d:\d\d)$", re.ASCII)
_is_number = re.compile(r"-?\d{1,25}(?:\.\d{1,25})?(?:[eE][+-]?\d{1,2})?", re.ASCII).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_FORMATTED = 100
"""Characters of a time in a format of a mapping's own."""

NOT_RFC_3339 = "The event's time is not an RFC 3339 time"
OUT_OF_RANGE = "The event's time lies outside the years 2 to 9998, which are all that can be kept"
NO_ZONE = "The event's time names no zone: it is taken as UTC."
LEAP_SECOND = "The event's time is a leap second: the last microsecond before it stands in for it."


class Unit(StrEnum):
    """What a number counts since 1970-01-01T00:00:00Z."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    NANOSECONDS = "nanoseconds"


_MICROSECONDS = {
    Unit.SECONDS: Decimal(1_000_000),
    Unit.MILLISECONDS: Decimal(1_000),
    Unit.MICROSECONDS: Decimal(1),
    Unit.NANOSECONDS: Decimal("0.001"),
}

Clock = Callable[[str], tuple[datetime | None, str]]
"""Reads a text. Returns the time in UTC and a note (a whole sentence, mostly empty), or ``None`` and why the text is no time
(a sentence without its full stop).
"""


def parse_time(text: str) -> datetime | None:
    """Parse an RFC 3339 time to UTC, and drop digits beyond microseconds; return ``None`` for anything else.

    The years 1 and 9999 are refused: an offset could carry them beyond what a database or ``datetime`` can hold. So are
    leap seconds, which ``datetime`` does not have; ``read_time`` reads them.
    """
    length, marks = len(text), text[4:20:3]  # most look like 2024-05-01T09:00:00.123Z; these are its --T::.
    usual = (marks == "--T::." and length in (24, 27)) or (marks == "--T::Z" and length == 20)
    if not ((usual and text[-1] == "Z") or _is_rfc3339(text)):
        return None
    try:
        time = datetime.fromisoformat(text if text[-1] == "Z" else text.upper())
    except ValueError:
        return None
    if time.tzinfo is UTC:
        return time if 1 < time.year < 9999 else None
    return time.astimezone(UTC) if 1 < time.year < 9999 else None


def read_time(text: str) -> tuple[datetime | None, str]:
    """Read an RFC 3339 time. See ``Clock``.

    With a note also a leap second (23:59:60 becomes 23:59:59.999999), and a time without a zone as UTC: logs of other systems
    are full of them, and the publish time, which would stand in, is that of the import.
    """
    if time := parse_time(text):
        return time, ""
    if not _is_rfc3339(text):
        return (time, NO_ZONE) if (time := parse_time(f"{text}Z")) else (None, NOT_RFC_3339)
    if text[17:19] == "60" and (zone := _zone.search(text)):
        time = parse_time(f"{text[:17]}59{zone[0]}")
        if time and (time.hour, time.minute) == (23, 59):
            return time.replace(microsecond=999_999), LEAP_SECOND
    if text[:4] in ("0000", "0001", "9999") and parse_time(f"2000{text[4:]}"):
        return None, OUT_OF_RANGE
    return None, NOT_RFC_3339


def clock_of_unit(unit: Unit) -> Clock:
    """Return the clock for numbers of this unit since 1970. It reads RFC 3339 times as well: no text can be taken for both."""

    def read(text: str) -> tuple[datetime | None, str]:
        if not _is_number(text):
            time, said = read_time(text)
            return (
                (time, said)
                if time or said == OUT_OF_RANGE
                else (None, f"The event's time is not a number of {unit} since 1970")
            )
        try:
            time = _EPOCH + timedelta(microseconds=int(Decimal(text) * _MICROSECONDS[unit]))
        except OverflowError:
            return None, OUT_OF_RANGE
        return (time, "") if 1 < time.year < 9999 else (None, OUT_OF_RANGE)

    return read


def clock_of_format(format: str) -> Clock:
    """Return the clock for this format of ``datetime.strptime``. A time without a zone is taken as UTC.

    Raises ``ValueError`` if the format is none, or holds no whole date.
    """
    example = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    if datetime.strptime(example.strftime(format), format).date() != example.date():  # noqa: DTZ007 -- compared as a date
        raise ValueError("a year, a month and a day are needed")

    def read(text: str) -> tuple[datetime | None, str]:
        try:
            time = datetime.strptime(text[:_LONGEST_FORMATTED], format)  # noqa: DTZ007 -- the zone is seen to in the next line
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError):
            return None, "The event's time does not have the format that its topic's mapping declares"
        return (time, "") if 1 < time.year < 9999 else (None, OUT_OF_RANGE)

    return read
