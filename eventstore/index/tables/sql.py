"""Many rows in one statement, each database in the way that is quickest there.

SQLite takes them as one JSON text that a single ``INSERT … SELECT`` reads: while that runs the interpreter is free for other
threads, which row-by-row ``executemany`` takes and gives back at every row. PostgreSQL takes keys by binary ``COPY``, whose
bytes are made a whole batch at once, and the rest as arrays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eventstore.index.models import BlockRow
from eventstore.index.tables.blocks import Block
from eventstore.index.tables.database import connection
from eventstore.index.tables.keys import Hashes

PLACES = 15
"""Bits of a place within a batch: with a hash of 48 bits it fits a database's whole number."""
MOST_EVENTS = 1 << PLACES

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_BIGINT, _INTEGER = ">i8", ">i4"
_LENGTH = Struct(">i")
_BEFORE_TOKEN = Struct(">h iq iq ii i")
"""A block's row up to its token: how many fields, then the length of each and what it holds."""

_LENGTHS = (1000, 100, 10, 1)
"""Rows of a statement: ten thousand values are well under SQLite's 32,766."""

Row = Sequence[Any]


def postgres() -> bool:
    """Whether the index is in PostgreSQL; otherwise it is in SQLite."""
    return connection().vendor == "postgresql"


def insert_keys(
    table: str, segment: int, partition: int, first_ordinal: int, hashes: Hashes, places: NDArray[np.uint64]
) -> None:
    """The hash of each event at these places behind ``first_ordinal``, in order of hash: neighbours share a page."""
    if not len(hashes):
        return
    both = np.sort((hashes << np.uint64(PLACES)) | places)
    if not postgres():
        names = "segment, hash, partition_id, ordinal"
        chosen = f"SELECT %s, value >> {PLACES}, %s, %s + (value & {MOST_EVENTS - 1}) FROM json_each(%s)"
        parameters = [segment, partition, first_ordinal, _json(both.tolist())]
        _execute(f"INSERT OR IGNORE INTO {table} ({names}) {chosen}", parameters)
        return
    if (both[1:] == both[:-1]).any():
        both = np.unique(both)  # a value that comes twice in an event
    columns = {
        "segment": (_INTEGER, segment),
        "hash": (_BIGINT, both >> np.uint64(PLACES)),
        "partition_id": (_BIGINT, partition),
        "ordinal": (_BIGINT, first_ordinal + (both & np.uint64(MOST_EVENTS - 1)).astype(np.int64)),
    }
    _copy(table, columns, len(both))


def insert_stream_keys(segment: int, first_ordinal: int, streams: Sequence[int]) -> None:
    """The stream of each event of a batch that begins at ``first_ordinal``; 0 for what belongs to none."""
    numbers = np.array(streams, dtype=np.int64)
    places = np.flatnonzero(numbers)
    if not len(places):
        return
    both = np.sort((numbers[places] << PLACES) | places)
    if not postgres():
        _execute(
            "INSERT INTO index_streamkey (segment, stream_id, ordinal) "
            f"SELECT %s, value >> {PLACES}, %s + (value & {MOST_EVENTS - 1}) FROM json_each(%s)",
            [segment, first_ordinal, _json(both.tolist())],
        )
        return
    columns = {
        "segment": (_INTEGER, segment),
        "stream_id": (_BIGINT, both >> PLACES),
        "ordinal": (_BIGINT, first_ordinal + (both & (MOST_EVENTS - 1))),
    }
    _copy("index_streamkey", columns, len(both))


def insert_blocks(partition: int, segment: int, blocks: Sequence[Block]) -> None:
    """Insert these blocks, of which none is there."""
    if not postgres():
        replace_blocks(partition, segment, blocks)
        return
    if not blocks:
        return
    rows = [_HEADER]
    for first, token, data in blocks:
        text = token.encode()
        rows += [_BEFORE_TOKEN.pack(5, 8, partition, 8, first, 4, segment, len(text)), text, _LENGTH.pack(len(data)), data]
    _copied("index_blockrow", ("partition_id", "first_ordinal", "segment", "first_token", "data"), b"".join((*rows, _END)))


def replace_blocks(partition: int, segment: int, blocks: Sequence[Block]) -> None:
    """Insert these blocks, or replace those that are there."""
    rows = [
        BlockRow(partition_id=partition, first_ordinal=first, first_token=token, segment=segment, data=data)
        for first, token, data in blocks
    ]
    BlockRow.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["partition_id", "first_ordinal"], update_fields=["segment", "data"]
    )


