"""Read pointers from their blocks: by ordinal, and by position."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from eventstore.index.models import BlockRow, IndexedPartition
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, UNREADABLE, Columns, opened, tokens_of
from eventstore.index.tables.names import Names
from eventstore.model.events import Position
from eventstore.model.pointers import Pointer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PlaceOf = tuple[int, int]
"""A partition row's id, and an ordinal."""

Blocks = Mapping[PlaceOf, Columns]
"""Open blocks, by partition row and first ordinal."""


def pointers_at(places: Sequence[PlaceOf]) -> list[Pointer]:
    """Return the pointers at these places of live partitions, in the same order. Places that have none are left out."""
    partitions = _live({partition for partition, _ in places})
    wanted = [place for place in places if place[0] in partitions]
    blocks = open_blocks({(partition, ordinal - ordinal % FULL) for partition, ordinal in wanted})
    there = [(place, *found) for place in wanted if (found := _within(blocks, place))]
    streams = _streams({columns.streams[number] for _, columns, number in there} - {0})
    anomalies = _anomalies([place for place, _, _ in there])
    names = Names()
    of_types = {columns.types[number] for _, columns, number in there} | {type for type, _ in streams.values()}
    of_values = {name for _, columns, number in there for name, _ in columns.values.get(number, ())}
    texts = names.texts_of(of_types | of_values)
    return [
        _pointer(
            partitions[partition],
            ordinal,
            columns,
            number,
            type=texts[columns.types[number]],
            aggregate=_named(streams.get(columns.streams[number]), texts),
            values=tuple((texts[name], text) for name, text in columns.values.get(number, ())),
            anomalies=anomalies.get((partition, ordinal), ()),
        )
        for (partition, ordinal), columns, number in there
    ]


def open_blocks(wanted: Iterable[PlaceOf]) -> Blocks:
    """Return the blocks that begin at these places."""
    by_partition: dict[int, list[int]] = {}
    for partition, first in wanted:
        by_partition.setdefault(partition, []).append(first)
    found: dict[PlaceOf, Columns] = {}
    for partition, firsts in by_partition.items():
        rows = sql.query(
            f"SELECT first_ordinal, data FROM index_blockrow WHERE partition_id = %s AND first_ordinal IN {sql.in_list()}",
            [partition, sql.as_list(firsts)],
        )
        for first, data in rows:
            found[partition, first] = opened(bytes(data))
    return found


def last_ordinals(partition: int, tokens: Sequence[str]) -> list[int]:
    """Return the ordinal of the last event at or before each token (-1 for none), in the same order.

    The cost depends on how many blocks hold the tokens, not on how many events lie between them.
    """
    firsts = _blocks_before(partition, tokens)
    blocks = _tokens(partition, firsts)
    return [
        -1 if first is None else first + bisect_right(blocks.get(first, ()), token) - 1
        for first, token in zip(firsts, tokens, strict=True)
    ]


def ordinals_at(partition: int, tokens: Sequence[str]) -> dict[str, int]:
    """Return the ordinal of the event at each token that is indexed."""
    firsts = _blocks_before(partition, tokens)
    blocks = _tokens(partition, firsts)
    found = {}
    for first, token in zip(firsts, tokens, strict=True):
        if first is not None:
            there = blocks.get(first, ())  # none if the build is being removed
            number = bisect_left(there, token)
            if number < len(there) and there[number] == token:
                found[token] = first + number
    return found


def time_of(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _blocks_before(partition: int, tokens: Sequence[str]) -> list[int | None]:
    """Return where the last block begins that does not lie after each token; ``None`` if all do. One index search a token."""
    statement = (
        "SELECT given.number, (SELECT first_ordinal FROM index_blockrow WHERE partition_id = given.partition "
        "AND first_token <= given.token{as_kept} ORDER BY first_token DESC LIMIT 1) FROM {given}"
    )
    rows = sql.select(
        statement.replace("{as_kept}", ' COLLATE "C"' if sql.postgres() else ""),
        {"number": "integer", "partition": "bigint", "token": "text"},
        [(number, partition, token) for number, token in enumerate(tokens)],
    )
    found: list[int | None] = [None] * len(tokens)
    for number, first in rows:
        found[number] = first
    return found


def _tokens(partition: int, firsts: Iterable[int | None]) -> dict[int, list[str]]:
    """Return the tokens of the blocks that begin at these ordinals."""
    wanted = {first for first in firsts if first is not None}
    rows = BlockRow.objects.filter(partition_id=partition, first_ordinal__in=wanted)
    return {first: tokens_of(bytes(data)) for first, data in rows.values_list("first_ordinal", "data")}


def _live(partitions: set[int]) -> dict[int, IndexedPartition]:
    return {row.pk: row for row in IndexedPartition.objects.filter(pk__in=partitions, live=True)}


def _within(blocks: Blocks, place: PlaceOf) -> tuple[Columns, int] | None:
    partition, ordinal = place
    columns = blocks.get((partition, ordinal - ordinal % FULL))
    number = ordinal % FULL
    return (columns, number) if columns is not None and number < len(columns) else None


def _streams(ids: set[int]) -> dict[int, tuple[int, str]]:
    """Return the aggregate type's number and the aggregate id of each stream, by stream id."""
    rows = sql.query(
        f"SELECT id, type_id, aggregate_id FROM index_streamrow WHERE id IN {sql.in_list()}", [sql.as_list(list(ids))]
    )
    return {id: (type, aggregate_id) for id, type, aggregate_id in rows}


def _anomalies(places: Sequence[PlaceOf]) -> dict[PlaceOf, tuple[str, ...]]:
    by_partition: dict[int, list[int]] = {}
    for partition, ordinal in places:
        by_partition.setdefault(partition, []).append(ordinal)
    found: dict[PlaceOf, tuple[str, ...]] = {}
    for partition, ordinals in by_partition.items():
        rows = sql.query(
            f"SELECT ordinal, kind FROM index_anomalyrow WHERE partition_id = %s AND ordinal IN {sql.in_list()} ORDER BY id",
            [partition, sql.as_list(ordinals)],
        )
        for ordinal, kind in rows:
            found[partition, ordinal] = (*found.get((partition, ordinal), ()), kind)
    return found


def _named(stream: tuple[int, str] | None, types: Mapping[int, str]) -> tuple[str, str]:
    return (types[stream[0]], stream[1]) if stream else ("", "")


def _pointer(
    row: IndexedPartition,
    ordinal: int,
    columns: Columns,
    number: int,
    *,
    type: str,
    aggregate: tuple[str, str],
    values: tuple[tuple[str, str], ...],
    anomalies: tuple[str, ...],
) -> Pointer:
    return Pointer(
        position=Position(topic=row.topic, partition=row.number, token=columns.tokens[number]),
        ordinal=ordinal,
        event_id=columns.ids[number],
        type=type,
        time=time_of(columns.times[number]),
        published=time_of(columns.published[number]),
        size=columns.sizes[number],
        version=columns.versions[number] or None,
        aggregate_type=aggregate[0],
        aggregate_id=aggregate[1],
        correlation_id=columns.correlations[number],
        causation_id=columns.causations[number],
        unreadable=bool(columns.flags[number] & UNREADABLE),
        derived=row.kind != "events",
        schema_version=columns.schemas[number],
        original=columns.originals[number],
        values=values,
        anomalies=anomalies,
        ended_at=row.ended_at,
    )
