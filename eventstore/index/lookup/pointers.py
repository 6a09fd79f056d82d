"""Read pointers from their blocks: by ordinal, and by position."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property

from eventstore.extent import asked_once
from eventstore.index.lookup.key_tables import partitions_with, places
from eventstore.index.models import IndexedPartition
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, UNREADABLE, Columns, opened, tokens_of
from eventstore.index.tables.extents import has_type, live_partitions
from eventstore.index.tables.names import names_of_answer
from eventstore.model.events import Position
from eventstore.model.pointers import Pointer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_CANDIDATES = 400
BLOCKS_A_STATEMENT = 500
"""Blocks that are read in one statement: some ten megabytes."""

MOST_KEPT = 100
"""Blocks that are kept for an answer which looks at them from several sides, and stay open once they are: some megabytes."""

PlaceOf = tuple[int, int]
"""A partition row's id, and an ordinal."""

Blocks = Mapping[PlaceOf, Columns]
"""Open blocks, by partition row and first ordinal."""


def pointers_at(places: Sequence[PlaceOf]) -> list[Pointer]:
    """Return the pointers at these places of live partitions, in the same order. Places that have none are left out."""
    found = pointers_by_place(places)
    return [found[place] for place in places if place in found]


def pointers_by_place(places: Sequence[PlaceOf]) -> dict[PlaceOf, Pointer]:
    """Return the pointers at these places of live partitions: a few queries, of however many partitions."""
    if not places:
        return {}
    partitions = _live(frozenset(partition for partition, _ in places))
    wanted = [place for place in places if place[0] in partitions]
    blocks = _blocks_with(wanted)
    there = [(place, *found) for place in wanted if (found := _within(blocks, place))]
    streams = named_streams(frozenset(columns.streams[number] for _, columns, number in there) - {0})
    anomalies = _anomalies(tuple(place for place, _, _ in there))
    names = names_of_answer()
    of_types = {columns.types[number] for _, columns, number in there} | {type for type, _ in streams.values()}
    of_values = {name for _, columns, number in there for name, _ in columns.values.get(number, ())}
    texts = names.texts_of(of_types | of_values)
    pointers = {
        (partition, ordinal): _pointer(
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
    }
    return {place: pointer for place, pointer in pointers.items() if has_type(pointer.aggregate_type)}


def with_hash_of_kind(table: str, hash: int, *, derived: bool) -> list[Pointer]:
    """Return the candidates for a text, in the order of ``places``, at most ``MOST_CANDIDATES``. The caller compares the text.

    Originals and copies are limited separately, so that no number of copies hides an original.
    """
    found = places(table, hash, partitions_with(derived=derived), limit=MOST_CANDIDATES)
    return pointers_at([(place.partition, place.ordinal) for place in found])


def with_hash(table: str, hash: int) -> list[Pointer]:
    """Do as ``with_hash_of_kind`` for originals and copies. Every segment is searched once, unless there are too many."""
    found = places(table, hash, list(live_partitions().values_list("pk", flat=True)), limit=MOST_CANDIDATES + 1)
    if len(found) > MOST_CANDIDATES:
        return [*with_hash_of_kind(table, hash, derived=False), *with_hash_of_kind(table, hash, derived=True)]
    return pointers_at([(place.partition, place.ordinal) for place in found])


def open_blocks(wanted: Iterable[PlaceOf]) -> Blocks:
    """Return the blocks that begin at these places. Within one answer the first of them are read and opened once."""
    return {place: block.columns for place, block in _blocks_at(wanted)}


def _blocks_with(places: Iterable[PlaceOf]) -> Blocks:
    """Return the blocks in which these events lie. One that was kept, and has grown since by one of them, is read anew."""
    last: dict[PlaceOf, int] = {}
    for partition, ordinal in places:
        number = ordinal % FULL
        last[partition, ordinal - number] = max(number, last.get((partition, ordinal - number), 0))
    kept = set(_kept())
    blocks = open_blocks(last)
    grown = {place for place in kept & blocks.keys() if len(blocks[place]) <= last[place]}
    if not grown:
        return blocks
    for place in grown:
        del _kept()[place]
    return {**blocks, **open_blocks(grown)}


def last_ordinals(partition: int, tokens: Sequence[str]) -> list[int]:
    """Do as ``last_ordinals_in``, for tokens of one partition."""
    return last_ordinals_in([(partition, token) for token in tokens])


def last_ordinals_in(places: Sequence[tuple[int, str]]) -> list[int]:
    """Return the ordinal of the last event at or before each of these tokens of partition rows (-1 for none), in the same
    order.

    The cost depends on how many blocks hold the tokens, not on how many events lie between them.
    """
    firsts = _blocks_before(tuple(places))
    blocks = _tokens(places, firsts)
    return [
        -1 if first is None else first + bisect_right(blocks.get((partition, first), ()), token) - 1
        for first, (partition, token) in zip(firsts, places, strict=True)
    ]


def ordinals_at(partition: int, tokens: Sequence[str]) -> dict[str, int]:
    """Return the ordinal of the event at each token that is indexed."""
    places = [(partition, token) for token in tokens]
    firsts = _blocks_before(tuple(places))
    blocks = _tokens(places, firsts)
    found = {}
    for first, token in zip(firsts, tokens, strict=True):
        if first is not None:
            there = blocks.get((partition, first), ())  # none if the build is being removed
            number = bisect_left(there, token)
            if number < len(there) and there[number] == token:
                found[token] = first + number
    return found


def time_of(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def published_at(places: Iterable[PlaceOf]) -> Mapping[PlaceOf, tuple[str, datetime]]:
    """Return the token of the event at each of these places, and when it was published. Places that have none are left out."""
    wanted = set(places)
    blocks = _blocks_with(wanted)
    found = {}
    for place in wanted:
        there = _within(blocks, place)
        if there:
            columns, number = there
            found[place] = (columns.tokens[number], time_of(columns.published[number]))
    return found


@asked_once
def _blocks_before(places: tuple[tuple[int, str], ...]) -> list[int | None]:
    """Return where the last block begins that does not lie after each token; ``None`` if all do. One index search a token."""
    statement = (
        "SELECT given.number, (SELECT first_ordinal FROM index_blockrow WHERE partition_id = given.partition "
        "AND first_token <= given.token{as_kept} ORDER BY first_token DESC LIMIT 1) FROM {given}"
    )
    rows = sql.select(
        statement.replace("{as_kept}", ' COLLATE "C"' if sql.postgres() else ""),
        {"number": "integer", "partition": "bigint", "token": "text"},
        [(number, partition, token) for number, (partition, token) in enumerate(places)],
    )
    found: list[int | None] = [None] * len(places)
    for number, first in rows:
        found[number] = first
    return found


def _tokens(places: Sequence[tuple[int, str]], firsts: Sequence[int | None]) -> dict[PlaceOf, list[str]]:
    """Return the tokens of the blocks that begin at these ordinals, each in the partition of its place."""
    wanted = {(partition, first) for (partition, _), first in zip(places, firsts, strict=True) if first is not None}
    return {place: block.tokens for place, block in _blocks_at(wanted)}


class _Block:
    def __init__(self, data: bytes) -> None:
        self._data = data

    @cached_property
    def columns(self) -> Columns:
        return opened(self._data)

    @property
    def tokens(self) -> list[str]:
        return self.columns.tokens if "columns" in self.__dict__ else tokens_of(self._data)


def _blocks_at(places: Iterable[PlaceOf]) -> Iterator[tuple[PlaceOf, _Block]]:
    """Yield the blocks that begin at these places: one query for each 500, of however many partitions."""
    kept, wanted = _kept(), sorted(set(places))
    yield from [(place, kept[place]) for place in wanted if place in kept]
    wanted = [place for place in wanted if place not in kept]
    statement = (
        "SELECT given.partition, given.first, index_blockrow.data FROM {given} JOIN index_blockrow "
        "ON index_blockrow.partition_id = given.partition AND index_blockrow.first_ordinal = given.first"
    )
    columns = {"partition": "bigint", "first": "bigint"}
    for start in range(0, len(wanted), BLOCKS_A_STATEMENT):
        for partition, first, data in sql.select(statement, columns, wanted[start : start + BLOCKS_A_STATEMENT]):
            block = _Block(bytes(data))
            if len(kept) < MOST_KEPT:
                kept[partition, first] = block
            yield (partition, first), block


@asked_once
def _kept() -> dict[PlaceOf, _Block]:
    """The first blocks that were read for this answer, to be filled. Outside of one, none is kept."""
    return {}


@asked_once
def _live(partitions: frozenset[int]) -> dict[int, IndexedPartition]:
    return {row.pk: row for row in live_partitions().filter(pk__in=partitions)}


def _within(blocks: Blocks, place: PlaceOf) -> tuple[Columns, int] | None:
    partition, ordinal = place
    columns = blocks.get((partition, ordinal - ordinal % FULL))
    number = ordinal % FULL
    return (columns, number) if columns is not None and number < len(columns) else None


@asked_once
def named_streams(ids: frozenset[int]) -> dict[int, tuple[int, str]]:
    """Return the aggregate type's number and the aggregate id of each stream, by stream id."""
    if not ids:
        return {}
    rows = sql.query(
        f"SELECT id, type_id, aggregate_id FROM index_streamrow WHERE id IN {sql.in_list()}", [sql.as_list(list(ids))]
    )
    return {id: (type, aggregate_id) for id, type, aggregate_id in rows}


@asked_once
def _anomalies(places: tuple[PlaceOf, ...]) -> dict[PlaceOf, tuple[str, ...]]:
    found: dict[PlaceOf, tuple[str, ...]] = {}
    rows = sql.select(
        "SELECT given.partition, given.place, kind FROM {given} JOIN index_anomalyrow "
        "ON index_anomalyrow.partition_id = given.partition AND index_anomalyrow.ordinal = given.place ORDER BY id",
        {"partition": "bigint", "place": "bigint"},
        places,
    )
    for partition, ordinal, kind in rows:
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
    derived = row.kind != "events"
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
        derived=derived,
        schema_version=columns.schemas[number],
        original=columns.originals[number] if derived else "",
        key="" if derived else columns.originals[number],
        values=values,
        anomalies=anomalies,
        ended_at=row.ended_at,
    )