def insert(table: str, columns: Mapping[str, str], rows: Sequence[Row], on_conflict: str = "") -> None:
    """Insert these rows. ``columns``: name to PostgreSQL type; ``on_conflict``: the clause behind ``ON CONFLICT``."""
    if not rows:
        return
    names = ", ".join(columns)
    clause = f" ON CONFLICT {on_conflict}" if on_conflict else ""
    if postgres():
        given, parameters = _given(columns, rows)
        _execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {given} WHERE true{clause}", parameters)
        return
    index = connection()
    index.ensure_connection()
    one = f"({', '.join('?' * len(columns))})"
    with index.wrap_database_errors:
        for piece in _pieces(rows):
            # Past Django's cursor, which would look for placeholders in ten thousand of them again at every call.
            values = ", ".join([one] * len(piece))
            parameters = [value for row in piece for value in row]
            index.connection.execute(f"INSERT INTO {table} ({names}) VALUES {values}{clause}", parameters)


def update(table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Change these rows of PostgreSQL, named by the first column: cheaper than an insertion that finds each of them there."""
    if not rows:
        return
    given, parameters = _given(columns, rows)
    id, *changing = columns
    changes = ", ".join(f"{name} = given.{name}" for name in changing)
    _execute(f"UPDATE {table} SET {changes} FROM {given} WHERE {table}.{id} = given.{id}", parameters)


def select(statement: str, columns: Mapping[str, str], rows: Sequence[Row], extra: Sequence[Any] = ()) -> list[Any]:
    """Rows of a query in which ``{given}`` stands for these rows as a table called ``given``; ``extra`` parameters follow."""
    if not rows:
        return []
    given, parameters = _given(columns, rows)
    return query(statement.replace("{given}", given), [*parameters, *extra])


def query(statement: str, parameters: Sequence[Any]) -> list[Any]:
    """The rows of a query."""
    with connection().cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def in_list() -> str:
    """The right side of ``column IN`` for a list of whole numbers that is one parameter (see ``as_list``)."""
    return "(SELECT unnest(%s::bigint[]))" if postgres() else "(SELECT value FROM json_each(%s))"


def listed(alias: str) -> str:
    """The same list as a table of one column, ``value``, under this name."""
    return f"unnest(%s::bigint[]) AS {alias} (value)" if postgres() else f"json_each(%s) AS {alias}"


def as_list(numbers: Sequence[int]) -> Any:
    return list(numbers) if postgres() else _json(list(numbers))


def _pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows in pieces of few different lengths, so that SQLite knows each statement again."""
    start = 0
    for length in _LENGTHS:
        while len(rows) - start >= length:
            yield rows[start : start + length]
            start += length


def _given(columns: Mapping[str, str], rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """A table expression called ``given`` with these rows, and its parameters."""
    names = list(columns)
    if postgres():
        arrays = ", ".join(f"%s::{type}[]" for type in columns.values())
        return f"unnest({arrays}) AS given ({', '.join(names)})", [
            _array(type, values) for type, values in zip(columns.values(), zip(*rows, strict=True), strict=True)
        ]
    picked = ", ".join(f"json_extract(value, '$[{number}]') AS {name}" for number, name in enumerate(names))
    return f"(SELECT {picked} FROM json_each(%s)) AS given", [_json([list(row) for row in rows])]


def _array(type: str, values: Sequence[Any]) -> Any:
    """An array for PostgreSQL: its own text of whole numbers and texts, since the client takes far longer over a list."""
    if None in values:
        return list(values)
    if type in ("bigint", "integer"):
        return "{" + _json(values)[1:-1] + "}"
    if type == "text":
        whole = '","'.join(values)
        if "\\" in whole or whole.count('"') > 2 * (len(values) - 1):
            # A backslash makes the sign behind it an ordinary one, within quotes as well.
            whole = '","'.join([text.replace("\\", "\\\\").replace('"', '\\"') for text in values])
        return f'{{"{whole}"}}'
    return list(values)


def _copy(table: str, columns: dict[str, tuple[str, Any]], count: int) -> None:
    """One binary ``COPY``: each row is its number of fields, and each field its length and its bytes. What all rows share is
    written once, and repeated: each array that is filled may make this thread wait for the reading ones."""
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for name, (kind, _) in columns.items():
        fields += [(f"{name} length", ">i4"), (name, kind)]
    alike = np.zeros(1, dtype=fields)
    alike["count"] = len(columns)
    for name, (kind, values) in columns.items():
        alike[f"{name} length"] = int(kind[-1])
        if np.isscalar(values):
            alike[name] = values
    rows = np.repeat(alike, count)
    for name, (_, values) in columns.items():
        if not np.isscalar(values):
            rows[name] = values
    _copied(table, columns, _HEADER + rows.tobytes() + _END)


def _copied(table: str, columns: Iterable[str], data: bytes) -> None:
    index = connection()
    with index.cursor() as cursor, index.wrap_database_errors:
        copying = cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)")
        with copying as copy:
            copy.write(data)


def _execute(statement: str, parameters: Sequence[Any]) -> None:
    with connection().cursor() as cursor:
        cursor.execute(statement, parameters)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
