"""The bounds that every reader of payloads keeps to: schemas and payloads come from anybody who may publish."""

from collections.abc import Callable
from typing import Any

MOST_PAYLOAD = 1_000_000
"""Bytes of a payload that is decoded; a larger one is shown as it is."""
MOST_DEFINITION = 1_000_000
MOST_WRITTEN = 8_000_000
"""About the bytes of JSON that one payload may become: a few bytes of a hostile schema's payload may stand for millions."""
EACH_VALUE = 20
"""What a value costs beyond its own text, so that the number of values is bounded as well."""
DEEPEST = 64
"""Levels of nested records or messages."""
MOST_TYPES = 10_000
"""Types, fields and branches of one schema."""

Read = Callable[[bytes], Any]
"""Makes a JSON-like value of a payload; raises ``DecodeError``."""


class DecodeError(ValueError):
    """The payload does not fit its schema; the text says why, and holds no value of it."""


class UnusableSchema(ValueError):
    """The schema's definition cannot be used; the text says why."""


class DecodeBudget:
    """What is left of the bound for one payload."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_WRITTEN) -> None:
        self.left = left

    def take(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise DecodeError("it stands for more than can be shown")
