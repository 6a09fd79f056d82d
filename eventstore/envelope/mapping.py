"""A topic's mapping for raw messages, as the configuration declares it: where each part of an event comes from."""

import re
from collections.abc import Callable, Iterable
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

from eventstore.envelope.forms import FORMS, Form, Try
from eventstore.envelope.times import Clock, Unit, clock_of_format, clock_of_unit, read_time
from eventstore.model.toml_positions import KeyPath, KeyProblem

PARTS = (
    "aggregate_type", "aggregate_id", "id", "type", "version", "time", "correlation_id", "causation_id", "source", "subject",
)  # fmt: skip
"""The parts that a mapping can fill, in the order in which their sources are read."""


class From(StrEnum):
    """The places from which a part can come."""

    KEY = "key"
    ORDERING_KEY = "ordering_key"
    PROPERTY = "property"
    JSON = "json"
    TOPIC = "topic"
    VALUE = "value"


class Before(StrEnum):
    """What a mapping may be asked before."""

    ENVELOPE = "envelope"


class Key(StrEnum):
    """What the ids of a topic's aggregates are."""

    PERSONAL = "personal"


_NEEDS = {From.PROPERTY: "name", From.JSON: "path", From.VALUE: "value"}


_is_attribute = re.compile(r"[a-z0-9]{1,40}").fullmatch
_TAKEN = frozenset({
    "id", "type", "source", "subject", "time", "specversion", "datacontenttype", "data", "aggregatetype", "aggregateid",
    "correlationid", "causationid", "sequence",
})  # fmt: skip
"""Attributes that are parts of every event, or say how its data is written."""


class SourceTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One source as it is written: ``{ from = "json", path = "eventType" }``."""

    from_: From = msgspec.field(name="from")
    name: str = ""
    path: str = ""
    value: str = ""
    pattern: str = ""
    unit: Unit | None = None
    format: str = ""


class MappingTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[mapping]]`` as it is written. ``aggregate`` is a single text that holds both the aggregate's type and its id.

    ``key`` and ``personal_types`` say whose ids are personal: see ``eventstore.config.personal_ids``.
    """

    topics: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    key: Key | None = None
    personal_types: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    form: Form | None = None
    before: Before | None = None
    aggregate: SourceTable | None = None
    aggregate_type: SourceTable | None = None
    aggregate_id: SourceTable | None = None
    id: SourceTable | None = None
    type: SourceTable | None = None
    version: SourceTable | None = None
    time: SourceTable | None = None
    correlation_id: SourceTable | None = None
    causation_id: SourceTable | None = None
    source: SourceTable | None = None
    subject: SourceTable | None = None
    extensions: dict[str, SourceTable] = {}


class Source(Struct, frozen=True, kw_only=True, eq=False):
    """One compiled source. ``fills`` are the parts named by its pattern's groups; without a pattern, it fills ``part``.

    ``extension`` says that ``part`` is the name of an extension attribute. ``any_case``: the property's name is in small
    letters, and found in any case. ``then`` makes the part of the text that is found.
    """

    part: str
    from_: From
    detail: str = ""
    expression: ParsedResult | None = None
    pattern: Any = None
    fills: tuple[str, ...] = ()
    extension: bool = False
    any_case: bool = False
    then: Callable[[str], str] | None = None


class TopicMapping(Struct, frozen=True, kw_only=True, eq=False):
    """One compiled mapping: the topics that it is for, and its sources. Of several for a part, the first with a text counts.

    ``before_envelope``: it is asked before the message's own envelope. ``connect``: a JSON payload that has its schema around
    it is read without. ``tombstone``: the type of a message without a payload; empty for none.
    """

    topics: tuple[str, ...]
    sources: tuple[Source, ...]
    clock: Clock = read_time
    before_envelope: bool = False
    connect: bool = False
    tombstone: str = ""

    @property
    def reads_json(self) -> bool:
        return any(source.from_ is From.JSON for source in self.sources)


