"""Find the aggregates that have a searchable value, with some events of each, however many another one has."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from eventstore.index.lookup.key_tables import Place, places
from eventstore.index.lookup.pointers import open_blocks, pointers_at
from eventstore.index.lookup.stream_keys import places_of, stretches_everywhere
from eventstore.index.tables.blocks import FULL
from eventstore.index.tables.extents import live_partitions
from eventstore.index.tables.keys import value_hash
from eventstore.index.tables.names import names_of_answer
from eventstore.index.tables.secret import index_key
from eventstore.model.events import TopicKind
from eventstore.model.pointers import Pointer, ValueMatches

MOST_MATCHES = 200
MOST_LOOKED_AT = 500
"""Largest number of candidates from each end, first and last indexed. Each may lie in a block of its own, and opening a block
takes a third of a millisecond."""


def by_value(name: str, stored: Sequence[str], limit: int = MOST_MATCHES) -> ValueMatches:
    """Return the originals that have this searchable value, by time. If there are too many, return some of each aggregate.
    Those of types of aggregates that are left out (``eventstore.extent``) count for nothing.

    ``stored`` holds the texts or hashes that stand for the value in the index; any of them matches.
    """
    number = names_of_answer().known(name)
    if number is None:
        return ValueMatches()
    found: dict[Place, None] = {}
    all_seen = True
    for text in stored:
        candidates, whole = _candidates(value_hash(index_key(), number, text))
        found.update(dict.fromkeys(candidates))
        all_seen &= whole
    wanted = {(name, text) for text in stored}
    pointers = pointers_at([(place.partition, place.ordinal) for place in found])
    having = [pointer for pointer in pointers if pointer.version is not None and not wanted.isdisjoint(pointer.values)]
    having.sort(key=_by_time)
    by_aggregate: dict[tuple[str, str], list[Pointer]] = {}
    for pointer in having:
        by_aggregate.setdefault((pointer.aggregate_type, pointer.aggregate_id), []).append(pointer)
    in_turn = [pointer for turn in zip_longest(*by_aggregate.values()) for pointer in turn if pointer is not None]
    return ValueMatches(
        pointers=tuple(sorted(in_turn[:limit], key=_by_time)),
        all_events=all_seen and len(having) <= limit,
        all_aggregates=all_seen and len(by_aggregate) <= limit,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedValues:
    """An aggregate's searchable values by name, in the ``events`` looked at: all of them, if it is ``complete``."""

    values: Mapping[str, int]
    events: int
    complete: bool


def count_values(type: str, id: str, *, most_blocks: int) -> CountedValues:
    """Count the aggregate's values in the builds that pages read, its first events first, in at most so many blocks."""
    names: Counter[int] = Counter()
    events, left = 0, most_blocks
    for stretch in stretches_everywhere(type, id, live=True):
        for found in places_of(stretch):
            by_block = {first: [at.ordinal for at in here] for first, here in groupby(found, lambda at: at.ordinal // FULL)}
            wanted = list(by_block)[:left]
            for (_, first), columns in open_blocks((stretch.partition, number * FULL) for number in wanted).items():
                inside = by_block[first // FULL]
                names.update(name for ordinal in inside for name, _ in columns.values.get(ordinal - first, ()))
                events += len(inside)
            left -= len(wanted)
            if len(wanted) < len(by_block):
                return _counted(names, events, complete=False)
    return _counted(names, events, complete=True)


def _counted(names: Mapping[int, int], events: int, *, complete: bool) -> CountedValues:
    texts = names_of_answer().texts_of(names)
    return CountedValues(values={texts[name]: count for name, count in names.items()}, events=events, complete=complete)


def _candidates(hash: int) -> tuple[list[Place], bool]:
    """Return the places of events that may have the value, and whether these are all."""
    rows = live_partitions().filter(kind=TopicKind.EVENTS.value)
    partitions = list(rows.values_list("pk", flat=True))
    first = places("index_linkkey", hash, partitions, limit=MOST_LOOKED_AT + 1)
    if len(first) <= MOST_LOOKED_AT:
        return first, True
    last = places("index_linkkey", hash, partitions, limit=MOST_LOOKED_AT, newest_first=True)
    return [*first[:-1], *last], False


def _by_time(pointer: Pointer) -> tuple[object, ...]:
    return pointer.time, pointer.position.topic, pointer.ordinal
