"""Read messages again through the envelope, and compare the events with their pointers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from eventstore.config.searchable_values import ValuesOf
from eventstore.envelope import TopicMapping
from eventstore.envelope.reading import Decode
from eventstore.forgotten.memory import Forgotten
from eventstore.index.lookup.pointers import time_of
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import UNREADABLE, Columns
from eventstore.index.tables.keys import Key
from eventstore.index.tables.names import Names
from eventstore.index.tables.secret import index_key
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.guarding import indexable
from eventstore.index.writing.prepared_batch import Stored, columns_of
from eventstore.model.errors import NOT_THE_MESSAGE
from eventstore.model.events import Event, Message, Topic

MOST_STREAMS = 100_000
"""Streams whose aggregates are kept in memory."""

LONGEST_SHOWN = 200

AggregateKey = tuple[str, str]
NO_STREAM = ("", "")


class Difference(NamedTuple):
    """The ordinal of an event, and what differs."""

    ordinal: int
    words: str


@dataclass(kw_only=True, slots=True)
class Comparison:
    """What comparing one partition's events needs. ``partition`` is the id of its row."""

    topic: Topic
    partition: int
    mappings: Sequence[TopicMapping]
    decode: Decode
    values_of: ValuesOf | None
    key: Key = field(default_factory=index_key)
    names: Names = field(default_factory=Names)
    streams: dict[int, AggregateKey] = field(default_factory=dict)
    forgotten: Forgotten = field(default_factory=Forgotten)


_COMPARED = {
    "ids": "event id",
    "times": "time",
    "published": "publish time",
    "correlations": "correlation id",
    "causations": "causation id",
    "sizes": "size",
    "flags": "readability",
    "schemas": "schema version",
    "originals": "original",
}
_TIMES = ("times", "published")


def read_again(comparison: Comparison, messages: Sequence[Message]) -> list[Event]:
    """Read the messages through the envelope, as an indexer does."""
    return events_in(messages, comparison.mappings, comparison.decode)


def compared(
    comparison: Comparison, first: int, indexed: Columns, messages: Sequence[Message]
) -> tuple[list[Event], list[Difference]]:
    """Return the events of these messages, and how they differ from their pointers, which begin at ordinal ``first``.

    What an indexer cannot prepare it indexes as unreadable. So events that differ are compared again as it would prepare them.
    """
    events = read_again(comparison, messages)
    try:
        found = events_differ(comparison, first, indexed, events)
    except NOT_THE_MESSAGE:
        raise
    except Exception:  # noqa: BLE001 -- the event on which it fails is reported below
        found = None
    if found == []:
        return events, []
    events = indexable(comparison.topic, comparison.key, events, comparison.values_of)
    return events, events_differ(comparison, first, indexed, events)


def events_differ(comparison: Comparison, first: int, indexed: Columns, events: Sequence[Event]) -> list[Difference]:
    """Return the first difference of each kind between these events and their pointers, which begin at ordinal ``first``."""
    columns = columns_of(comparison.topic, events)
    indexed.flags = [flag & UNREADABLE for flag in indexed.flags]
    found = [_differs(words, name, first, columns, indexed) for name, words in _COMPARED.items()]
    texts = comparison.names.texts_of(indexed.types)
    found.append(_first("type", first, [event.type for event in events], [texts[type] for type in indexed.types]))
    aggregates = [_aggregate_of(comparison.topic, event) for event in events]
    found.append(_first("aggregate", first, aggregates, _aggregates(comparison, indexed.streams)))
    if comparison.values_of is not None:
        found.append(_values_differ(comparison.names, first, _values(comparison, events), indexed))
    return [one for one in found if one is not None]


def _differs(words: str, name: str, first: int, store: Columns, index: Columns) -> Difference | None:
    one, other = getattr(store, name), getattr(index, name)
    if one == other:
        return None
    if name in _TIMES:
        one, other = [time_of(time).isoformat() for time in one], [time_of(time).isoformat() for time in other]
    if name == "flags":
        one, other = [_READABLE[flag] for flag in one], [_READABLE[flag] for flag in other]
    return _first(words, first, one, other)


_READABLE = ("readable", "unreadable")


def _first(words: str, first: int, store: Sequence[object], index: Sequence[object]) -> Difference | None:
    for place, (one, other) in enumerate(zip(store, index, strict=True)):
        if one != other:
            return Difference(first + place, f"the {words} is {_shown(one)} in the store and {_shown(other)} in the index")
    return None


def _shown(value: object) -> str:
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    cut = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    return (cut if cut.isprintable() else ascii(cut)) if cut.strip() else "none"


def _aggregate_of(topic: Topic, event: Event) -> AggregateKey:
    return NO_STREAM if event.problem or topic.derived else (event.aggregate_type, event.aggregate_id)


def _aggregates(comparison: Comparison, streams: Sequence[int]) -> list[AggregateKey]:
    """Return the type and id of the aggregate of each stream, by stream id."""
    known = comparison.streams
    if len(known) > MOST_STREAMS:
        known.clear()
    new = set(streams) - known.keys() - {0}
    if new:
        rows = sql.query(
            f"SELECT id, type_id, aggregate_id FROM index_streamrow WHERE partition_id = %s AND id IN {sql.in_list()}",
            [comparison.partition, sql.as_list(sorted(new))],
        )
        texts = comparison.names.texts_of({type for _, type, _ in rows})
        known.update({id: (texts[type], aggregate_id) for id, type, aggregate_id in rows})
    return [known.get(stream, NO_STREAM) for stream in streams]


def _values(comparison: Comparison, events: Sequence[Event]) -> Sequence[Sequence[Stored]]:
    """Return the values that the index should have of each event: none of a forgotten aggregate."""
    values = comparison.values_of(comparison.topic, events) if comparison.values_of is not None else ()
    keys = [(event.aggregate_type, event.aggregate_id) for event in events]
    forgotten = comparison.forgotten.among(key for key, found in zip(keys, values, strict=False) if found)
    return [() if key in forgotten else found for key, found in zip(keys, values, strict=False)]


def _values_differ(names: Names, first: int, values: Sequence[Sequence[Stored]], indexed: Columns) -> Difference | None:
    """Compare the searchable values. The difference does not show them."""
    texts = names.texts_of({name for found in indexed.values.values() for name, _ in found})
    for place in range(len(indexed)):
        there = {(texts[name], text) for name, text in indexed.values.get(place, ())}
        if there != set(values[place] if place < len(values) else ()):
            return Difference(first + place, "its searchable values are not those that the index has")
    return None
