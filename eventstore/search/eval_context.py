"""One event while a filter is evaluated. Its payload is parsed, and prepared for text search, at most once and only
if needed.
"""

import json
import math
import re
from typing import Any, Never

import msgspec

from eventstore.model.events import Event
from eventstore.search.limits import KEY_CHARACTERS, MOST_ESCAPES, PAYLOAD_BYTES

UNREADABLE = object()
"""Stands for a payload that cannot be evaluated: too large, nested too deeply, or not JSON."""
MISSING = object()
"""Stands for a missing value, since ``None`` is JSON's null."""
LONGEST_INTEGER = 100
"""Digits. A longer integer counts as the nearest floating-point number."""

_UNASKED = object()
_DECODER = msgspec.json.Decoder()
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class EvalContext:
    __slots__ = ("_document", "_folded", "_plain", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self._document: Any = _UNASKED
        self._plain: tuple[str, ...] | None = None
        self._folded: tuple[str, ...] | None = None

    def document(self) -> Any:
        """Return the event's data as a JSON value, as ``document_of`` does."""
        if self._document is _UNASKED:
            self._document = document_of(self.event)
        return self._document

    @property
    def text_is_cut(self) -> bool:
        """Whether the payload's text or the key is not searched completely: too long, too many escapes, or encrypted."""
        data, message = self.event.data, self.event.message
        longest_key = max(len(message.key or ""), len(message.ordering_key or ""))
        too_long = len(data) > PAYLOAD_BYTES or is_cut(self.event) or longest_key > KEY_CHARACTERS
        return message.encrypted or too_long or data.count(b"\\") > MOST_ESCAPES

    def texts(self) -> tuple[str, ...]:
        """Return the texts for a text term: the keys, the payload as it is written, and the payload with its JSON
        escapes undone.
        """
        if self._plain is None:
            written = self.event.data[:PAYLOAD_BYTES].decode("utf-8", "replace")
            message = self.event.message
            keys = [(message.key or "")[:KEY_CHARACTERS]]
            if message.ordering_key is not None:
                keys.append(message.ordering_key[:KEY_CHARACTERS])
            self._plain = (*keys, written, unescaped(written)) if "\\" in written else (*keys, written)
        return self._plain

    def folded(self) -> tuple[str, ...]:
        """Return the same texts in a form that ignores case."""
        if self._folded is None:
            self._folded = tuple(text.casefold() for text in self.texts())
        return self._folded


def unescaped(written: str) -> str:
    r"""Undo JSON's escapes wherever they stand: ``M\u00fcller`` and ``a\/b`` become what people write."""
    return _ESCAPE.sub(_meant, written, count=MOST_ESCAPES)


def _meant(found: "re.Match[str]") -> str:
    high, low, unit, sign = found.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
    if unit:
        return chr(int(unit, 16))
    return _ESCAPES.get(sign, sign)


def is_cut(event: Event) -> bool:
    """Return whether the event's data is only the beginning of what its payload holds."""
    return event.recoded is not None and event.recoded.cut


def document_of(event: Event) -> Any:
    """Return the event's data as a JSON value; ``MISSING`` if there is none, ``UNREADABLE`` if it cannot be evaluated."""
    data = event.data
    if event.message.encrypted:
        return UNREADABLE
    if not data:
        return MISSING
    if event.problem or len(data) > PAYLOAD_BYTES or is_cut(event):
        return UNREADABLE
    try:
        return _DECODER.decode(data)
    except RecursionError:
        return UNREADABLE
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parsed_slowly(data)


def _parsed_slowly(data: bytes) -> Any:
    """Parse what the fast parser refuses and JSON allows: numbers without limits, and unpaired surrogates."""
    try:
        return json.loads(data, parse_int=_integer, parse_float=_fraction, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return UNREADABLE


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


def _fraction(written: str) -> float:
    number = float(written)
    return number if math.isfinite(number) else _Beyond(written)


class _Beyond(float):
    """A number beyond what a float can hold, such as 1E400. It compares as infinity, and its text is as it is written."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, written: str) -> "_Beyond":
        made = super().__new__(cls, written)
        made.written = written
        return made

    def __str__(self) -> str:
        return self.written


def _refuse(word: str) -> Never:
    raise ValueError(word)
