"""Limits for every payload decoder. Schemas and payloads may come from anybody who can publish."""

from collections.abc import Callable
from typing import Any

MOST_PAYLOAD = 1_000_000
"""Largest payload, in bytes, that is decoded. A larger one is shown as it is."""
MOST_DEFINITION = 1_000_000
MOST_WRITTEN = 8_000_000
"""Approximate limit, in bytes, of the JSON that one payload may become. A hostile schema can make a few bytes stand
for millions.
"""
EACH_VALUE = 20
"""Cost of a value beyond its own text, so that the number of values is limited as well."""
DEEPEST = 64
"""Levels of nested records or messages."""
MOST_TYPES = 10_000
"""Types, fields and branches of one schema."""

Read = Callable[[bytes], Any]
"""Decodes a payload into a JSON-like value. Raises ``DecodeError``."""


class DecodeError(ValueError):
    """The payload does not fit its schema. The text says why, and holds no value of the payload."""


class UnusableSchema(ValueError):
    """The schema's definition cannot be used. The text says why."""


class DecodeBudget:
    """What is left of the limits for one payload."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_WRITTEN) -> None:
        self.left = left

    def take(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise DecodeError("it stands for more than can be shown")
