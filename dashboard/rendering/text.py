"""How things are said on pages: types in plain words, ids shortened, sizes, times. Plain text in, plain text out."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LEADING_CODE = re.compile(r"^([A-Z]+\d+)(?=[A-Z][a-z])")
_PLAIN_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

NOTHING = "\N{EN DASH}"
"""Stands where there is no value."""
NO_TYPE = "Event without a type"
LONGEST_WORDS = 120


def of_type(event_type: str) -> str:
    """An event type (or aggregate type) in plain words.

    ``com.example.events.user.created`` is "User created", ``permits.T02CheckConfirmation`` "T02 check confirmation",
    ``DocumentUploaded`` "Document uploaded". What holds no word at all is shown as it is.
    """
    words = _split(_last_names(event_type.strip()))
    if not words:
        return shorten(visible(event_type.strip()), LONGEST_WORDS) or NO_TYPE
    lower = [word if _is_code(word) else word.lower() for word in words]
    text = " ".join(lower)
    return shorten(text[:1].upper() + text[1:], LONGEST_WORDS)


def _last_names(event_type: str) -> str:
    """The part that says what happened: behind the last separator, with the noun before it where that is a lone verb."""
    names = [name for name in re.split(r"[./:#]+", event_type) if name]
    while len(names) > 1 and re.fullmatch(r"v\d+", names[-1], re.IGNORECASE):
        names.pop()
    if not names:
        return event_type
    last = names[-1]
    lone = last.islower() and last.isalpha() and len(names) > 1
    return f"{names[-2]} {last}" if lone else last


def _split(name: str) -> list[str]:
    apart = _LEADING_CODE.sub(r"\1 ", name)
    return [word for piece in _PLAIN_WORD.findall(apart) for word in _HUMP.split(piece) if word]


def _is_code(word: str) -> bool:
    """An abbreviation or a code keeps its capitals: T02, ID, GP."""
    return len(word) > 1 and word.isupper()


def shorten(text: str, length: int = 24) -> str:
    """At most ``length`` characters, shortened in the middle: both ends of an id tell it from others."""
    length = int(length)
    if len(text) <= length:
        return text
    tail = (length - 1) // 3
    return f"{text[: length - 1 - tail]}…{text[-tail:]}" if tail else text[: length - 1] + "…"


def visible(text: str) -> str:
    """The text with what cannot be seen, or would turn the line around, written out: ``[U+202E]``; controls as ␀."""
    if text.isprintable():
        return text
    return _CONTROL.sub(_picture, _BIDI.sub(_written_out, text))


def _written_out(found: "re.Match[str]") -> str:
    return f"[U+{ord(found[0]):04X}]"


def _picture(found: "re.Match[str]") -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else _written_out(found)


def short_topic(name: str) -> str:
    """The topic without its tenant and namespace."""
    return visible(name.rpartition("/")[2] or name)


def number(value: int | float | None) -> str:
    """With commas between the thousands."""
    return NOTHING if value is None else f"{value:,}"


def size(count: int) -> str:
    """Bytes as people read them; exact below 10,000."""
    if count < 10_000:
        return f"{count:,} byte" + ("" if count == 1 else "s")
    return f"{count / 1000:,.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def duration(seconds: float) -> str:
    """Roughly how long, in one unit: "4 minutes"."""
    seconds = max(0, seconds)
    if seconds >= 2 * 365 * 86_400:
        return f"{int(seconds // (365.25 * 86_400))} years"
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count:,} {unit}" + ("" if count == 1 else "s")
    count = int(seconds)
    return f"{count} second" + ("" if count == 1 else "s")


def ago(seconds: float) -> str:
    """How long ago that is; clocks a second apart are no news."""
    if seconds < -1:
        return "in the future"
    return "just now" if seconds < 1 else f"{duration(seconds)} ago"


def exact(at: datetime) -> str:
    """The instant to the microsecond that is known of it, in UTC."""
    at = at.astimezone(UTC)
    fraction = f"{at.microsecond:06}".rstrip("0")
    return f"{at.year:04}-{at:%m-%d %H:%M:%S}" + (f".{fraction}" if fraction else "") + " UTC"


def moment(at: datetime, style: str, now: datetime) -> str:
    """A time for reading. Months by name: no reader mistakes 4 March for 3 April."""
    at = at.astimezone(UTC)
    if style == "exact":
        fraction = f".{at.microsecond // 1000:03}"
        return f"{_day(at)} {at.year}, {at:%H:%M:%S}{fraction} UTC"
    if style == "clock" and at.date() == now.astimezone(UTC).date():
        return f"{at:%H:%M:%S}"
    if abs(now - at) < timedelta(days=300):
        return f"{_day(at)}, {at:%H:%M:%S}"
    return f"{_day(at)} {at.year}, {at:%H:%M}"


def _day(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def is_printable_text(text: str) -> bool:
    """Whether this is text that people wrote, as opposed to bytes that happen to decode."""
    if not text:
        return True
    strange = sum(1 for sign in text[:4096] if unicodedata.category(sign) in ("Cc", "Cn", "Co") and sign not in "\t\r\n")
    return strange * 20 <= min(len(text), 4096)
