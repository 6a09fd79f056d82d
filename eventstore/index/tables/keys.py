"""Texts as numbers for the key tables: 48 bits, the same for the same text whenever one index meets it.

Ids are UUIDs nearly always, and those are hashed a whole batch at once; any other text takes the slow way. A hash only finds
candidates: whoever reads compares the text.
"""

from collections.abc import Sequence
from enum import IntEnum
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

BITS = 48
_SALT = 0xD6E8FEB86659FD93
_WORD = (1 << 64) - 1
_UUID = 36
_DASHES = (8, 13, 18, 23)


class Link(IntEnum):
    """What a hash stands for, so that a correlation id is not found as a causation id."""

    EVENT = 0
    CORRELATION = 1
    CAUSATION = 2
    ORIGINAL = 3
    VALUE = 4


class Key(NamedTuple):
    """An index's own secret, as the two ways of hashing take it. Whoever does not know it cannot make ids that share a hash,
    and so cannot bury somebody else's event under candidates."""

    first: int
    second: int
    secret: bytes


def key_of(secret: bytes) -> Key:
    """The key that a secret of at least 16 bytes makes."""
    first, second = (int.from_bytes(secret[start : start + 8], "little") for start in (0, 8))
    return Key(first, second, secret[:64])


def hashed(key: Key, text: str, link: Link = Link.EVENT) -> int:
    """The text's hash."""
    packed = pack_uuids([text])
    if packed is None:
        written = text.encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(written, digest_size=BITS // 8, key=key.secret, salt=bytes([link])).digest(), "big")
    return int(_hashes_of_uuids(key, packed, link)[0])


def hashes(key: Key, texts: Sequence[str], link: Link = Link.EVENT) -> Hashes:
    """The hash of each text, in their order."""
    packed = pack_uuids(texts)
    if packed is None:
        return np.array([hashed(key, text, link) for text in texts], dtype=np.uint64)
    return _hashes_of_uuids(key, packed, link)


def _hashes_of_uuids(key: Key, packed: bytes, link: Link) -> Hashes:
    words = np.frombuffer(packed, dtype="<u8").astype(np.uint64).reshape(-1, 2)
    first = _mixed(words[:, 0] + np.uint64((key.first + link * _SALT) & _WORD))
    both = _mixed((first ^ words[:, 1]) + np.uint64(key.second))
    shifted: Hashes = both >> np.uint64(64 - BITS)
    return shifted


def _mixed(words: Hashes) -> Hashes:
    """Every bit of a word spread over all of it (the finish of splitmix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    mixed: Hashes = words ^ (words >> np.uint64(31))
    return mixed


def value_hash(key: Key, name: int, text: str) -> int:
    """The hash of a searchable value; ``name`` is its number."""
    return hashed(key, f"{name}\0{text}", Link.VALUE)


def pack_uuids(texts: Sequence[str]) -> bytes | None:
    """Sixteen bytes for each text where all are UUIDs as they are mostly written (small letters, dashes), else ``None``."""
    if not set(map(len, texts)) <= {_UUID}:  # of each: a shorter and a longer one may look like two together
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
    """The text of the UUID of this number, from 0."""
    digits = packed[16 * number : 16 * number + 16].hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
