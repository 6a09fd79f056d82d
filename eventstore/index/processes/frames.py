"""What the indexer and a reading process say to each other."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from eventstore.envelope.usual import UsualPiece
from eventstore.index.tables.texts import PackedTexts
from eventstore.index.tables.usual import TEXTS
from eventstore.model.events import Message, Position


class Open(Struct, tag=True, array_like=True):
    """Open a reader after this position, and call it by this number."""

    number: int
    after: Position


class Read(Struct, tag=True, array_like=True):
    """Read at most so many events with this reader, and wait so many seconds for the first."""

    number: int
    limit: int
    timeout: float


class Close(Struct, tag=True, array_like=True):
    """Close this reader."""

    number: int


Request = Open | Read | Close


class Found(Struct, array_like=True, gc=False):
    """Some consecutive events: usual ones read, or messages as they are.

    ``packed`` has the usual ones' ids, correlations and causations, each as ``PackedTexts`` if it can be; empty if not.
    """

    usual: UsualPiece | None
    messages: list[Message]
    packed: tuple[bytes, ...] = ()


def found_usual(piece: UsualPiece) -> Found:
    """Return a packed piece as it is sent. It is of no use afterwards."""
    parts: list[bytes] = []
    for name in TEXTS:
        texts = getattr(piece.events, name)
        if isinstance(texts, PackedTexts):
            parts += [texts.uuids, texts.marks]
            setattr(piece.events, name, [])
        else:
            parts += [b"", b""]
    return Found(piece, [], tuple(parts))


def content_of(found: Found) -> UsualPiece | list[Message]:
    """Return what was sent."""
    if found.usual is None:
        return found.messages
    for name, uuids, marks in zip(TEXTS, found.packed[::2], found.packed[1::2], strict=True):
        if marks:
            setattr(found.usual.events, name, PackedTexts(uuids, marks))
    return found.usual


class Reply(Struct, array_like=True, gc=False):
    """What one ``Read`` has found. ``error``: the name of an error and its text, if the reader has failed; it is closed then.

    ``logged``: the level and the text of what the process has logged since its last reply.
    """

    number: int
    found: list[Found]
    error: tuple[str, str] | None = None
    logged: Sequence[tuple[int, str]] = ()


READY = -1
"""The number of the reply by which a process says that it has begun."""


def _plain(value: object) -> object:
    """Return a mapping that cannot be changed (``events.NOTHING``) as one that can be sent."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(type(value).__name__)


encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
