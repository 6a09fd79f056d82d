"""Hash texts to numbers of 48 bits for the key tables. Within one index, a text always has the same hash.

Ids are nearly always UUIDs, which are hashed a whole batch at a time. Other texts are hashed one by one, which is slower. A
hash only finds candidates: callers that read compare the text.
"""

from collections.abc import Sequence
from enum import IntEnum
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eventstore.index.tables.texts import PackedTexts, pack_uuids

Hashes = NDArray[np.uint64]
Places = NDArray[np.uint64]

BITS = 48
_SALT = 0xD6E8FEB86659FD93
_WORD = (1 << 64) - 1


class Link(IntEnum):
    """What a hash stands for, so that a correlation id is not found as a causation id."""

    EVENT = 0
    CORRELATION = 1
    CAUSATION = 2
    ORIGINAL = 3
    VALUE = 4


class Key(NamedTuple):
    """An index's own secret, as the two hash functions take it.

    Without it, nobody can make ids that share a hash, and so bury another event under candidates.
    """

    first: int
    second: int
    secret: bytes


def key_of(secret: bytes) -> Key:
    """Make a key from a secret of at least 16 bytes."""
    first, second = (int.from_bytes(secret[start : start + 8], "little") for start in (0, 8))
    return Key(first, second, secret[:64])


def hashed(key: Key, text: str, link: Link = Link.EVENT) -> int:
    """Return the hash of one text."""
    packed = pack_uuids([text])
    if packed is None:
        written = text.encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(written, digest_size=BITS // 8, key=key.secret, salt=bytes([link])).digest(), "big")
    return int(_hashes_of_uuids(key, packed, link)[0])


def hashes(key: Key, texts: Sequence[str], link: Link = Link.EVENT) -> Hashes:
    """Return the hash of each text, in the same order."""
    if isinstance(texts, PackedTexts) and 0 not in texts.marks:
        return _hashes_of_uuids(key, texts.uuids, link)
    packed = pack_uuids(texts)
    if packed is None:
        return np.array([hashed(key, text, link) for text in texts], dtype=np.uint64)
    return _hashes_of_uuids(key, packed, link)


def hashes_of_present(key: Key, texts: Sequence[str], link: Link) -> tuple[Hashes, Places]:
    """Return the hash of each text that is not empty, and the place of each."""
    if isinstance(texts, PackedTexts):
        places = np.flatnonzero(np.frombuffer(texts.marks, dtype=np.uint8)).astype(np.uint64)
        return _hashes_of_uuids(key, texts.uuids, link), places
    which = [place for place, text in enumerate(texts) if text]
    return hashes(key, [texts[place] for place in which], link), np.array(which, dtype=np.uint64)


def _hashes_of_uuids(key: Key, packed: bytes, link: Link) -> Hashes:
    words = np.frombuffer(packed, dtype="<u8").astype(np.uint64).reshape(-1, 2)
    first = _mixed(words[:, 0] + np.uint64((key.first + link * _SALT) & _WORD))
    both = _mixed((first ^ words[:, 1]) + np.uint64(key.second))
    shifted: Hashes = both >> np.uint64(64 - BITS)
    return shifted


def _mixed(words: Hashes) -> Hashes:
    """Spread every bit of each word over the whole word (the last step of splitmix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    mixed: Hashes = words ^ (words >> np.uint64(31))
    return mixed


def value_hash(key: Key, name: int, text: str) -> int:
    """Return the hash of a searchable value. ``name`` is the number of its name."""
    return hashed(key, f"{name}\0{text}", Link.VALUE)
