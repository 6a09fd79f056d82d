"""How a text is compared with what a filter asks for: the very text, alike but for case, a pattern, a regular expression."""

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
"""Whether the text is asked for; ``None`` where it is too long to be said."""

_GROWTH = 3
"""By as much, at most, does a text grow when case is taken from it."""


def same(wanted: str) -> TextTest:
    """Every sign counts."""
    return lambda text: text == wanted


def alike(wanted: str) -> TextTest:
    """The whole text, upper and lower case being the same."""
    folded = wanted.casefold()

    def test(text: str) -> bool:
        return text == wanted or (len(text) <= _GROWTH * MOST_CHARACTERS and text.casefold() == folded)

    return test


def fitting(wanted: str) -> TextTest:
    """As ``alike``, where ``*`` stands for any signs or none."""
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
    """Whether the pieces stand in the text, one behind the other, between these places."""
    for piece in pieces:
        place = text.find(piece, start, end)
        if place < 0:
            return False
        start = place + len(piece)
    return True


class Expression:
    """A regular expression that is found somewhere in a text. It looks at ``most`` bytes of a text and no further."""

    __slots__ = ("_search", "most")

    def __init__(self, pattern: str, *, work: int, column: int) -> None:
        """``work``: steps times bytes that one event may cost."""
        compiled = _compile(pattern, column)
        steps = max(compiled.programsize, compiled.reverseprogramsize)
        if steps > MOST_EXPRESSION_STEPS:
            raise problem("this regular expression is too large: use smaller repetitions", column)
        self._search = compiled.search
        self.most = min(EXPRESSION_BYTES, work // steps)

    def __call__(self, text: str) -> bool | None:
        return self.found_in(text[: self.most + 1].encode("utf-8", "surrogatepass"))

    def found_in(self, text: bytes) -> bool | None:
        """``None`` where the text is cut and what was seen of it does not decide."""
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
    """What RE2 minds, without the piece of the expression that it quotes behind a colon."""
    said = error.args[0] if error.args else b""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text.partition(":")[0]
