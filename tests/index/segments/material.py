"""Events of an index with small groups, every question that goes by its key tables, and pieces of merging."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connections

from eventstore.index.lookup import queries
from eventstore.index.lookup.key_tables import Place, first_places, ids_in, places, places_of_each
from eventstore.index.lookup.stream_keys import Stretch, count_within, ordinals_back, ordinals_on, places_of, stretch_of
from eventstore.index.lookup.value_lookup import by_value
from eventstore.index.models import IdKey, IndexedPartition, LinkKey, StreamKey, StreamRow
from eventstore.index.segments.merging import merge_piece
from eventstore.index.segments.numbers import merged_to
from eventstore.index.tables.keys import Link, hashed
from eventstore.index.tables.secret import index_key
from eventstore.index.writing.partition import Memory, Partition, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.events import Topic
from tests.indexing import event, pointers

A_SEGMENT, GROUP, BEHIND = 2, 3, 2
PATIENTS = Topic(name="patients")
NAMES = ("anna", "bert", "cleo", "dora")
PARTITIONS = 2
KEY_TABLES = (IdKey, LinkKey, StreamKey)


def opened(memory: Memory | None = None) -> list[Partition]:
    memory = memory or Memory()
    return [open_partition(PATIENTS, number, memory) for number in range(PARTITIONS)]


def write_some(partitions: Sequence[Partition], chance: random.Random, batches: int, *, largest: int = 6) -> None:
    """Write batches of some events. Most are Anna's; all but a few are of the same conversation as others."""
    for _ in range(batches):
        partition = chance.choice(partitions)
        start = partition.checkpoint.next_ordinal
        numbers = range(start, start + chance.randint(1, largest))
        names = [NAMES[0] if chance.random() < 0.6 else chance.choice(NAMES) for _ in numbers]
        events = [
            event(
                number,
                partition=partition.number,
                aggregate=("patient", name),
                correlation=f"talk-{number // 4}",
                causation=f"e-patients-{partition.number}-{number - 1}" if number else "",
            )
            for number, name in zip(numbers, names, strict=True)
        ]
        write_batch(partition, events, [(("who", name), ("number", str(n))) for n, name in zip(numbers, names, strict=True)])


def filled(chance: random.Random, batches: int = 14) -> list[Partition]:
    partitions = opened()
    write_some(partitions, chance, batches)
    return partitions


def answers() -> dict[str, Any]:
    """What every look-up answers, without the index's own numbers of segments."""
    found: dict[str, Any] = {}
    rows = list(IndexedPartition.objects.order_by("pk"))
    everything = [pointer for row in rows for pointer in pointers(row.topic, row.number)]
    key, newest = index_key(), max((row.segment for row in rows), default=0)
    some = everything[:: max(1, len(everything) // 5)]
    found["ids"] = [at(queries.by_event_id(p.event_id)) for p in some]
    found["correlations"] = [at(queries.by_correlation(p.correlation_id)) for p in some]
    found["causes"] = [at(queries.caused_by(p.event_id)) for p in some]
    found["values"] = {text: at(by_value("who", [text]).pointers) for text in NAMES}
    hashes = [hashed(key, p.event_id) for p in everything]
    first = {row.pk: number for number, row in enumerate(rows)}

    def named(there: Sequence[Place]) -> list[tuple[int, int, int]]:
        return sorted((place.hash, first[place.partition], place.ordinal) for place in there)

    found["each"] = named(places_of_each("index_idkey", hashes, limit=10_000))
    found["first"] = {place.hash for place in first_places("index_idkey", hashes, range(newest + 1), list(first))}
    found["hashes"] = sorted((hash, first[pk]) for some in ids_in(range(newest + 1)) for hash, pk in some)
    talk = hashed(key, "talk-0", Link.CORRELATION)
    found["oldest"] = named(places("index_linkkey", talk, list(first)[:1], limit=2))
    found["newest"] = named(places("index_linkkey", talk, list(first)[:1], limit=2, newest_first=True))
    streams = StreamRow.objects.select_related("partition").order_by("partition", "aggregate_id")
    found["streams"] = [(row.aggregate_id, *answer) for row in streams for answer in of_stream(stretch_of(row))]
    return found


def of_stream(stretch: Stretch) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Pages of a stream both ways, of several lengths, and the other ways through it."""
    yield ("all",), [place.ordinal for found in places_of(stretch) for place in found]
    yield ("count",), count_within(stretch, [(0, 7), (9, 30)])
    for limit in (2, 1_000):
        yield ("on", limit), pages_on(stretch, limit)
        yield ("back", limit), pages_back(stretch, limit)


def pages_on(stretch: Stretch, limit: int) -> list[int]:
    on: list[int] = []
    while page := ordinals_on(stretch, on[-1] + 1 if on else 0, limit):
        on += page
    return on


def pages_back(stretch: Stretch, limit: int) -> list[int]:
    back: list[int] = []
    while page := ordinals_back(stretch, back[-1] if back else None, limit):
        back += page
    return back


def at(found: Sequence[Any]) -> list[tuple[int, int]]:
    return sorted((pointer.position.partition, pointer.ordinal) for pointer in found)


def keys_there() -> list[int]:
    """How many rows each key table has."""
    return [table.objects.count() for table in KEY_TABLES]


def numbers_there() -> set[int]:
    return {number for table in KEY_TABLES for number in table.objects.values_list("segment", flat=True)}


def newest_segment() -> int:
    return max(IndexedPartition.objects.values_list("segment", flat=True), default=0)


def merge_all(most: int = 40) -> int:
    """Merge what can be; return in how many pieces."""
    count = 0
    while merge_piece("one", most) is not None:
        count += 1
    return count


def merges_that_are_due() -> int:
    return max(0, (newest_segment() - BEHIND) // GROUP) * GROUP - merged_to()


class Broken(Exception):
    """Raised within a transaction."""


def broken_before(word: str) -> Any:
    """Let the first statement that begins with this word fail, as where the process is killed there."""

    def fail(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        if statement.startswith(word):
            raise Broken
        return execute(statement, parameters, many, context)

    return connections["index"].execute_wrapper(fail)
