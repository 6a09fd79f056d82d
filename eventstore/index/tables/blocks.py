"""Pack the pointers of up to ``FULL`` consecutive events of a partition into a block: column by column, compressed.

A row for each event would cost a hundred bytes and a walk down a tree. In a block, an event costs some 45 bytes, most of
them for its ids, which do not compress, and a block is one row. The last block of a partition is written again as it fills.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from operator import sub
from typing import Any, overload

import msgspec

from eventstore.index.tables.packing import pack, unpack
from eventstore.index.tables.texts import UUID_BYTES, PackedTexts, pack_uuids, together, unpack_uuid
from eventstore.model.events import NO_TIME

FULL = 256
"""Events in a block. A page's fifty events often lie in fifty blocks: this is small enough to open that many, and large enough
to compress."""
UNREADABLE = 1
TIMELESS = (NO_TIME - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
"""The number that stands for ``NO_TIME`` in the columns, and wherever else times are microseconds since 1970."""

Values = list[tuple[int, str]]
Block = tuple[int, str, bytes]
"""First ordinal, first token, and data."""


class Columns(msgspec.Struct, kw_only=True):
    """Consecutive events of one partition. Every list is as long as ``tokens``.

    Times are microseconds since 1970, ``TIMELESS`` if unknown. ``types`` are numbers of names, 0 for none. ``streams`` and
    ``versions`` are 0 for an event that belongs to no stream. Missing texts are empty. ``originals`` holds what a copy says of
    its original, and in other topics the key of a message that could not be read. ``values`` holds searchable values by place
    in the block.
    """

    tokens: list[str] = msgspec.field(default_factory=list)
    ids: Sequence[str] = msgspec.field(default_factory=list)
    types: list[int] = msgspec.field(default_factory=list)
    times: list[int] = msgspec.field(default_factory=list)
    published: list[int] = msgspec.field(default_factory=list)
    streams: list[int] = msgspec.field(default_factory=list)
    versions: list[int] = msgspec.field(default_factory=list)
    correlations: Sequence[str] = msgspec.field(default_factory=list)
    causations: Sequence[str] = msgspec.field(default_factory=list)
    sizes: list[int] = msgspec.field(default_factory=list)
    flags: list[int] = msgspec.field(default_factory=list)
    schemas: list[str] = msgspec.field(default_factory=list)
    originals: list[str] = msgspec.field(default_factory=list)
    values: dict[int, Values] = msgspec.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    def extend(self, other: "Columns") -> None:
        """Append the events of ``other``."""
        place = len(self)
        for name in _LISTS:
            mine, others = getattr(self, name), getattr(other, name)
            if isinstance(mine, PackedTexts) or isinstance(others, PackedTexts):
                setattr(self, name, together([mine, others]))
            else:
                mine.extend(others)
        self.values.update({place + number: values for number, values in other.values.items()})

    def part(self, start: int, end: int) -> "Columns":
        """Return the events from place ``start`` to ``end``, the latter excluded, as columns of their own."""
        lists = {name: getattr(self, name)[start:end] for name in _LISTS}
        values = {number - start: found for number, found in self.values.items() if start <= number < end}
        return Columns(**lists, values=values)


_LISTS = tuple(name for name in Columns.__struct_fields__ if name != "values")
_DELTAS = ("times", "published", "streams")
"""Columns whose neighbours are similar: stored as differences."""
_IDS = ("ids", "correlations", "causations")
"""Columns of texts that are mostly UUIDs."""

_NOTHING: dict[str, str | int] = dict.fromkeys(_LISTS, 0) | {"schemas": "", "originals": ""}
"""The value at every place of a column that is empty."""


def encoded(columns: Columns) -> bytes:
    """Pack the columns into a block's data. Other threads run while it is compressed."""
    return pack([_packed(name, getattr(columns, name)) for name in _LISTS], columns.values)


def blocks_of(tail: Columns, first: int, columns: Columns) -> tuple[Sequence[Block], Columns]:
    """Append the columns to the last block, and return the blocks that result, and the events of a last one that is not full.

    ``tail`` holds the last block's events, which begin at ordinal ``first``. It is empty if that block was full.
    """
    if len(tail):
        whole = tail.part(0, len(tail))
        whole.extend(columns)
    else:
        whole = columns
    pieces = [(start, whole.part(start, start + FULL)) for start in range(0, len(whole), FULL)]
    rest = len(whole) % FULL
    blocks = [(first + start, piece.tokens[0], encoded(piece)) for start, piece in pieces]
    return blocks, whole.part(len(whole) - rest, len(whole)) if rest else Columns()


def decoded(data: bytes) -> Columns:
    """Return the columns that ``encoded`` was given."""
    columns = opened(data)
    for name in _IDS:
        setattr(columns, name, list(getattr(columns, name)))
    return columns


def opened(data: bytes) -> Columns:
    """Return the columns that ``encoded`` was given, for callers that need few of the events.

    The text of a UUID is made only when it is read.
    """
    packed, values = unpack(data)
    count = len(packed[0])
    lists: dict[str, Any] = {name: _unpacked(name, column, count) for name, column in zip(_LISTS, packed, strict=True)}
    return Columns(**lists, values={place: [(n, text) for n, text in found] for place, found in values.items()})


def with_values(data: bytes, values: Mapping[int, Values]) -> bytes:
    """Return the block's data with these searchable values in place of its own. Its columns are not taken apart."""
    packed, _ = unpack(data)
    return pack(packed, values)


def tokens_of(data: bytes) -> list[str]:
    """Return only the tokens of a block."""
    tokens: list[str] = unpack(data)[0][0]
    return tokens


def ids_of(data: bytes) -> list[str]:
    """Return only the event ids of a block."""
    packed = unpack(data)[0][_LISTS.index("ids")]
    return list(_unpacked_ids(packed))


def _packed(name: str, column: list[Any]) -> Any:
    if name in _DELTAS:
        return [*column[:1], *map(sub, column[1:], column)]
    if name in _IDS:
        return _packed_ids(column)
    return column if name == "tokens" or any(column) else None


def _unpacked(name: str, packed: Any, count: int) -> Sequence[Any]:
    if packed is None:
        return [_NOTHING[name]] * count
    if name in _DELTAS:
        return list(accumulate(packed))
    if name in _IDS:
        return _unpacked_ids(packed)
    return list(packed)


def _packed_ids(texts: Sequence[str]) -> Any:
    """Pack UUIDs into sixteen bytes each, with a mark for each place that has one. Other texts stay as they are."""
    if isinstance(texts, PackedTexts):
        return [texts.uuids, texts.marks if 0 in texts.marks else b""]
    present = [text for text in texts if text]
    packed = pack_uuids(present)
    if packed is None:
        return list(texts)
    marks = bytes(map(bool, texts)) if len(present) < len(texts) else b""
    return [packed, marks]


def _unpacked_ids(packed: Any) -> Sequence[str]:
    if len(packed) != 2 or not isinstance(packed[0], bytes):
        return list(packed)
    return _Ids(*packed)


class _Ids(Sequence[str]):
    """Texts that are UUIDs or empty, as ``_packed_ids`` stores them."""

    def __init__(self, uuids: bytes, marks: bytes) -> None:
        self._uuids = uuids
        self._numbers = list(accumulate(marks, initial=0)) if marks else range(len(uuids) // UUID_BYTES + 1)
        """The number of UUIDs before each place, and in the end the number of all."""

    def __len__(self) -> int:
        return len(self._numbers) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        number = self._numbers[place]
        return unpack_uuid(self._uuids, number) if self._numbers[place + 1] > number else ""
