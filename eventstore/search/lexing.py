"""Split a filter's text into tokens: parentheses, the three words, and terms. The time is linear in the length of the text."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from eventstore.search.problems import problem


class Sign(Enum):
    OPEN = "("
    CLOSE = ")"
    AND = "and"
    OR = "or"
    NOT = "not"


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenTerm:
    """One term as it is written. ``field`` and ``operator`` are empty for a bare text; ``column`` counts from 1."""

    value: str
    quoted: bool
    column: int
    field: str = ""
    operator: str = ""
    state: str = ""
    """What stands after ``delivery:NAME=``."""

    def with_value(self, value: str, operator: str = "") -> "WrittenTerm":
        """Return the term with this value, taken as it is, and this operator instead of its own."""
        return replace(self, value=value, quoted=True, operator=operator or self.operator)


Change = Callable[[WrittenTerm], WrittenTerm | None]
"""Returns what shall stand in place of a term with a field; ``None`` to leave it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    column: int
    sign: Sign | None = None
    term: WrittenTerm | None = None


_SPACE = re.compile(r"\s*+")
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_WORD = re.compile(r'(?:[^\s()":=<>~!]++|!(?!=)|(?<=\.)"(?:[^"\\]++|\\.)*+")+', re.DOTALL)
"""Not possessive as a whole: Python before 3.11.5 then loses the last character of such a group. Nothing follows it anyway."""
_OPERATOR = re.compile(r"\s*+(!=|<=|>=|[:=<>~])")
_BARE = re.compile(r'[^\s()"]++')
_DELIVERY = re.compile(r'\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^\s()"]+))\s*=\s*([A-Za-z-]++)(?![^\s()])', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_WORDS = {"and": Sign.AND, "or": Sign.OR, "not": Sign.NOT}


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens in order. Raises ``InvalidFilter`` for text that is not a token."""
    place = _after_space(text, 0)
    while place < len(text):
        token, end = _next(text, place)
        yield token
        place = _after_space(text, end)


def rewritten(text: str, change: Change) -> str:
    """Return the filter with some of its terms replaced. Raises ``InvalidFilter`` for text that is not a token."""
    pieces, written, place = [], 0, _after_space(text, 0)
    while place < len(text):
        token, end = _next(text, place)
        new = change(token.term) if token.term is not None and token.term.field and not token.term.state else None
        if new is not None:
            pieces += [text[written:place], f"{new.field}{new.operator}{_as_quoted(new.value)}"]
            written = end
        place = _after_space(text, end)
    return "".join([*pieces, text[written:]])


def _as_quoted(value: str) -> str:
    if value and _BARE.fullmatch(value) and "*" not in value:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(inside: str) -> str:
    r"""Return the text inside quotes: ``\"`` and ``\\`` stand for the second character; any other backslash stands for
    itself.
    """
    return _ESCAPED.sub(r"\1", inside)


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _next(text: str, place: int) -> tuple[Token, int]:
    column = place + 1
    if text[place] in "()":
        return Token(column=column, sign=Sign(text[place])), place + 1
    if text[place] == '"':
        value, end = _quoted(text, place)
        return Token(column=column, term=WrittenTerm(value=value, quoted=True, column=column)), end
    word = _WORD.match(text, place)
    if not word:
        raise problem('a field has to stand before this sign, as in type:NAME, or quotes around a text: "a=b"', column)
    operator = _OPERATOR.match(text, word.end())
    if operator:
        return _field_term(text, word[0], operator[1], operator.end(), column)
    if word[0].lower() in _WORDS:
        return Token(column=column, sign=_WORDS[word[0].lower()]), word.end()
    if '"' in word[0]:
        raise problem("put quotes around the whole text, not in the middle of a word", column)
    return Token(column=column, term=WrittenTerm(value=word[0], quoted=False, column=column)), word.end()


def _field_term(text: str, field: str, operator: str, place: int, column: int) -> tuple[Token, int]:
    if field.lower() == "delivery" and operator == ":":
        return _delivery(text, field, place, column)
    place = _after_space(text, place)
    quoted = text[place : place + 1] == '"'
    value, end = _quoted(text, place) if quoted else _bare(text, place)
    term = WrittenTerm(field=field, operator=operator, value=value, quoted=quoted, column=column)
    return Token(column=column, term=term), end


def _delivery(text: str, field: str, place: int, column: int) -> tuple[Token, int]:
    """The name may hold a =: the state stands after the last one."""
    found = _DELIVERY.match(text, place)
    if not found:
        what = 'name a subscription and a state, as in delivery:mailer=pending or delivery:"odd name"=pending'
        raise problem(what, place + 1)
    name = found[2] if found[1] is None else unquoted(found[1])
    quoted = found[1] is not None
    term = WrittenTerm(field=field, operator=":", value=name, quoted=quoted, column=column, state=found[3].lower())
    return Token(column=column, term=term), found.end()


def _quoted(text: str, place: int) -> tuple[str, int]:
    found = _QUOTED.match(text, place)
    if not found:
        raise problem('this quotation mark is never closed: add a " at the end of the text', place + 1)
    return unquoted(found[1]), found.end()


def _bare(text: str, place: int) -> tuple[str, int]:
    found = _BARE.match(text, place)
    if not found:
        raise problem('a value is missing here: write one, or "" for none', place + 1)
    return found[0], found.end()
