"""Ids as texts, packed: nearly all are UUIDs, of which sixteen bytes say all."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import overload

UUID_BYTES = 16
_UUID = 36
_DASHES = (8, 13, 18, 23)


class PackedTexts(Sequence[str]):
    """Texts that are UUIDs or empty. ``marks`` has a byte for each place: 1 if there is a UUID, whose bytes are in ``uuids``.

    A column of a batch is packed once. As texts, it would be packed again for each purpose, and would fill the cache.
    """

    __slots__ = ("marks", "uuids")

    def __init__(self, uuids: bytes, marks: bytes) -> None:
        self.uuids, self.marks = uuids, marks

    def __len__(self) -> int:
        return len(self.marks)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "PackedTexts": ...
    def __getitem__(self, place: int | slice) -> "str | PackedTexts":
        if isinstance(place, slice):
            start, end, _ = place.indices(len(self.marks))
            before = self.marks.count(1, 0, start)
            until = before + self.marks.count(1, start, end)
            return PackedTexts(self.uuids[UUID_BYTES * before : UUID_BYTES * until], self.marks[start:end])
        if not 0 <= place < len(self.marks):
            raise IndexError(place)
        return unpack_uuid(self.uuids, self.marks.count(1, 0, place)) if self.marks[place] else ""

    def __iter__(self) -> Iterator[str]:
        number = 0
        for mark in self.marks:
            yield unpack_uuid(self.uuids, number) if mark else ""
            number += mark

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def packed_texts(texts: Sequence[str]) -> Sequence[str]:
    """Return these texts packed; as they are if one is neither empty nor a UUID."""
    if isinstance(texts, PackedTexts):
        return texts
    marks = bytes(map(bool, texts))
    packed = pack_uuids([text for text in texts if text] if 0 in marks else texts)
    return texts if packed is None else PackedTexts(packed, marks)


def together(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return all of these texts one after the other, packed if all are."""
    packed = [part for part in parts if isinstance(part, PackedTexts)]
    if len(packed) == len(parts):
        return PackedTexts(b"".join([part.uuids for part in packed]), b"".join([part.marks for part in packed]))
    return list(chain.from_iterable(parts))


def pack_uuids(texts: Sequence[str]) -> bytes | None:
    """Return sixteen bytes for each text if all are UUIDs in the usual form (lower case, dashes); otherwise ``None``."""
    if not set(map(len, texts)) <= {_UUID}:  # each by itself: a shorter and a longer text may look like two UUIDs when joined
        return None
    whole = "".join(texts)
    count = len(texts)
    if not whole.isascii():
        return None
    if any(whole[place::_UUID] != "-" * count for place in _DASHES) or whole.count("-") != 4 * count:
        return None
    digits = whole.replace("-", "")
    try:
        packed = bytes.fromhex(digits)
    except ValueError:
        return None
    return packed if packed.hex() == digits else None


def unpack_uuid(packed: bytes, number: int) -> str:
    """Return the text of the UUID at this place, counted from 0."""
    digits = packed[UUID_BYTES * number : UUID_BYTES * (number + 1)].hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
