"""Write values as people read them in JSON: times as ISO texts, decimals with their point, bytes as base64.

A value that its type cannot mean, such as a date in the year 300,000, stays a plain number.
"""

import base64
import math
import struct
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

LONGEST_DECIMAL = 400
"""Largest decimal, in bytes, that is written with digits. Larger ones take long to convert, and nobody reads them."""
MOST_PLACES = 1_000

SMALLEST_NORMAL = 2.0**-126
"""Of the 32-bit floats. Smaller ones have fewer digits."""
_SINGLE = struct.Struct("<f")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = {"millis": 3, "micros": 6, "nanos": 9}
"""Digits after the second, by unit."""

Part = Callable[[Any], Any]


def logical_of(schema: Mapping[str, Any], plain: Part, raw: Part | None = None) -> Part:
    """Return a decoder of the logical type that the schema names, on top of the plain one.

    For bytes and fixed types, ``raw`` reads the bytes, and ``plain`` makes a text of them. As Avro prescribes, an unknown
    logical type, or one on the wrong type, is ignored.
    """
    kind, logical = schema.get("type"), schema.get("logicalType")
    if raw is not None:
        return _of_bytes(schema, logical, plain, raw)
    if logical == "date" and kind == "int":
        return lambda given: date_text(plain(given))
    if not isinstance(logical, str) or kind not in ("int", "long"):
        return plain
    name, _, unit = logical.rpartition("-")
    digits = _SECONDS.get(unit, 0)
    if name == "time" and digits:
        return lambda given: time_text(plain(given), digits)
    if name in ("timestamp", "local-timestamp") and digits:
        zone = "Z" if name == "timestamp" else ""
        return lambda given: instant_text(plain(given), digits, zone)
    return plain


def number_as_json(number: float) -> float | str:
    """Return the number, or a text for infinity and for what is not a number, which JSON cannot write."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def single_as_json(number: float) -> float | str:
    """Return a 32-bit float as ``number_as_json`` does, but as the shortest decimal that stands for it: 1.1, and not its exact
    value, which is 1.10000002384185791015625.

    Any six digits are exact for a normal number, and nine are always enough (IEEE 754, single precision).
    """
    if not math.isfinite(number) or (number.is_integer() and abs(number) < 1 << 24):
        return number_as_json(number)
    for digits in range(6 if abs(number) >= SMALLEST_NORMAL else 1, 9):
        shorter = float(f"{number:.{digits}g}")
        if _SINGLE.unpack(_SINGLE.pack(shorter))[0] == number:
            return shorter
    return float(f"{number:.9g}")


def bytes_as_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def costed(given: Any, text: str) -> str:
    """Return the text, and take it from the input's budget: a few bytes may stand for a thousand digits."""
    given.budget.take(len(text))
    return text


def decimal_text(data: bytes, places: int) -> str:
    """Write an unscaled big-endian integer with this many digits after its point."""
    if len(data) > LONGEST_DECIMAL:
        return bytes_as_text(data)
    number = int.from_bytes(data, "big", signed=True)
    digits = str(abs(number)).zfill(places + 1)
    whole, rest = (digits[:-places], "." + digits[-places:]) if places else (digits, "")
    return f"{'-' if number < 0 else ''}{whole}{rest}"


def big_decimal_text(data: bytes) -> str | None:
    """Write Avro's ``big-decimal``: the unscaled integer's bytes after their length, and then the scale, both as Avro numbers.

    Returns ``None`` for bytes that are none, and for more than 1,000 places.
    """
    length, start = _avro_number(data, 0)
    places, end = _avro_number(data, start + length) if 0 < length <= LONGEST_DECIMAL else (0, -1)
    if end != len(data) or abs(places) > MOST_PLACES:
        return None
    return scaled_text(data[start : start + length], places)


def scaled_text(data: bytes, places: int) -> str:
    """As ``decimal_text``. Negative places stand for as many noughts before the point."""
    text = decimal_text(data, max(0, places))
    return text + "0" * -places if places < 0 and text != "0" and len(data) <= LONGEST_DECIMAL else text


def _avro_number(data: bytes, place: int) -> tuple[int, int]:
    """Return the zigzag number at the place, and where it ends: -1 if there is none of at most 32 bits."""
    number = 0
    for shift, byte in enumerate(data[place : place + 5]):
        number |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), place + shift + 1
    return 0, -1


def date_text(days: int) -> str | int:
    try:
        return (_EPOCH + timedelta(days=days)).date().isoformat()
    except OverflowError:
        return days


def time_text(number: int, digits: int) -> str | int:
    """Write a time of day, given in milliseconds (3 digits), microseconds or nanoseconds."""
    seconds, rest = divmod(number, 10**digits)
    if not 0 <= seconds < 86_400:
        return number
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{_fraction(rest, digits)}"


def instant_text(number: int, digits: int, zone: str) -> str | int:
    """Write an instant, given in milliseconds (3 digits), microseconds or nanoseconds since 1970."""
    seconds, rest = divmod(number, 10**digits)
    try:
        when = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return number
    return f"{when.replace(tzinfo=None).isoformat()}{_fraction(rest, digits)}{zone}"


def _fraction(rest: int, digits: int) -> str:
    return f".{rest:0{digits}}" if rest else ""


def _of_bytes(schema: Mapping[str, Any], logical: object, plain: Part, raw: Part) -> Part:
    places = schema.get("scale", 0)
    if logical == "decimal" and isinstance(places, int) and 0 <= places <= MOST_PLACES:
        return lambda given: costed(given, decimal_text(raw(given), places))
    if logical == "duration" and schema.get("size") == 12:
        return lambda given: _duration(raw(given))
    if logical == "uuid" and schema.get("size") == 16:
        return lambda given: str(uuid.UUID(bytes=raw(given)))
    if logical == "big-decimal" and schema.get("type") == "bytes":
        return lambda given: costed(given, _big_decimal(raw(given)))
    return plain


def _big_decimal(data: bytes) -> str:
    found = big_decimal_text(data)
    return bytes_as_text(data) if found is None else found


def _duration(data: bytes) -> str:
    months, days, milliseconds = (int.from_bytes(data[start : start + 4], "little") for start in (0, 4, 8))
    seconds = f"{milliseconds // 1000}{_fraction(milliseconds % 1000, 3)}"
    return f"P{months}M{days}DT{seconds}S"
