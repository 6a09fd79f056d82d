"""Plain text for pages: event types in plain words, shortened ids, numbers, sizes, and times. Text in, text out, no HTML."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from eventstore.model import Position

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LEADING_CODE = re.compile(r"^([A-Z]+\d+)(?=[A-Z][a-z])")
_PLAIN_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

NO_VALUE = "\N{EN DASH}"
"""Shown where there is no value."""
NO_TYPE = "Event without a type"
RECENT = timedelta(days=300)
"""Times further away than this are shown with their year, and to the minute."""
LONGEST_TYPE = 120
"""Characters of a type in plain words."""


def humanize_type(event_type: str) -> str:
    """Put an event type or aggregate type into plain words.

    ``com.example.events.user.created`` becomes "User created", ``permits.T02CheckConfirmation`` becomes "T02 check
    confirmation", ``DocumentUploaded`` "Document uploaded", ``LoanASubmitted`` "Loan A submitted", and ``ORDER_PLACED`` "Order
    placed". A type without any word is returned unchanged.
    """
    name = _last_names(event_type.strip())
    words = _split(name)
    if not words:
        return shorten(visible(event_type.strip()), LONGEST_TYPE) or NO_TYPE
    in_capitals = name.isupper() and len(words) > 1
    text = " ".join(word.lower() if in_capitals and word.isalpha() else _in_a_sentence(word) for word in words)
    return shorten(text[:1].upper() + text[1:], LONGEST_TYPE)


def _last_names(event_type: str) -> str:
    """The name after the last separator. If that is a lone verb, the noun before it as well. Versions (``v2``) are dropped."""
    names = [name for name in re.split(r"[./:#]+", event_type) if name]
    while len(names) > 1 and re.fullmatch(r"v\d+", names[-1], re.IGNORECASE):
        names.pop()
    if not names:
        return event_type
    last = names[-1]
    is_lone_verb = last.islower() and last.isalpha() and len(names) > 1
    return f"{names[-2]} {last}" if is_lone_verb else last


def _split(name: str) -> list[str]:
    spaced = _LEADING_CODE.sub(r"\1 ", name)
    return [word for piece in _PLAIN_WORD.findall(spaced) for word in _HUMP.split(piece) if word]


def _in_a_sentence(word: str) -> str:
    """Abbreviations, codes and lone letters keep their capitals: T02, ID, GP, the A of "Loan A"."""
    return word if word.isupper() else word.lower()


def shorten(text: str, length: int = 24) -> str:
    """Shorten to at most ``length`` characters. The middle is cut, because both ends tell one id from another."""
    length = int(length)
    if len(text) <= length:
        return text
    tail = (length - 1) // 3
    return f"{text[: length - 1 - tail]}…{text[-tail:]}" if tail else text[: length - 1] + "…"


def visible(text: str) -> str:
    """Spell out invisible characters and those that change the writing direction: ``[U+202E]``. Controls become ␀, ␁, …"""
    if text.isprintable():
        return text
    return _CONTROL.sub(_control_picture, _BIDI.sub(_code_point, text))


def _code_point(match: "re.Match[str]") -> str:
    return f"[U+{ord(match[0]):04X}]"


def _control_picture(match: "re.Match[str]") -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else _code_point(match)


def short_topic(name: str) -> str:
    """The topic without its tenant and namespace."""
    return visible(name.rpartition("/")[2] or name)


def position_words(position: Position) -> str:
    """The position as pages show and copy it: ``documents-1 333``."""
    return spelled_position(position.topic, position.partition, position.label)


def spelled_position(topic: str, partition: int, label: str) -> str:
    """The position with this label. Copied, it has to be what ``desk().index`` reads, so nothing in it is made visible."""
    return f"{topic.rpartition('/')[2] or topic}-{partition} {label}"


def format_number(value: int | float | None) -> str:
    """The number with commas between the thousands."""
    return NO_VALUE if value is None else f"{value:,}"


def format_size(count: int) -> str:
    """Bytes for people. Exact below 10,000 bytes, then in kB and MB."""
    if count < 10_000:
        return f"{count:,} byte" + ("" if count == 1 else "s")
    return f"{count / 1000:,.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def format_duration(seconds: float) -> str:
    """The duration, rounded down to one unit: "4 minutes"."""
    seconds = max(0, seconds)
    if seconds >= 2 * 365 * 86_400:
        return f"{int(seconds // (365.25 * 86_400))} years"
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count:,} {unit}" + ("" if count == 1 else "s")
    count = int(seconds)
    return f"{count} second" + ("" if count == 1 else "s")


def format_age(seconds: float) -> str:
    """How long ago something happened. Up to one second in the future counts as now, because clocks differ that much."""
    if seconds < -1:
        return "in the future"
    return "just now" if seconds < 1 else f"{format_duration(seconds)} ago"


def format_exact(at: datetime) -> str:
    """The time in UTC, to the microsecond if it is known that exactly."""
    at = at.astimezone(UTC)
    fraction = f"{at.microsecond:06}".rstrip("0")
    return f"{at.year:04}-{at:%m-%d %H:%M:%S}" + (f".{fraction}" if fraction else "") + " UTC"


def format_time(at: datetime, style: str, now: datetime) -> str:
    """The time in UTC, for reading. Months are written by name, so that nobody takes 4 March for 3 April.

    ``style``: ``exact`` includes milliseconds, ``clock`` omits the date if it is today's, anything else gives date and time.
    """
    at = at.astimezone(UTC)
    if style == "exact":
        fraction = f".{at.microsecond // 1000:03}"
        return f"{_day(at)} {at.year}, {at:%H:%M:%S}{fraction} UTC"
    if style == "clock" and at.date() == now.astimezone(UTC).date():
        return f"{at:%H:%M:%S}"
    if abs(now - at) < RECENT:
        return f"{_day(at)}, {at:%H:%M:%S}"
    return f"{_day(at)} {at.year}, {at:%H:%M}"


def format_fine(at: datetime, style: str, now: datetime) -> str:
    """What makes ``format_time`` exact to a millisecond, if it stands behind it: ``.123``, or ``:05.123`` behind a minute."""
    at = at.astimezone(UTC)
    if style == "exact":
        return ""
    return f".{at.microsecond // 1000:03}" if abs(now - at) < RECENT else f":{at:%S}.{at.microsecond // 1000:03}"


def in_one_second(first: datetime, second: datetime, now: datetime) -> bool:
    """Whether two different times read the same in a list."""
    return first != second and format_time(first, "day", now) == format_time(second, "day", now)


def _day(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def is_printable_text(text: str) -> bool:
    """Whether people could have written this text. False for bytes that only happen to decode: over 5 % odd characters."""
    if not text:
        return True
    odd = sum(1 for sign in text[:4096] if unicodedata.category(sign) in ("Cc", "Cn", "Co") and sign not in "\t\r\n")
    return odd * 20 <= min(len(text), 4096)
