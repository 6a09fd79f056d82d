"""Examples of filters beside a filter field, made of the events at hand: their types and aggregates, never their values."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import DatabaseError

from dashboard.gateway import desk
from dashboard.rendering import EventLine, build_pointer_line
from dashboard.web.global_search import quoted
from eventstore.model import Topic

LONGEST = 60
"""Characters of a type or an id in an example."""
_BARE = re.compile(r'[^\s()"*\\]+')
_NAMESPACE = re.compile(r"(.+[./:_-]).+", re.DOTALL)
_FIRST_WORD = re.compile(r"([A-Z][a-z0-9]+)[A-Z].*")


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterExamples:
    """Filters that find events of a list: by type, by a pattern of types, by aggregate, and by its id alone.

    Where the list has no such event, the names in capitals stand for what has to be put in.
    """

    type: str = "type:NAME"
    like: str = "type:BEGINNING*"
    aggregate: str = "aggregate:TYPE/ID"
    id: str = "aggregate:ID"


def examples_of(lines: Iterable[EventLine]) -> FilterExamples:
    """Examples of the first line that has a type and belongs to an aggregate."""
    for line in lines:
        texts = (line.type, line.aggregate_type, line.aggregate_id)
        if all(text and text.isprintable() and len(text) <= LONGEST for text in texts):
            return FilterExamples(
                type=f"type:{_value(line.type)}",
                like=f"type:{_pattern(line.type)}",
                aggregate=f"aggregate:{_value(f'{line.aggregate_type}/{line.aggregate_id}')}",
                id=f"aggregate:{_value(line.aggregate_id)}",
            )
    return FilterExamples()


def examples_of_topic(topic: Topic) -> FilterExamples:
    """Examples of the topic's latest events, as far as they are indexed. A page that needs no index works without it."""
    try:
        rows = desk().streams.latest_known(topic, limit=5)
    except DatabaseError:
        return FilterExamples()
    return examples_of(build_pointer_line(row.pointer) for row in rows if row.pointer is not None)


def _value(text: str) -> str:
    return text if _BARE.fullmatch(text) else quoted(text)


def _pattern(type: str) -> str:
    """The type's namespace or first word with a ``*``; the type itself if it has neither, or a pattern would need quotes."""
    found = _NAMESPACE.fullmatch(type) or _FIRST_WORD.fullmatch(type)
    return f"{found[1]}*" if found and _BARE.fullmatch(found[1]) else _value(type)
