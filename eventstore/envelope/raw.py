"""Read a raw message through its topic's mapping."""

import json
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from jmespath.exceptions import JMESPathError
from msgspec.structs import replace

from eventstore.envelope.cloudevents import declared_type
from eventstore.envelope.connect import plain_document
from eventstore.envelope.contents import opened
from eventstore.envelope.mapping import From, Source, TopicMapping, last_segment
from eventstore.envelope.numbers import as_spelled, refuse
from eventstore.envelope.parts import NO_ID, NO_KEY, Misfit, readable, text_problem, time_or_stand_in
from eventstore.model.events import NOTHING as NO_ATTRIBUTES
from eventstore.model.events import Event, Message

_NEEDED = frozenset({"type", "aggregate", "aggregate_type", "aggregate_id"})
_NOTHING = object()
"""Stands for a payload that is not JSON, since ``None`` is JSON's null."""


def read_mapped(message: Message, mapping: TopicMapping) -> Event:
    """Make the event that the mapping finds in this message. Raises ``Misfit`` if a part that every event needs is missing.

    If their source is absent or empty, the aggregate's type falls back to the topic's last segment, and its id to the key, or
    else to the ordering key. A source that is there but does not match its pattern is a misfit: a guess would put the event
    into another aggregate's stream.
    """
    declared = declared_type(message)
    data, recoded = opened(message, declared)
    if recoded and recoded.cut and mapping.reads_json:
        raise Misfit("its payload is gzip and holds more than its topic's mapping may unpack")
    document = _document(data, mapping) if mapping.reads_json else _NOTHING
    parts, extensions = _parts(replace(message, payload=data) if recoded else message, mapping, document)
    _complete(parts, message, mapping, document)
    named = bool(parts.get("aggregate_id") or message.key)
    parts["aggregate_type"], parts["aggregate_id"] = _aggregate(message, parts)
    when = parts.pop("time", "")
    if problem := text_problem({name.replace("_", " "): text for name, text in parts.items()}):
        raise Misfit(problem)
    time, notes = time_or_stand_in(when, message, mapping.clock)
    notes = notes if named else (NO_KEY, *notes)
    return Event(
        message=message,
        id=parts.get("id") or message.position.encode(),
        id_is_position=not parts.get("id"),
        time=time,
        data=data,
        type=parts["type"],
        source=parts.get("source", ""),
        subject=parts.get("subject", ""),
        content_type=declared or ("" if document is _NOTHING else "application/json"),
        aggregate_type=parts["aggregate_type"],
        aggregate_id=parts["aggregate_id"],
        correlation_id=parts.get("correlation_id", ""),
        causation_id=parts.get("causation_id", ""),
        sequence=parts.get("version", ""),
        attributes=extensions or NO_ATTRIBUTES,
        notes=notes if parts.get("id") else (NO_ID, *notes),
        recoded=recoded,
    )


def _complete(parts: dict[str, str], message: Message, mapping: TopicMapping, document: Any) -> None:
    """Give a message without a payload its type. Raises ``Misfit`` if there is no type."""
    if message.null and mapping.tombstone:
        parts["type"] = mapping.tombstone
    if not parts.get("type"):
        raise Misfit(_no_type(mapping, document))


def _aggregate(message: Message, parts: Mapping[str, str]) -> tuple[str, str]:
    """Return the aggregate's type and id, by the mapping's parts or by what stands in for them."""
    type = parts.get("aggregate_type") or last_segment(message.position.topic)
    id = parts.get("aggregate_id") or message.key or readable(message.ordering_key)
    if not id:
        raise Misfit("it has neither an aggregate id by its topic's mapping nor a key")
    if not type:
        raise Misfit("it has neither an aggregate type by its topic's mapping nor a topic with a name")
    return type, id


def _document(payload: bytes, mapping: TopicMapping) -> Any:
    try:
        document = _loaded(payload)
        return plain_document(document) if mapping.connect else document
    except RecursionError as error:
        raise Misfit("its JSON is nested too deeply for its topic's mapping to read") from error


def _loaded(payload: bytes) -> Any:
    """Return the payload's JSON. Unpaired surrogates, which the fast parser refuses and JSON's grammar allows, are
    read slowly.
    """
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            return json.loads(payload, parse_constant=refuse)
        except ValueError:
            return _NOTHING


def _parts(message: Message, mapping: TopicMapping, document: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parts and the extension attributes that the mapping's sources find. Of several for one part, the first
    counts.
    """
    parts: dict[str, str] = {}
    extensions: dict[str, str] = {}
    for source in mapping.sources:
        found = extensions if source.extension else parts
        if source.part in found:
            continue
        text = _text(source, message, document)
        if not text:
            continue
        for name, part in ({source.part: text} if source.pattern is None else _matched(source, text)).items():
            found.setdefault(name, part)
    return parts, extensions


def _matched(source: Source, text: str) -> dict[str, str]:
    """Return what the source's pattern finds in the text: its groups, and the whole match for a part without a group
    of its own.
    """
    try:
        found = source.pattern.fullmatch(text)
    except UnicodeEncodeError:
        found = None
    if found:
        whole = {source.part: text} if source.part in source.fills and source.part not in found.groupdict() else {}
        return whole | {name: value for name, value in found.groupdict().items() if value}
    if _NEEDED.isdisjoint((source.part, *source.fills)):
        return {}
    raise Misfit(f"its {source.from_} does not fit the pattern that its topic's mapping has for {source.part}")


def _text(source: Source, message: Message, document: Any) -> str:
    text = _found(source, message, document)
    return source.then(text) if text and source.then else text


def _found(source: Source, message: Message, document: Any) -> str:
    match source.from_:
        case From.KEY:
            return message.key or ""
        case From.ORDERING_KEY:
            return readable(message.ordering_key)
        case From.PROPERTY:
            return _property(message.properties, source)
        case From.TOPIC:
            return last_segment(message.position.topic)
        case From.VALUE:
            return source.detail
        case From.JSON:
            return "" if document is _NOTHING else _json_text(source, document, message.payload)


def _property(properties: Mapping[str, str], source: Source) -> str:
    if not source.any_case:
        return properties.get(source.detail, "")
    return next((value for name, value in properties.items() if name.lower() == source.detail), "")


def _json_text(source: Source, document: Any, payload: bytes) -> str:
    """Return the simple value at the path as text, a number as it is spelled; empty if there is none."""
    value = as_spelled(_value(source, document), payload, partial(_value_within, source))
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and math.isfinite(value):
        return str(value)
    return ""


def _value(source: Source, document: Any) -> Any:
    assert source.expression is not None
    try:
        return source.expression.search(document)
    except (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None  # A function of the expression does not take what this payload holds: no value, as for a missing one.


def _value_within(source: Source, document: Any) -> Any:
    """As ``_value``, also for a document that has its schema around it."""
    value = _value(source, document)
    return _value(source, plain_document(document)) if value is None else value


def _no_type(mapping: TopicMapping, document: Any) -> str:
    if mapping.reads_json and document is _NOTHING:
        return "its payload is not JSON, which its topic's mapping reads"
    return "its topic's mapping finds no type in it"
