"""Which aggregate types have ids that are personal, as mappings declare them with ``key = "personal"``.

The answer depends on the configuration file alone, never on what a topic holds: an id must not be shown in one moment and be
personal in the next. So a mapping whose messages say themselves of which type they are has to name the types.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from eventstore.envelope.forms import FORMS
from eventstore.envelope.mapping import From, Key, MappingTable, last_segment
from eventstore.model.toml_positions import KeyPath, KeyProblem

PersonalTypes = tuple[str, ...]
"""Patterns (``*``, ``?``, ``[abc]``; case-sensitive) of aggregate types."""

_DECLARING = frozenset({"topics", "key", "personal_types"})


def personal_types(tables: Sequence[MappingTable]) -> PersonalTypes:
    """Return the patterns that the mappings declare, each once. Raises ``KeyProblem`` where a mapping names no type.

    A type is personal if any mapping says so: copies of its events lie in other topics.
    """
    found = (pattern for number, table in enumerate(tables) for pattern in _of_table(table, ("mapping", number)))
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def is_personal_type(aggregate_type: str, patterns: PersonalTypes) -> bool:
    """Whether the ids of this aggregate type are personal."""
    return any(fnmatchcase(aggregate_type, pattern) for pattern in patterns)


def says_how_to_read(table: MappingTable) -> bool:
    """Whether the mapping tells how messages are read. One that only declares whose ids are personal does not, and leaves
    that to the next mapping of its topics."""
    if table.key is None:
        return True
    empty = MappingTable(topics=table.topics)
    return any(
        getattr(table, name) != getattr(empty, name) for name in msgspec.structs.asdict(table) if name not in _DECLARING
    )


def _of_table(table: MappingTable, path: KeyPath) -> Iterator[str]:
    if table.key is not Key.PERSONAL:
        if table.personal_types:
            raise KeyProblem((*path, "personal_types"), 'only a mapping with key = "personal" takes it')
        return
    told = [*table.personal_types, *_told_types(table)]
    if not told:
        raise KeyProblem(
            (*path, "key"),
            "these topics' messages say themselves of which aggregate type they are: name those whose ids are personal, "
            'such as personal_types = ["patient"]',
        )
    yield from told


def _told_types(table: MappingTable) -> Iterator[str]:
    """The types that the mapping gives to every message of its topics; none if it takes them from the messages."""
    if not says_how_to_read(table) or table.aggregate is not None:
        return
    if table.aggregate_type is not None:
        if table.aggregate_type.from_ is From.VALUE and not table.aggregate_type.pattern:
            yield _literally(table.aggregate_type.value)
        elif table.aggregate_type.from_ is From.TOPIC and not table.aggregate_type.pattern:
            yield from map(last_segment, table.topics)
    elif not (table.form and "aggregate_type" in FORMS[table.form].parts) and not _is_in_a_pattern(table):
        yield from map(last_segment, table.topics)  # the topic's name stands in for a type


def _is_in_a_pattern(table: MappingTable) -> bool:
    """Whether the pattern of another part fills the type."""
    sources = [table.aggregate_id, table.id, table.type, table.version, table.time, table.source, table.subject]
    sources += [table.correlation_id, table.causation_id]
    return any(source is not None and "(?P<aggregate_type>" in source.pattern for source in sources)


def _literally(name: str) -> str:
    """The name as a pattern that matches it alone."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
