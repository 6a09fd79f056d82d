"""A topic's mapping for raw messages, as the configuration declares it: where each part of an event comes from."""

from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any

import jmespath
import msgspec
import re2
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from msgspec import Meta, Struct

from eventstore.model.toml_positions import KeyPath, KeyProblem

PARTS = ("aggregate_type", "aggregate_id", "id", "type", "version", "time", "correlation_id", "causation_id")
"""The parts that a mapping can fill, in the order in which their sources are read."""


class From(StrEnum):
    """The places from which a part can come."""

    KEY = "key"
    ORDERING_KEY = "ordering_key"
    PROPERTY = "property"
    JSON = "json"
    TOPIC = "topic"
    VALUE = "value"


_NEEDS = {From.PROPERTY: "name", From.JSON: "path", From.VALUE: "value"}


class SourceTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One source as it is written: ``{ from = "json", path = "eventType" }``."""

    from_: From = msgspec.field(name="from")
    name: str = ""
    path: str = ""
    value: str = ""
    pattern: str = ""


class MappingTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[mapping]]`` as it is written. ``aggregate`` is a single text that holds both the aggregate's type and its id."""

    topics: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    aggregate: SourceTable | None = None
    aggregate_type: SourceTable | None = None
    aggregate_id: SourceTable | None = None
    id: SourceTable | None = None
    type: SourceTable | None = None
    version: SourceTable | None = None
    time: SourceTable | None = None
    correlation_id: SourceTable | None = None
    causation_id: SourceTable | None = None


class Source(Struct, frozen=True, kw_only=True, eq=False):
    """One compiled source. ``fills`` are the parts named by its pattern's groups; without a pattern, it fills ``part``."""

    part: str
    from_: From
    detail: str = ""
    expression: ParsedResult | None = None
    pattern: Any = None
    fills: tuple[str, ...] = ()


class TopicMapping(Struct, frozen=True, kw_only=True, eq=False):
    """One compiled mapping: the topics that it is for, and its sources."""

    topics: tuple[str, ...]
    sources: tuple[Source, ...]

    @property
    def reads_json(self) -> bool:
        return any(source.from_ is From.JSON for source in self.sources)


def compile_mapping(table: MappingTable, path: KeyPath) -> TopicMapping:
    """Compile a mapping. Raises ``KeyProblem`` if it cannot be used."""
    named = [(part, getattr(table, part)) for part in ("aggregate", *PARTS)]
    sources = tuple(_compile(part, source, (*path, part)) for part, source in named if source is not None)
    filled: set[str] = set()
    for source in sources:
        for part in source.fills:
            if part in filled:
                raise KeyProblem((*path, source.part), f"{part} already has another source in this mapping: keep one")
            filled.add(part)
    if "type" not in filled:
        raise KeyProblem((*path, "type"), 'an event needs a type: add type = { from = "json", path = "…" }')
    return TopicMapping(topics=table.topics, sources=sources)


@lru_cache(maxsize=1024)
def mapping_for(topic: str, mappings: tuple[TopicMapping, ...]) -> TopicMapping | None:
    """Return the first mapping with a pattern that matches the topic's whole name or its last segment."""
    last = last_segment(topic)
    for mapping in mappings:
        if any(fnmatchcase(topic, pattern) or fnmatchcase(last, pattern) for pattern in mapping.topics):
            return mapping
    return None


def last_segment(topic: str) -> str:
    """Return the last segment of a topic's name: ``users`` for ``public/default/users``."""
    return topic.rstrip("/").rpartition("/")[2]


def _compile(part: str, table: SourceTable, path: KeyPath) -> Source:
    needed = _NEEDS.get(table.from_, "")
    for key in ("name", "path", "value"):
        if key == needed and not getattr(table, key):
            raise KeyProblem((*path, key), f'from = "{table.from_}" needs {key} = "…"')
        if key != needed and getattr(table, key):
            raise KeyProblem((*path, key), f'from = "{table.from_}" takes no {key}')
    pattern, groups = _compile_pattern(table.pattern, (*path, "pattern")) if table.pattern else (None, ())
    if part == "aggregate" and not groups:
        raise KeyProblem((*path, "pattern"), "needed here, with the groups (?P<aggregate_type>…) and (?P<aggregate_id>…)")
    own = () if part == "aggregate" or part in groups else (part,)
    return Source(
        part=part,
        from_=table.from_,
        detail=getattr(table, needed) if needed else "",
        expression=_compile_path(table.path, (*path, "path")) if table.from_ is From.JSON else None,
        pattern=pattern,
        fills=(*own, *groups),
    )


def _compile_path(path: str, where: KeyPath) -> ParsedResult:
    try:
        return jmespath.compile(path)
    except (JMESPathError, RecursionError) as error:
        raise KeyProblem(where, 'expected a JMESPath expression such as "user.id"') from error


def _compile_pattern(pattern: str, where: KeyPath) -> tuple[Any, tuple[str, ...]]:
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise KeyProblem(where, f"expected a regular expression in RE2's syntax: {_said(error)}") from error
    groups = tuple(sorted(compiled.groupindex, key=lambda name: compiled.groupindex[name]))
    if not groups:
        raise KeyProblem(where, "expected at least one named group, such as (?P<aggregate_id>.+)")
    for name in groups:
        if name not in PARTS:
            raise KeyProblem(where, f"no part is called {name}: the groups may be {', '.join(PARTS)}")
    return compiled, groups


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
