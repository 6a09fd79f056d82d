"""Numbers of a JSON payload as they are spelled: an id that is written ``1E3`` or ``1.10`` is that text, not 1000.0 or 1.1."""

import json
import math
from collections.abc import Callable
from typing import Any, Never


def as_spelled(value: Any, payload: bytes, search: Callable[[Any], Any]) -> Any:
    """Return the value, which ``search`` found in the payload's JSON; for a number that JSON may spell in several ways, its
    spelling as a text.

    The parsers have lost it by then, so the payload is parsed again, with texts for numbers. That takes longer than the first
    time, but few ids have a point or an exponent. What an expression has calculated has no spelling and stays a number.
    """
    if not _has_spellings(value, payload):
        return value
    try:
        found = search(_with_texts_for(type(value), payload))
    except RecursionError:
        return value
    return found if isinstance(found, str) and _number(found) == value else value


def _has_spellings(value: Any, payload: bytes) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return type(value) is int and value == 0 and b"-0" in payload


def _with_texts_for(kind: type, payload: bytes) -> Any:
    """Parse the payload, with texts for its floats, or for its integers too. The built-in ``str`` keeps this fast: 5 MB may
    hold a million numbers.
    """
    try:
        return json.loads(payload, parse_float=str, parse_int=str if kind is int else None, parse_constant=refuse)
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def refuse(constant: str) -> Never:
    """Refuse NaN and the infinities, which Python's parser takes and JSON has not."""
    raise ValueError(f"{constant} is not JSON")
