"""Compare the index's counts with its events: by stream, by aggregate type, by hour, and of anomalies."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, Columns, decoded
from eventstore.index.tables.database import connection
from eventstore.index.tables.names import Names
from eventstore.index.writing.prepared_batch import HOUR

PIECE = 10_000
A_CHUNK = 1 << 12


@dataclass(kw_only=True, slots=True)
class Counted:
    """What was counted in one partition so far. A stream takes eight bytes, because the ids of streams are dense."""

    chunks: dict[int, "array[int]"] = field(default_factory=dict)
    """Events by stream id: one array for each ``A_CHUNK`` ids."""
    hours: "Counter[tuple[int, int]]" = field(default_factory=Counter)
    """Events by type number and hour."""

    def versions(self, streams: Sequence[int]) -> list[int]:
        """Count one event for each stream id (0: no stream), and return the version of each."""
        found = []
        for stream in streams:
            if not stream:
                found.append(0)
                continue
            chunk = self.chunks.get(stream // A_CHUNK)
            if chunk is None:
                chunk = self.chunks[stream // A_CHUNK] = array("q", bytes(8 * A_CHUNK))
            chunk[stream % A_CHUNK] += 1
            found.append(chunk[stream % A_CHUNK])
        return found

    def add_hours(self, columns: Columns) -> None:
        self.hours.update(zip(columns.types, (time // HOUR for time in columns.times), strict=True))

    def events_of(self, stream: int) -> int:
        chunk = self.chunks.get(stream // A_CHUNK)
        return chunk[stream % A_CHUNK] if chunk is not None else 0

    def total(self) -> int:
        return sum(sum(chunk) for chunk in self.chunks.values())


def check_counts(partition: int, counted: Counted, end: int) -> str:
    """Return what is wrong with the counts of this partition row, as text for people; empty if nothing is.

    ``counted`` covers the events before the ordinal ``end``. Events indexed since then are counted first. All reads see the
    database as of one moment.
    """
    with _one_moment():
        for columns in _blocks_since(partition, end):
            counted.versions(columns.streams)
            counted.add_hours(columns)
        for compare in (_streams, _hours, _anomalies):
            if problem := compare(partition, counted):
                return problem
    return ""


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let all queries inside see the database as of one moment, without making writers wait."""
    with connection().cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if sql.postgres() else "BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _blocks_since(partition: int, end: int) -> Iterator[Columns]:
    """Yield the pointers from the ordinal ``end`` on, block by block."""
    first = end - end % FULL
    while True:
        rows = sql.query(
            "SELECT first_ordinal, data FROM index_blockrow WHERE partition_id = %s AND first_ordinal >= %s "
            "ORDER BY first_ordinal LIMIT 64",
            [partition, first],
        )
        for start, data in rows:
            columns = decoded(bytes(data))
            yield columns.part(max(0, end - start), len(columns))
            first = start + FULL
        if not rows:
            return


def _streams(partition: int, counted: Counted) -> str:
    streams: Counter[int] = Counter()
    events: Counter[int] = Counter()
    for id, type, aggregate_id, said in _stream_rows(partition):
        streams[type] += 1
        events[type] += said
        there = counted.events_of(id)
        if said != there:
            name = Names().texts_of([type])[type]
            return f"the stream of {name} {aggregate_id} has {_events(there)}, and the index counts {said:,}"
    if events.total() != counted.total():
        return f"the streams have {_events(events.total())} together, and {counted.total():,} lie in a stream"
    rows = sql.query("SELECT type_id, streams, events FROM index_typecount WHERE partition_id = %s", [partition])
    said_of = {type: (streams, events) for type, streams, events in rows}
    for type in sorted({*streams, *said_of}):
        has, says = (streams[type], events[type]), said_of.get(type, (0, 0))
        if has != says:
            name = Names().texts_of([type])[type]
            said = f"{says[0]:,} with {says[1]:,}"
            return f"the type {name} has {has[0]:,} streams with {_events(has[1])}, and the index counts {said}"
    return ""


def _stream_rows(partition: int) -> Iterator[Any]:
    last = 0
    while True:
        rows = sql.query(
            "SELECT id, type_id, aggregate_id, events FROM index_streamrow WHERE id > %s AND partition_id = %s "
            f"ORDER BY id LIMIT {PIECE}",
            [last, partition],
        )
        yield from rows
        if len(rows) < PIECE:
            return
        last = rows[-1][0]


def _hours(partition: int, counted: Counted) -> str:
    rows = sql.query("SELECT type_id, hour, events FROM index_hourcount WHERE partition_id = %s", [partition])
    said = {(type, hour): events for type, hour, events in rows}
    for key in sorted({*said, *counted.hours}):
        if said.get(key, 0) != counted.hours[key]:
            type = Names().texts_of([key[0]])[key[0]] or "no type"
            has = _events(counted.hours[key])
            return f"hour {key[1]} since 1970 has {has} of {type}, and the index counts {said.get(key, 0):,}"
    return ""


def _anomalies(partition: int, counted: Counted) -> str:
    has = dict(sql.query("SELECT kind, count(*) FROM index_anomalyrow WHERE partition_id = %s GROUP BY kind", [partition]))
    said = dict(sql.query("SELECT kind, events FROM index_anomalycount WHERE partition_id = %s", [partition]))
    for kind in sorted({*has, *said}):
        if has.get(kind, 0) != said.get(kind, 0):
            return f"{has.get(kind, 0):,} anomalies of the kind {kind} are noted, and the index counts {said.get(kind, 0):,}"
    return ""


def _events(count: int) -> str:
    return f"{count:,} {'event' if count == 1 else 'events'}"
