"""One event while a filter looks at it: its payload is parsed, and made ready for text, once and only when asked for."""

import json
import re
from typing import Any, Never

import msgspec

from eventstore.model.events import Event
from eventstore.search.limits import KEY_CHARACTERS, MOST_ESCAPES, PAYLOAD_BYTES

UNREADABLE = object()
"""Stands for a payload that cannot be looked into: too large, nested too deeply, or no JSON."""
MISSING = object()
"""Stands for a value that is not there: ``None`` is JSON's null."""
LONGEST_INTEGER = 100
"""Digits. A longer one counts as the nearest floating point number."""

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
        """What ``document_of`` says of the event."""
        if self._document is _UNASKED:
            self._document = document_of(self.event)
        return self._document

    @property
    def text_is_cut(self) -> bool:
        """Whether the payload's text or the key is longer, or has more escapes, than is looked at, or cannot be read here."""
        data, message = self.event.data, self.event.message
        too_long = len(data) > PAYLOAD_BYTES or len(message.key or "") > KEY_CHARACTERS
        return message.encrypted or too_long or data.count(b"\\") > MOST_ESCAPES

    def texts(self) -> tuple[str, ...]:
        """The texts that a text term looks at: the key, the payload as it is written, and as its JSON escapes mean it."""
        if self._plain is None:
            written = self.event.data[:PAYLOAD_BYTES].decode("utf-8", "replace")
            key = (self.event.message.key or "")[:KEY_CHARACTERS]
            self._plain = (key, written, unescaped(written)) if "\\" in written else (key, written)
        return self._plain

    def folded(self) -> tuple[str, ...]:
        """The same without the difference between upper and lower case."""
        if self._folded is None:
            self._folded = tuple(text.casefold() for text in self.texts())
        return self._folded


def unescaped(written: str) -> str:
    r"""The text with JSON's escapes undone, wherever they stand: ``M\u00fcller`` and ``a\/b`` as people write them."""
    return _ESCAPE.sub(_meant, written, count=MOST_ESCAPES)


def _meant(found: "re.Match[str]") -> str:
    high, low, unit, sign = found.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
    if unit:
        return chr(int(unit, 16))
    return _ESCAPES.get(sign, sign)


def document_of(event: Event) -> Any:
    """The event's data as a JSON value; ``MISSING`` where there is none, ``UNREADABLE`` where it cannot be looked into."""
    data = event.data
    if event.message.encrypted:
        return UNREADABLE
    if not data:
        return MISSING
    if event.problem or len(data) > PAYLOAD_BYTES:
        return UNREADABLE
    try:
        return _DECODER.decode(data)
    except RecursionError:
        return UNREADABLE
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parsed_slowly(data)


def _parsed_slowly(data: bytes) -> Any:
    """What the quick parser refuses and JSON allows: numbers without bounds, halves of surrogate pairs."""
    try:
        return json.loads(data, parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return UNREADABLE


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


def _refuse(word: str) -> Never:
    raise ValueError(word)
