"""Values that the configuration declares searchable: what the index keeps of an event's payload so that it can be found.

Nothing else of a payload reaches the index. A value is stored as a keyed hash unless the configuration says otherwise. A hash
can be looked up by a person who types the value, but nobody can read the value from it.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from msgspec import Meta, Struct

from eventstore.envelope.mapping import last_segment
from eventstore.model.errors import InvalidConfiguration
from eventstore.model.events import Event, Topic
from eventstore.model.toml_positions import KeyPath, KeyProblem
from eventstore.search.eval_context import LONGEST_INTEGER, MISSING, UNREADABLE, document_of
from eventstore.search.literals import number_of
from eventstore.search.values import value_at

MOST_VALUES = 20
"""Largest number of values that are kept of one event. Further ones are left out."""
MOST_BYTES = 256
"""A value longer than this in UTF-8 is left out: few people would type it to search for it."""
SHORTEST_KEY = 32
HASHED = "h:"
_HASH_BYTES = 16

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_PLAIN_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


class SearchableTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[searchable]]`` as it is written."""

    topics: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    name: str
    path: str
    hashed: bool = True


class Searchable(Struct, frozen=True, kw_only=True, eq=False):
    """One compiled declaration. ``plain_path`` avoids the cost of JMESPath for a simple path; it is empty for any other."""

    topics: tuple[str, ...]
    name: str
    hashed: bool
    expression: ParsedResult
    plain_path: tuple[str, ...] = ()


def compile_searchables(tables: Sequence[SearchableTable]) -> tuple[Searchable, ...]:
    """Compile the declarations, in order. Raises ``KeyProblem`` if one cannot be used."""
    hashed: dict[str, bool] = {}
    for number, table in enumerate(tables):
        if hashed.setdefault(table.name, table.hashed) != table.hashed:
            raise KeyProblem(("searchable", number, "hashed"), f"{table.name} is declared otherwise before: keep it the same")
    return tuple(_compile(table, ("searchable", number)) for number, table in enumerate(tables))


@lru_cache(maxsize=1024)
def searchable_for(topic: str, searchables: tuple[Searchable, ...]) -> tuple[Searchable, ...]:
    """Return the declarations with a pattern that matches the topic's whole name or its last segment."""
    last = last_segment(topic)
    return tuple(
        searchable
        for searchable in searchables
        if any(fnmatchcase(topic, pattern) or fnmatchcase(last, pattern) for pattern in searchable.topics)
    )


def values_of(event: Event, searchables: tuple[Searchable, ...], key: str) -> tuple[tuple[str, str], ...]:
    """Return what the index keeps of this event: pairs of name and stored text, each once, at most ``MOST_VALUES``.

    The stored text is the normalised value (see ``normalised``), or ``h:`` and its keyed hash. Texts, numbers, true and false
    count, and flat lists of them. Other values are left out, and so are values that are empty, too long, or impossible to
    store in a database. Nothing is kept of a message that fits no envelope, nor of a payload that is large or not JSON.
    """
    declared = searchable_for(event.position.topic, searchables)
    document = document_of(event) if declared else MISSING
    if document is MISSING or document is UNREADABLE:
        return ()
    kept: dict[tuple[str, str], None] = {}
    for searchable in declared:
        for value in _values(searchable, document):
            kept[searchable.name, _stored(searchable.name, value, searchable.hashed, key)] = None
            if len(kept) == MOST_VALUES:
                return tuple(kept)
    return tuple(kept)


ValuesOf = Callable[[Topic, Sequence[Event]], Sequence[Sequence[tuple[str, str]]]]


class DeclaredValues:
    """Gives the values of each event of a topic's batch, by these declarations and this key."""

    def __init__(self, searchables: tuple[Searchable, ...], key: str) -> None:
        self._searchables, self._key = searchables, key

    def __call__(self, topic: Topic, events: Sequence[Event]) -> Sequence[Sequence[tuple[str, str]]]:
        wanted = () if topic.derived else searchable_for(topic.name, self._searchables)
        return [values_of(event, wanted, self._key) for event in events] if wanted else ()

    def written_of(self, topic: Topic) -> tuple[str, ...]:
        """Return the topic's declarations in order, each as a text that differs when what it gives may differ: by its name,
        path or form, or by the key. No text tells the key."""
        wanted = () if topic.derived else searchable_for(topic.name, self._searchables)
        return tuple(f"{one.name}\0{one.expression.expression}\0{self._form(one)}" for one in wanted)

    def _form(self, searchable: Searchable) -> str:
        return _stored("", "the key", True, self._key) if searchable.hashed and self._key else str(searchable.hashed)


