"""Compare the value at a path of a payload, or of a property. A flat list is compared item by item.

A value can also be compared by its mark, which stands in for it where it is shown by its hash. Equal values have equal marks,
and no value can be read from one. So somebody who sees only marks can find the events that have the same value
(``data.email=#k3v4q2pxab``).
"""

import operator
import re
from base64 import b32encode
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from eventstore.search.eval_context import LONGEST_INTEGER, MISSING, UNREADABLE
from eventstore.search.limits import MOST_ITEMS, VALUE_CHARACTERS
from eventstore.search.literals import Number, Span, number_of, span_of
from eventstore.search.texts import TextTest
from eventstore.search.tree import Answer

ValueTest = Callable[[Any], Answer]
Path = tuple[str | int, ...]

MARK = re.compile(r"#[a-z2-7]{10}")
_MARK_BYTES = 20
_MARK_SIGNS = 10
_mark_keys: list[bytes] = []

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def value_at(document: Any, path: Path) -> Any:
    """Return the value at the path; ``MISSING`` if there is none, ``UNREADABLE`` if the document is unreadable."""
    if document is UNREADABLE:
        return UNREADABLE
    for part in path:
        if isinstance(part, str) and isinstance(document, dict):
            document = document.get(part, MISSING)
        elif isinstance(part, int) and isinstance(document, list) and part < len(document):
            document = document[part]
        else:
            return MISSING
    return document


def there(value: Any) -> Answer:
    """Return whether there is a value: neither null nor an empty text."""
    return None if value is UNREADABLE else value is not MISSING and value is not None and value != ""


def flat(test: ValueTest, most: int = VALUE_CHARACTERS) -> ValueTest:
    """Turn a test of simple values into one of any value in a payload: a list matches if one of its simple values does.

    ``most`` limits the characters of text in a list that are compared.
    """

    def answer(value: Any) -> Answer:
        if isinstance(value, list):
            return _one_of(value, test, most)
        if value is UNREADABLE:
            return None
        return False if value is MISSING or isinstance(value, dict) else test(value)

    return answer


def _one_of(items: Sequence[Any], test: ValueTest, most: int) -> Answer:
    found: Answer = None if len(items) > MOST_ITEMS else False
    for item in items[:MOST_ITEMS]:
        if isinstance(item, str):
            most -= len(item)
            if most < 0:
                return None
        elif isinstance(item, dict | list):
            continue
        answer = test(item)
        if answer is True:
            return True
        if answer is None:
            found = None
    return found


def textual(test: TextTest, number: Number | None = None) -> ValueTest:
    """Compare the text of a value. If a number is asked for, a number is compared as such: 1.10 is 1.1."""

    def answer(value: Any) -> Answer:
        if isinstance(value, str):
            return test(value)
        if number is not None and not isinstance(value, bool) and isinstance(value, int | float):
            return value == number
        text = text_of(value)
        return None if text is None else test(text)

    return answer


def marked(mark: str, test: ValueTest) -> ValueTest:
    """Compare the mark of a value as well: so does somebody who sees no more of it."""

    def answer(value: Any) -> Answer:
        text = text_of(value) if not isinstance(value, str) else value
        return (value is not None and text is not None and mark_of(text) == mark) or test(value)

    return answer


def text_of(value: Any) -> str | None:
    """Return a simple value as JSON writes it; ``None`` for an integer with so many digits that writing them takes long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if isinstance(value, int) and value.bit_length() > LONGEST_INTEGER * 4 else str(value)


def ordered(order: str, limit: Number | Span) -> ValueTest:
    """Compare with a number, or with a time. A text counts if it is written as a number or a time."""
    return _within(*limit.bounds(order)) if isinstance(limit, Span) else _compared(ORDERS[order], limit)


def _compared(compare: Callable[[Any, Any], bool], limit: Number) -> ValueTest:
    def answer(value: Any) -> Answer:
        if isinstance(value, str):
            value = number_of(value)
        return not (value is None or isinstance(value, bool)) and compare(value, limit)

    return answer


def _within(since: datetime | None, until: datetime | None) -> ValueTest:
    def answer(value: Any) -> Answer:
        span = span_of(value) if isinstance(value, str) else None
        return span is not None and (since is None or span.start >= since) and (until is None or span.start < until)

    return answer


def use_key(secret: str) -> None:
    """Make marks with this secret from now on, in this process. All processes need the same one."""
    _mark_keys[:] = [blake2b(secret.encode("utf-8", "surrogateescape"), digest_size=32, person=b"eventdesk.marks").digest()]
    _cached_mark.cache_clear()


def mark_of(text: str) -> str:
    """Return the mark of a value, given as JSON writes it or, of a string, as it is: ``#k3v4q2pxab``."""
    return _cached_mark(text) if len(text) <= 200 else _mark(text)


def is_mark(text: str) -> bool:
    """Return whether this text has the form of a mark."""
    return MARK.fullmatch(text) is not None


def _mark(text: str) -> str:
    if not _mark_keys:
        raise RuntimeError("no key was set for marks")
    digest = blake2b(text.encode("utf-8", "surrogatepass"), key=_mark_keys[0], digest_size=_MARK_BYTES).digest()
    return "#" + b32encode(digest).decode("ascii").lower()[:_MARK_SIGNS]


_cached_mark = lru_cache(maxsize=4096)(_mark)
