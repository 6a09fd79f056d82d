"""Write and read many rows in one statement, in the way that is fastest on each database.

SQLite gets the rows as one JSON text that a single ``INSERT … SELECT`` reads. Meanwhile other threads can run, whereas
``executemany`` would take the interpreter back for every row. PostgreSQL gets keys by binary ``COPY``, whose bytes are made
for a whole batch at a time, and other rows as arrays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eventstore.index.tables.blocks import Block
from eventstore.index.tables.database import connection
from eventstore.index.tables.keys import Hashes

PLACES = 15
"""Bits of a place within a batch. Together with a hash of 48 bits, it fits a database's integer."""
MOST_EVENTS = 1 << PLACES

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_BIGINT, _INTEGER = ">i8", ">i4"
_LENGTH = Struct(">i")
_BEFORE_TOKEN = Struct(">h iq iq ii i")
"""A block's row up to its token: the number of fields, then the length and value of each."""

ROWS_AT_ONCE = 50_000
_LENGTHS = (1000, 100, 10, 1)
"""Rows of a statement. Ten thousand values are well below SQLite's limit of 32,766."""

Row = Sequence[Any]


def postgres() -> bool:
    """Return whether the index is in PostgreSQL; otherwise it is in SQLite."""
    return connection().vendor == "postgresql"


def insert_keys(
    table: str, segment: int, partition: int, first_ordinal: int, hashes: Hashes, places: NDArray[np.uint64]
) -> None:
    """Insert the hash of each event at these places after ``first_ordinal``, in order of hash: neighbours share a page."""
    if not len(hashes):
        return
    both = np.sort((hashes << np.uint64(PLACES)) | places)
    if not postgres():
        names = "segment, hash, partition_id, ordinal"
        chosen = f"SELECT %s, value >> {PLACES}, %s, %s + (value & {MOST_EVENTS - 1}) FROM json_each(%s)"
        parameters = [segment, partition, first_ordinal, _json(both.tolist())]
        execute(f"INSERT OR IGNORE INTO {table} ({names}) {chosen}", parameters)
        return
    if (both[1:] == both[:-1]).any():
        both = np.unique(both)  # an event may hold a value twice
    columns = {
        "segment": (_INTEGER, segment),
        "hash": (_BIGINT, both >> np.uint64(PLACES)),
        "partition_id": (_BIGINT, partition),
        "ordinal": (_BIGINT, first_ordinal + (both & np.uint64(MOST_EVENTS - 1)).astype(np.int64)),
    }
    _copy(table, columns, len(both))


