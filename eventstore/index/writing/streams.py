"""What the writer knows of each stream: its number of events and its last ones.

Streams are kept in memory between batches, up to a limit, and in ``StreamRow``.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from eventstore.index.tables import sql
from eventstore.index.tables.blocks import TIMELESS
from eventstore.index.tables.names import Names

MOST_KEPT = 200_000
"""Streams that a partition's writer keeps in memory, some 300 bytes each. Others are read again when they go on."""
LAST_TYPES = 3
BEFORE_ALL = -(1 << 62)

AggregateKey = tuple[str, str]


class Stream(msgspec.Struct, kw_only=True):
    """A ``StreamRow`` in memory. Times are microseconds since 1970."""

    id: int
    key: AggregateKey
    type: int
    events: int = 0
    first_segment: int = 0
    first_time: int = 0
    last_time: int = BEFORE_ALL
    last_types: tuple[int, ...] = ()
    last_sequence: str = ""

    def add(self, type: int, time: int) -> bool:
        """Count one event; return whether its time is before that of an earlier one. An unknown time is before none."""
        self.events += 1
        if time >= self.last_time:
            self.last_time = time
            self.last_types = (type, *self.last_types[: LAST_TYPES - 1])
            if self.events == 1 or self.first_time == TIMELESS:
                self.first_time = time
            return False
        if time == TIMELESS:
            return False
        self.first_time = min(self.first_time, time)
        return True


_encode = msgspec.json.Encoder().encode
_number = attrgetter("id")

Known = OrderedDict[AggregateKey | None, Stream]
"""Never contains ``None``, which stands for an event without an aggregate."""

_COLUMNS = {
    "id": "bigint",
    "partition_id": "bigint",
    "type_id": "bigint",
    "aggregate_id": "text",
    "events": "bigint",
    "first_segment": "integer",
    "first_time": "bigint",
    "last_time": "bigint",
    "last_types": "text",
    "last_sequence": "text",
}
_CHANGING = ("events", "first_time", "last_time", "last_types", "last_sequence")


def streams_of(
    partition: int, keys: Sequence[AggregateKey | None], known: Known, segment: int, names: Names
) -> tuple[list[Stream | None], Sequence[Stream]]:
    """Return the stream of each aggregate (``None`` for none), and the streams that are new.

    Streams come from ``known``, or are read from the table, or are created. Afterwards all of them are in ``known``, in the
    order of their last use. Every indexed event passes here. It costs one look-up in a dictionary of up to ``MOST_KEPT``
    streams, and a second one when some may soon be dropped.
    """
    found = list(map(known.get, keys))
    missing = dict.fromkeys(key for key, stream in zip(keys, found, strict=True) if stream is None and key is not None)
    begun: Sequence[Stream] = ()
    if missing:
        begun = _meet(partition, missing, known, segment, names)
        found = [known.get(key) if stream is None else stream for key, stream in zip(keys, found, strict=True)]
    if len(known) > MOST_KEPT // 2:  # below that, none is about to be dropped
        for key in dict.fromkeys(keys):
            if key is not None:
                known.move_to_end(key)
    return found, begun


def _meet(partition: int, missing: Collection[AggregateKey], known: Known, segment: int, names: Names) -> Sequence[Stream]:
    missing = sorted(missing)  # neighbours of the two indexes share a page
    types = names.numbers_of({type for type, _ in missing})
    known.update(_read(partition, missing, types))
    fresh = [key for key in missing if key not in known]
    begun = [
        Stream(id=id, key=key, type=types[key[0]], first_segment=segment)
        for key, id in zip(fresh, _new_ids(len(fresh)), strict=True)
    ]
    known.update(zip(fresh, begun, strict=True))
    return begun


def save(partition: int, streams: Iterable[Stream], begun: Iterable[Stream]) -> None:
    """Write these streams in the order in which the table holds them, which takes a quarter less time.

    ``begun`` are those among them that are not in the table yet.
    """
    ordered = sorted(streams, key=_number)
    written = {types: _encode(types).decode() for types in {stream.last_types for stream in ordered}}
    there: list[Stream] = []
    if sql.postgres():  # SQLite takes both together as quickly
        fresh = {stream.id for stream in begun}
        there = [stream for stream in ordered if stream.id not in fresh]
        ordered = [stream for stream in ordered if stream.id in fresh]
    rows = [
        (
            stream.id, partition, stream.type, stream.key[1], stream.events, stream.first_segment,
            stream.first_time, stream.last_time, written[stream.last_types], stream.last_sequence,
        )
        for stream in ordered
    ]  # fmt: skip
    changes = ", ".join(f"{name} = excluded.{name}" for name in _CHANGING)
    sql.insert("index_streamrow", _COLUMNS, rows, on_conflict=f"(id) DO UPDATE SET {changes}")
    changed = [(s.id, s.events, s.first_time, s.last_time, written[s.last_types], s.last_sequence) for s in there]
    sql.update("index_streamrow", {name: _COLUMNS[name] for name in ("id", *_CHANGING)}, changed)


def trim(known: Known) -> None:
    """Drop the streams that have been unused for longest."""
    while len(known) > MOST_KEPT:
        known.popitem(last=False)


def _read(partition: int, keys: Collection[AggregateKey], types: Mapping[str, int]) -> Known:
    by_number = {number: type for type, number in types.items()}
    # With an old ANALYZE that counted hardly any streams, SQLite would scan all of them for each one that is wanted. A CROSS
    # JOIN keeps the written order, and this index is named.
    by_index = "" if sql.postgres() else " INDEXED BY streams_by_type"
    rows = sql.select(
        "SELECT s.id, s.type_id, s.aggregate_id, s.events, s.first_segment, s.first_time, s.last_time, s.last_types, "
        f"s.last_sequence FROM {{given}} CROSS JOIN index_streamrow s{by_index} "
        "WHERE s.aggregate_id = given.wanted_id AND s.type_id = given.wanted_type AND s.partition_id = %s",
        {"wanted_id": "text", "wanted_type": "bigint"},
        [(id, types[type]) for type, id in keys],
        [partition],
    )
    return OrderedDict(_found(row, by_number) for row in rows)


def _found(row: Any, types: Mapping[int, str]) -> tuple[AggregateKey, Stream]:
    id, type, aggregate_id, events, first_segment, first_time, last_time, last_types, last_sequence = row
    key = (types[type], aggregate_id)
    stream = Stream(
        id=id, key=key, type=type, events=events, first_segment=first_segment, first_time=first_time,
        last_time=last_time, last_types=msgspec.json.decode(last_types, type=tuple[int, ...]), last_sequence=last_sequence,
    )  # fmt: skip
    return key, stream


def _new_ids(count: int) -> list[int]:
    """Return ids that no other stream has or will get. On SQLite this transaction is the only writer."""
    if not count:
        return []
    if sql.postgres():
        sequence = "pg_get_serial_sequence('index_streamrow', 'id')"
        rows = sql.query(f"SELECT nextval({sequence}) FROM generate_series(1, %s)", [count])
        return [row[0] for row in rows]
    ((highest,),) = sql.query("SELECT coalesce(max(id), 0) FROM index_streamrow", [])
    return list(range(highest + 1, highest + 1 + count))
