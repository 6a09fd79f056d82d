"""Pointers in blocks: up to ``FULL`` of a partition's events, column by column, compressed.

A row for each event would cost a hundred bytes and a walk down a tree; in a block an event costs some sixty (most of it the
ids, which nothing compresses), and a block is one row. The last block of a partition is written again as it fills.
"""

import zlib
from collections.abc import Sequence
from itertools import accumulate
from operator import sub
from typing import Any, overload

import msgspec

from eventstore.index.tables.keys import pack_uuids, unpack_uuid

FULL = 256
"""A page's fifty events lie in fifty blocks, mostly: small enough to open that many, large enough to compress."""
UNREADABLE = 1
QUICK = 1
"""zlib's quickest level: the next ones cost twice as much time for a few percent."""

Values = list[tuple[int, str]]
Block = tuple[int, str, bytes]
"""Its first ordinal, its first token, and its data."""


class Columns(msgspec.Struct, kw_only=True):
    """Events of one partition, one after the other; every list is as long as ``tokens``.

    Times are microseconds since 1970. ``types`` are numbers of names, 0 for none; ``streams`` and ``versions`` are 0 for what
    belongs to no stream. Texts that are not there are empty. ``values`` holds searchable values by place in the block.
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
        """Put the other's events behind these."""
        place = len(self)
        for name in _LISTS:
            getattr(self, name).extend(getattr(other, name))
        self.values.update({place + number: values for number, values in other.values.items()})

    def part(self, start: int, end: int) -> "Columns":
        """Those of these numbers, as columns of their own."""
        lists = {name: getattr(self, name)[start:end] for name in _LISTS}
        values = {number - start: found for number, found in self.values.items() if start <= number < end}
        return Columns(**lists, values=values)


_LISTS = tuple(name for name in Columns.__struct_fields__ if name != "values")
_DELTAS = ("times", "published", "streams")
"""Columns whose neighbours are alike: kept as differences."""
_IDS = ("ids", "correlations", "causations")
"""Columns of texts that are UUIDs mostly."""

_NOTHING: dict[str, str | int] = dict.fromkeys(_LISTS, 0) | {"schemas": "", "originals": ""}
"""What stands at every place of a column that holds nothing."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def encoded(columns: Columns) -> bytes:
    """The columns as a block's data. Compressing lets other threads run."""
    packed = [_packed(name, getattr(columns, name)) for name in _LISTS]
    return zlib.compress(_encoder.encode([*packed, columns.values]), QUICK)


def blocks_of(tail: Columns, first: int, columns: Columns) -> tuple[Sequence[Block], Columns]:
    """The last block (``tail``, which begins at ordinal ``first``; empty where it was full) with these columns behind it, as
    blocks; and what the last of those holds while it is not full."""
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
    """What ``encoded`` was given."""
    columns = opened(data)
    for name in _IDS:
        setattr(columns, name, list(getattr(columns, name)))
    return columns


def opened(data: bytes) -> Columns:
    """What ``encoded`` was given, for whoever wants a few of its events: a UUID's text is made when it is asked for."""
    *packed, values = _decoder.decode(zlib.decompress(data))
    count = len(packed[0])
    lists: dict[str, Any] = {name: _unpacked(name, column, count) for name, column in zip(_LISTS, packed, strict=True)}
    return Columns(**lists, values={place: [(n, text) for n, text in found] for place, found in values.items()})


def tokens_of(data: bytes) -> list[str]:
    """The tokens alone."""
    tokens: list[str] = _decoder.decode(zlib.decompress(data))[0]
    return tokens


def ids_of(data: bytes) -> list[str]:
    """The event ids alone."""
    packed = _decoder.decode(zlib.decompress(data))[_LISTS.index("ids")]
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
    """UUIDs as sixteen bytes each, with a mark for each place that has one; else the texts as they are."""
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
    """Texts that are UUIDs or empty, as ``_packed_ids`` keeps them."""

    def __init__(self, uuids: bytes, marks: bytes) -> None:
        self._uuids = uuids
        self._numbers = list(accumulate(marks, initial=0)) if marks else range(len(uuids) // 16 + 1)
        """How many UUIDs stand before each place; one more where the place has one."""

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