def insert_stream_keys(segment: int, first_ordinal: int, streams: Sequence[int]) -> None:
    """Insert the stream of each event of a batch that begins at ``first_ordinal``. 0 stands for no stream."""
    numbers = np.array(streams, dtype=np.int64)
    places = np.flatnonzero(numbers)
    if not len(places):
        return
    both = np.sort((numbers[places] << PLACES) | places)
    if not postgres():
        execute(
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
    """Insert these blocks, none of which is in the table."""
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
    """Insert these blocks, or replace those that are in the table."""
    columns = {
        "partition_id": "bigint", "first_ordinal": "bigint", "first_token": "text", "segment": "integer", "data": "bytea",
    }  # fmt: skip
    rows = [(partition, first, token, segment, data) for first, token, data in blocks]
    replaced = "(partition_id, first_ordinal) DO UPDATE SET segment = excluded.segment, data = excluded.data"
    insert("index_blockrow", columns, rows, on_conflict=replaced)


def insert(table: str, columns: Mapping[str, str], rows: Sequence[Row], on_conflict: str = "") -> None:
    """Insert these rows. ``columns`` maps names to PostgreSQL types; ``on_conflict`` is the clause after ``ON CONFLICT``."""
    if not rows:
        return
    names = ", ".join(columns)
    clause = f" ON CONFLICT {on_conflict}" if on_conflict else ""
    if postgres():
        given, parameters = _given(columns, rows)
        execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {given} WHERE true{clause}", parameters)
        return
    index = connection()
    index.ensure_connection()
    one = f"({', '.join('?' * len(columns))})"
    with index.wrap_database_errors:
        for piece in _pieces(rows):
            # Not by Django's cursor, which would search ten thousand placeholders again at every call.
            values = ", ".join([one] * len(piece))
            parameters = [value for row in piece for value in row]
            index.connection.execute(f"INSERT INTO {table} ({names}) VALUES {values}{clause}", parameters)


def update(table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Update these rows on PostgreSQL, by the first column. An insertion that conflicts on every row would cost more."""
    if not rows:
        return
    given, parameters = _given(columns, rows)
    id, *changing = columns
    changes = ", ".join(f"{name} = given.{name}" for name in changing)
    execute(f"UPDATE {table} SET {changes} FROM {given} WHERE {table}.{id} = given.{id}", parameters)


def select(statement: str, columns: Mapping[str, str], rows: Sequence[Row], extra: Sequence[Any] = ()) -> list[Any]:
    """Return the rows of a query in which ``{given}`` stands for ``rows`` as a table. ``extra`` parameters follow theirs."""
    if not rows:
        return []
    given, parameters = _given(columns, rows)
    return query(statement.replace("{given}", given), [*parameters, *extra])


def query(statement: str, parameters: Sequence[Any]) -> list[Any]:
    """Return the rows of a query."""
    with connection().cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def query_in_pieces(statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the rows of a query that returns very many, some at a time. On PostgreSQL, the client has fetched all by then."""
    with connection().cursor() as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield rows


def in_list() -> str:
    """Return the right side of ``column IN`` for a list of integers that is one parameter (see ``as_list``)."""
    return "(SELECT unnest(%s::bigint[]))" if postgres() else "(SELECT value FROM json_each(%s))"


def listed(alias: str) -> str:
    """Return the same list as a table with the column ``value``, under this alias."""
    return f"unnest(%s::bigint[]) AS {alias} (value)" if postgres() else f"json_each(%s) AS {alias}"


def as_list(numbers: Sequence[int]) -> Any:
    return list(numbers) if postgres() else _json(list(numbers))


def _pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield the rows in pieces of a few fixed lengths, so that SQLite can reuse its statements."""
    start = 0
    for length in _LENGTHS:
        while len(rows) - start >= length:
            yield rows[start : start + length]
            start += length


def _given(columns: Mapping[str, str], rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """Return a table expression called ``given`` with these rows, and its parameters."""
    names = list(columns)
    if postgres():
        arrays = ", ".join(f"%s::{type}[]" for type in columns.values())
        return f"unnest({arrays}) AS given ({', '.join(names)})", [
            _array(type, values) for type, values in zip(columns.values(), zip(*rows, strict=True), strict=True)
        ]
    picked = ", ".join(f"json_extract(value, '$[{number}]') AS {name}" for number, name in enumerate(names))
    return f"(SELECT {picked} FROM json_each(%s)) AS given", [_json([list(row) for row in rows])]


def _array(type: str, values: Sequence[Any]) -> Any:
    """Return an array for PostgreSQL: integers and texts in its own text form, because the client takes far longer
    for a list.
    """
    if None in values:
        return list(values)
    if type in ("bigint", "integer"):
        return "{" + _json(values)[1:-1] + "}"
    if type == "text":
        whole = '","'.join(values)
        if "\\" in whole or whole.count('"') > 2 * (len(values) - 1):
            # A backslash escapes the next character, within quotes as well.
            whole = '","'.join([text.replace("\\", "\\\\").replace('"', '\\"') for text in values])
        return f'{{"{whole}"}}'
    return list(values)


def _copy(table: str, columns: dict[str, tuple[str, Any]], count: int) -> None:
    """Run one binary ``COPY``. A row is its number of fields, then the length and the bytes of each field.

    What all rows share is written once and repeated: each array that is filled may make this thread wait for the reader
    threads.
    """
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


def execute(statement: str, parameters: Sequence[Any]) -> None:
    """Run a statement that returns nothing."""
    with connection().cursor() as cursor:
        cursor.execute(statement, parameters)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