def values_by(searchables: tuple[Searchable, ...], key: str) -> DeclaredValues | None:
    """Return what gives the values of each event of a topic's batch; ``None`` if nothing is declared searchable."""
    return DeclaredValues(searchables, key) if searchables else None


def lookup_forms(text: str, searchables: tuple[Searchable, ...], key: str) -> list[tuple[str, str]]:
    """Return what to look up for a text that a person typed: name and stored text, as ``values_of`` would have stored them."""
    number = number_of(text.strip())
    texts = [text] if number is None else [text, _number_text(number)]
    wanted = dict.fromkeys(value for typed in texts if (value := normalised(typed)))
    names = {searchable.name: searchable.hashed for searchable in searchables}
    return [(name, _stored(name, value, hashed, key)) for name, hashed in names.items() for value in wanted]


def normalised(text: str) -> str:
    """Return the text without surrounding white space, and without differences of case and of composed letters.

    The result is empty for what is not kept: no text, too long a text, an unpaired surrogate, or a NUL (PostgreSQL cannot
    store it).
    """
    if len(text) > 2 * MOST_BYTES or "\0" in text:
        return ""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold()).strip()
    try:
        return folded if len(folded.encode()) <= MOST_BYTES else ""
    except UnicodeEncodeError:
        return ""


def hash_key_problem(searchables: Sequence[Searchable], key: str) -> str:
    """Return why the key cannot serve these declarations, and what to do; empty if it can."""
    hashed = sorted({searchable.name for searchable in searchables if searchable.hashed})
    if not hashed or len(key) >= SHORTEST_KEY:
        return ""
    wrong = f"is too short: {SHORTEST_KEY} characters at the least" if key else "is missing"
    return (
        f"EVENTDESK_HASH_KEY {wrong}. The configuration has hashed searchable values ({', '.join(hashed)}): set it to a long "
        "random text, the same for every process, and keep it. A new key needs a new index."
    )


def require_hash_key(searchables: Sequence[Searchable], key: str) -> None:
    """Raise ``InvalidConfiguration`` if values are to be hashed and the key is missing or too short."""
    if problem := hash_key_problem(searchables, key):
        raise InvalidConfiguration(problem)


def _compile(table: SearchableTable, path: KeyPath) -> Searchable:
    if not _NAME.fullmatch(table.name):
        raise KeyProblem((*path, "name"), 'expected a short name of small letters, digits, _ and -, such as "email"')
    try:
        expression = jmespath.compile(table.path)
    except (JMESPathError, RecursionError) as error:
        raise KeyProblem(
            (*path, "path"), 'expected a JMESPath expression over the event\'s data, such as "user.email"'
        ) from error
    plain = tuple(table.path.split(".")) if _PLAIN_PATH.fullmatch(table.path) else ()
    return Searchable(topics=table.topics, name=table.name, hashed=table.hashed, expression=expression, plain_path=plain)


def _values(searchable: Searchable, document: Any) -> Iterator[str]:
    """Yield the normalised values that this declaration finds, in the payload's order."""
    found = _found(searchable, document)
    for value in found if isinstance(found, list) else [found]:
        if text := normalised(_text(value)):
            yield text


def _found(searchable: Searchable, document: Any) -> Any:
    if searchable.plain_path:
        return value_at(document, searchable.plain_path)
    try:
        return searchable.expression.search(document)
    except (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None  # A function of the expression does not take what this payload holds: no value, as for a missing one.


def _text(value: Any) -> str:
    """Return a simple value as text; empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number_text(value) if isinstance(value, int | float) else ""


def _number_text(number: int | float) -> str:
    """Return the number as people write it: 100.0 is 100."""
    if isinstance(number, float):
        if not math.isfinite(number):
            return ""
        return str(int(number)) if number.is_integer() and abs(number) < 2**53 else str(number)
    return str(number) if number.bit_length() <= LONGEST_INTEGER * 4 else ""


def _stored(name: str, value: str, hashed: bool, key: str) -> str:
    if not hashed:
        return value
    if not key:
        raise InvalidConfiguration("Without EVENTDESK_HASH_KEY no searchable value can be hashed. Set it and start again.")
    # Hashed with the name, so that equal values under two names do not show that they are equal.
    text = f"{name}\0{value}".encode()
    return HASHED + blake2b(text, key=_hashing_key(key), digest_size=_HASH_BYTES).hexdigest()


@lru_cache(maxsize=4)
def _hashing_key(key: str) -> bytes:
    """Return the secret as the 32 bytes that BLAKE2b takes, however long it is."""
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=32, person=b"eventdesk.values").digest()
