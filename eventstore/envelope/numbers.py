"""Numbers of a JSON payload as they are spelled: an id that is written ``1E3`` or ``1.10`` is that text, not 1000.0 or 1.1."""

import json
from collections.abc import Callable
from typing import Any, Never

NOTHING: Any = object()
"""Stands for a payload that is not JSON, since ``None`` is JSON's null."""


class Spelled(float):
    """A number that may be spelled in more than one way. It calculates as the number, and its ``str`` is the spelling."""

    __slots__ = ("spelling",)
    spelling: str

    def __new__(cls, spelling: str) -> "Spelled":
        made = super().__new__(cls, spelling)
        made.spelling = spelling
        return made

    def __str__(self) -> str:
        return self.spelling


def spelled(payload: bytes) -> Any:
    """Return the payload's JSON with ``Spelled`` numbers, ``NOTHING`` if it is none.

    This takes several times as long as the fast parser, so it is only for payloads in which a number with a point or an
    exponent was found where an id is. Raises ``RecursionError`` for JSON that is nested too deeply.
    """
    try:
        return json.loads(payload, parse_float=Spelled, parse_int=_integer, parse_constant=_refuse)
    except ValueError:
        return NOTHING


def as_spelled(value: Any, payload: bytes, search: Callable[[Any], Any]) -> Any:
    """Return the value, which ``search`` found in the payload's JSON, or what it finds where all numbers are spelled.

    That is only done for a number whose spelling the fast parser has lost. JSON spells all others in one way only. JMESPath's
    functions take no ``Spelled`` number: what they calculate has no spelling in the payload.
    """
    if not (_may_be_lost(value) or (type(value) is int and value == 0 and b"-0" in payload)):
        return value
    try:
        found = search(spelled(payload))
    except RecursionError:
        return value
    return value if found is None else found


def _may_be_lost(value: Any) -> bool:
    return isinstance(value, float) and not isinstance(value, Spelled)


def _integer(digits: str) -> Any:
    return Spelled(digits) if digits == "-0" else int(digits)


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no JSON")
