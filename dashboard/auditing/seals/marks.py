"""One seal: how many entries the record holds, and the root of the tree over them, signed.

It is a checkpoint as transparency logs write it (c2sp.org/tlog-checkpoint): a signed note of the record's name, the number of
entries and the root. The same key signs the text, and the text with the time (c2sp.org/tlog-cosignature).
"""

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.auditing.seals.keys import NOTE, TIMED, PrivateKey, PublicKey
from eventstore.model import EventStoreError

_DASH = "— "


class BadSeal(EventStoreError):
    """A seal that proves nothing. The text says where it stands, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """``size`` entries have the tree with this ``root``, of 32 bytes. ``time``: when that was signed, in UTC."""

    size: int
    root: bytes
    time: datetime

    @property
    def time_text(self) -> str:
        return f"{self.time:%Y-%m-%d %H:%M:%S} UTC"


def seal_text(seal: Seal, key: PrivateKey) -> str:
    """The seal as it is kept. It ends with a newline."""
    text = f"{key.name}\n{seal.size}\n{base64.b64encode(seal.root).decode()}\n"
    seconds = int(seal.time.timestamp())
    note = key.key.sign(text.encode())
    timed = struct.pack(">Q", seconds) + key.key.sign(_timed(text, seconds))
    lines = (_line(key.public, NOTE, note), _line(key.public, TIMED, timed))
    return f"{text}\n{''.join(lines)}"


def seal_in(text: str, key: PublicKey) -> Seal:
    """The seal of this text, whose signatures hold. ``BadSeal``; unknown keys' signatures, such as witnesses', are ignored."""
    note, _, signatures = text.rpartition("\n\n")
    note += "\n"
    lines = note.split("\n")
    if len(lines) != 4 or lines[0] != key.name:
        raise BadSeal("it is no seal of this record")
    found = dict(_signatures(signatures, key))
    if NOTE not in found or not key.signed(note.encode(), found[NOTE]):
        raise BadSeal("its signature does not hold")
    if len(found.get(TIMED, b"")) != 72:
        raise BadSeal("its time is not signed")
    (seconds,) = struct.unpack(">Q", found[TIMED][:8])
    if not key.signed(_timed(note, seconds), found[TIMED][8:]):
        raise BadSeal("the signature of its time does not hold")
    return Seal(size=int(lines[1]), root=base64.b64decode(lines[2]), time=datetime.fromtimestamp(seconds, UTC))


def _signatures(text: str, key: PublicKey) -> Iterator[tuple[int, bytes]]:
    """This key's signatures, each with its type."""
    types = {key.id(type): type for type in (NOTE, TIMED)}
    for line in text.splitlines():
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        try:
            signature = base64.b64decode(encoded, validate=True)
        except ValueError:
            continue
        if line.startswith(_DASH) and name == key.name and signature[:4] in types:
            yield types[signature[:4]], signature[4:]


def _timed(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _line(key: PublicKey, type: int, signature: bytes) -> str:
    return f"{_DASH}{key.name} {base64.b64encode(key.id(type) + signature).decode()}\n"
