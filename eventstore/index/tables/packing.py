"""Pack a block's columns into bytes, and take them apart again.

Most of a block is UUIDs. Random ones do not compress: zlib spends two thirds of its time on them, and codes everything else
worse for their sake (1.1 bytes an event). So they lie behind the other columns as they are, unless some repeat or resemble
one another, as correlation ids and UUIDs made from the time do. Their checksum lies with the other columns.

Positions lie crosswise (all first characters, then all second ones …), in which neighbours that differ by one compress to
half (2 bytes an event).

Data that earlier versions packed, all columns compressed together, are read as well.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from eventstore.index.tables.texts import UUID_BYTES

QUICK = 1
"""zlib's fastest level. The next ones take longer to save less than one percent."""
ALIKE = 20
"""UUIDs are compressed where more than one in this many begins or ends with the same four bytes as another."""
_TOGETHER = b"\x78"
"""The first byte of whatever zlib compressed. What ``pack`` returns begins with that of an array of three."""
_BLANK = " "

Packed = list[Any]
"""The columns of a block, each as msgpack can hold it: ``[uuids, marks]`` for one of UUIDs."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def pack(columns: Packed, values: Any) -> bytes:
    """Return the columns and the searchable values as the data of a block. Other threads run while it is compressed."""
    of_uuids = [column[0] for column in columns if _is_of_uuids(column)]
    uuids, lengths = b"".join(of_uuids), list(map(len, of_uuids))
    others = [column[1] if _is_of_uuids(column) else column for column in columns]
    others[0] = _crosswise(others[0])
    alike = are_alike(uuids)
    compressed = zlib.compress(_encoder.encode([others, values, lengths, zlib.crc32(uuids)]), QUICK)
    return _encoder.encode([compressed, zlib.compress(uuids, QUICK) if alike else uuids, alike])


def unpack(data: bytes) -> tuple[Packed, Any]:
    """Return what ``pack`` was given. Raises ``zlib.error``, ``MsgspecError``, ``ValueError`` or ``TypeError`` if damaged."""
    if data[:1] == _TOGETHER:
        *together, values = _decoder.decode(zlib.decompress(data))
        return together, values
    compressed, kept, alike = _decoder.decode(data)
    columns, values, lengths, checksum = _decoder.decode(zlib.decompress(compressed))
    uuids = zlib.decompress(kept) if alike else kept
    if zlib.crc32(uuids) != checksum:
        raise ValueError("The UUIDs of this block are not those that were written.")
    columns[0] = _lengthwise(columns[0])
    place = 0
    of_uuids = [number for number, column in enumerate(columns) if isinstance(column, bytes)]
    for number, length in zip(of_uuids, lengths, strict=True):
        columns[number] = [uuids[place : place + length], columns[number]]
        place += length
    return columns, values


def are_alike(uuids: bytes) -> bool:
    """Whether so many of these UUIDs begin or end like others that it pays to compress them."""
    words = memoryview(uuids).cast("I").tolist()
    per_uuid = UUID_BYTES // 4
    count = len(words) // per_uuid
    begins, ends = set(words[::per_uuid]), set(words[per_uuid - 1 :: per_uuid])
    return (count - min(len(begins), len(ends))) * ALIKE > count


def _is_of_uuids(column: Any) -> bool:
    return isinstance(column, list) and len(column) == 2 and isinstance(column[0], bytes)


def _crosswise(tokens: Sequence[str]) -> Any:
    """Return the count of the texts, and their characters: all first ones, all second ones and so on."""
    whole = "".join(tokens)
    if _BLANK in whole or not whole.isascii():
        return tokens
    count, width = len(tokens), max(map(len, tokens), default=0)
    if len(whole) < count * width:
        whole = "".join([token.ljust(width, _BLANK) for token in tokens])
    return [count, "".join([whole[place::width] for place in range(width)]).encode()]


def _lengthwise(column: Any) -> list[str]:
    if len(column) != 2 or not isinstance(column[1], bytes):
        return list(column)
    count, whole = column[0], column[1].decode()
    return [whole[place::count].rstrip(_BLANK) for place in range(count)]
