"""Compare a text with what a filter asks for: exactly, ignoring case, with a pattern, or with a regular expression."""

from collections.abc import Callable, Sequence
from typing import Any

import re2

from eventstore.search.limits import (
    EXPRESSION_BYTES,
    EXPRESSION_MEMORY,
    MOST_CHARACTERS,
    MOST_EXPRESSION_CHARACTERS,
    MOST_EXPRESSION_STEPS,
    VALUE_CHARACTERS,
)
from eventstore.search.problems import problem

TextTest = Callable[[str], bool | None]
"""Returns whether the text matches; ``None`` if it is too long to decide."""

_GROWTH = 3
"""The most by which a text can grow when its case is folded."""


def same(wanted: str) -> TextTest:
    """Match exactly this text."""
    return lambda text: text == wanted


def alike(wanted: str) -> TextTest:
    """Match the whole text, ignoring case."""
    folded = wanted.casefold()

    def test(text: str) -> bool:
        return text == wanted or (len(text) <= _GROWTH * MOST_CHARACTERS and text.casefold() == folded)

    return test


def fitting(wanted: str) -> TextTest:
    """Match as ``alike`` does, with ``*`` for any characters or none."""
    first, *middle, last = wanted.casefold().split("*")
    shortest = len(first) + len(last)

    def test(text: str) -> bool | None:
        if len(text) > VALUE_CHARACTERS:
            return None
        text = text.casefold()
        if len(text) < shortest or not text.startswith(first) or not text.endswith(last):
            return False
        return in_order(text, middle, len(first), len(text) - len(last))

    return test


def in_order(text: str, pieces: Sequence[str], start: int, end: int) -> bool:
    """Return whether the text has these pieces, in order and without overlap, between these places."""
    for piece in pieces:
        place = text.find(piece, start, end)
        if place < 0:
            return False
        start = place + len(piece)
    return True


class Expression:
    """A regular expression that is searched for in a text. It reads ``most`` bytes of the text and no further."""

    __slots__ = ("_search", "most")

    def __init__(self, pattern: str, *, work: int, column: int) -> None:
        """``work`` limits steps times bytes for one event."""
        compiled = _compile(pattern, column)
        steps = max(compiled.programsize, compiled.reverseprogramsize)
        if steps > MOST_EXPRESSION_STEPS:
            raise problem("this regular expression is too large: use smaller repetitions", column)
        self._search = compiled.search
        self.most = min(EXPRESSION_BYTES, work // steps)

    def __call__(self, text: str) -> bool | None:
        return self.found_in(text[: self.most + 1].encode("utf-8", "surrogatepass"))

    def found_in(self, text: bytes) -> bool | None:
        """Search the text; return ``None`` if it is cut, and the part that was read does not decide."""
        if len(text) <= self.most:
            return self._search(text) is not None
        seen = self._search(text[: self.most])
        return True if seen is not None and seen.end() < self.most else None


def _compile(pattern: str, column: int) -> Any:
    if len(pattern) > MOST_EXPRESSION_CHARACTERS:
        raise problem(f"a regular expression may have {MOST_EXPRESSION_CHARACTERS} characters", column)
    options = re2.Options()
    options.max_mem = EXPRESSION_MEMORY
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise problem(f"expected a regular expression in RE2's syntax ({_said(error)})", column) from error


def _said(error: Exception) -> str:
    """Return RE2's objection without the piece of the expression that it quotes after a colon."""
    said = error.args[0] if error.args else b""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text.partition(":")[0]