def compile_mapping(table: MappingTable, path: KeyPath) -> TopicMapping:
    """Compile a mapping. Raises ``KeyProblem`` if it cannot be used."""
    named = [(part, getattr(table, part)) for part in ("aggregate", *PARTS)]
    sources = [_compile(part, source, (*path, part)) for part, source in named if source is not None]
    filled = _filled(sources, path)
    sources += [_extension(name, source, (*path, "extensions", name)) for name, source in table.extensions.items()]
    form = FORMS[table.form] if table.form else None
    if form:
        tried = [(part, tries) for part, tries in form.parts.items() if part not in filled]
        sources += [_of_form(part, one) for part, tries in tried for one in tries]
        filled |= form.parts.keys()
    if "type" not in filled:
        raise KeyProblem((*path, "type"), 'an event needs a type: add type = { from = "json", path = "…" }')
    return TopicMapping(
        topics=table.topics,
        sources=tuple(sources),
        clock=_clock(table.time, Unit(form.unit) if form and form.unit else None, (*path, "time")),
        before_envelope=table.before is Before.ENVELOPE,
        connect=form is not None and form.connect,
        tombstone=form.tombstone if form else "",
    )


def _filled(sources: Iterable[Source], path: KeyPath) -> set[str]:
    """Return the parts that these sources fill. Raises ``KeyProblem`` if two fill the same."""
    filled: set[str] = set()
    for source in sources:
        for part in source.fills:
            if part in filled:
                raise KeyProblem((*path, source.part), f"{part} already has another source in this mapping: keep one")
            filled.add(part)
    return filled


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


def _of_form(part: str, tried: Try) -> Source:
    kind = From.PROPERTY if tried.property else From.JSON if tried.path else From.KEY if tried.key else From.TOPIC
    return Source(
        part=part,
        from_=kind,
        detail=tried.property.lower() or tried.path,
        expression=jmespath.compile(tried.path) if tried.path else None,
        fills=(part,),
        any_case=True,
        then=tried.then,
    )


def _extension(name: str, table: SourceTable, path: KeyPath) -> Source:
    if not _is_attribute(name):
        raise KeyProblem(path, "expected the name of a CloudEvents attribute: small letters and digits, such as tenant")
    if name in _TAKEN:
        raise KeyProblem(path, f"{name} is not an extension: see docs/configuration.md for the part that fills it")
    if table.pattern:
        raise KeyProblem((*path, "pattern"), "an extension takes the whole text: leave the pattern out")
    return msgspec.structs.replace(_compile(name, table, path), extension=True)


def _clock(table: SourceTable | None, unit: Unit | None, path: KeyPath) -> Clock:
    """Return the clock for the mapping's times: by their own unit or format, or else by the form's unit."""
    if table is not None and table.unit and table.format:
        raise KeyProblem((*path, "format"), "a time has a unit or a format: keep one")
    if table is not None and table.format:
        try:
            return clock_of_format(table.format)
        except (ValueError, OverflowError) as error:
            raise KeyProblem(
                (*path, "format"), f'expected a format of strptime with a whole date, such as "%d.%m.%Y %H:%M:%S": {error}'
            ) from error
    if table is not None and table.unit:
        return clock_of_unit(table.unit)
    return clock_of_unit(unit) if unit and table is None else read_time


def _compile(part: str, table: SourceTable, path: KeyPath) -> Source:
    needed = _NEEDS.get(table.from_, "")
    for key in ("name", "path", "value"):
        if key == needed and not getattr(table, key):
            raise KeyProblem((*path, key), f'from = "{table.from_}" needs {key} = "…"')
        if key != needed and getattr(table, key):
            raise KeyProblem((*path, key), f'from = "{table.from_}" takes no {key}')
    for key in ("unit", "format"):
        if getattr(table, key) and part != "time":
            raise KeyProblem((*path, key), f"only a time has a {key}")
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
