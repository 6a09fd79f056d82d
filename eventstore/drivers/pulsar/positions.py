"""Converts message ids to positions and back.

A token holds ledger, entry and the place in the batch plus one (0: not in a batch), in the form of
``eventstore.model.tokens``. A chunked message cannot be found by these numbers, since the client would return the next
message. Its serialised id follows them in hexadecimal, after an ``h``.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any

import pulsar

from eventstore.model import tokens
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position

CHUNK = "h"
LONGEST_CHUNK_ID = 400
"""Hexadecimal digits. Real ids have about 30."""

_LABEL = re.compile(r"(\d{1,17}):(\d{1,17})(?::(\d{1,17}))?", re.ASCII)
_FIRST_CHUNK = re.compile(r"\((\d+),(\d+),")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The content of a token. ``batch`` is -1 outside a batch. ``whole`` means all of the entry. ``chunk`` is a serialised
    id."""

    ledger: int
    entry: int
    batch: int = -1
    whole: bool = False
    chunk: bytes = b""

    @property
    def label(self) -> str:
        return f"{self.ledger}:{self.entry}" + (f":{self.batch}" if self.batch >= 0 else "")

    @property
    def order(self) -> tuple[int, int, float]:
        """Compares with ``order_of`` a message. If the whole entry is meant, it sorts after everything in the entry."""
        return self.ledger, self.entry, inf if self.whole else self.batch

    @property
    def first_entry(self) -> tuple[int, int]:
        """Ledger and entry where the message begins. For a chunked message, those of its first chunk."""
        if self.chunk:
            match = _FIRST_CHUNK.match(str(deserialised(self.chunk)))
            if match:
                return int(match[1]), int(match[2])
        return self.ledger, self.entry

    def message_id(self) -> Any:
        """Return the id at which the client starts a reader."""
        if self.chunk:
            return deserialised(self.chunk)
        return pulsar.MessageId(-1, self.ledger, self.entry, self.batch)


class Positions:
    """Makes the positions of one partition's messages.

    Messages of one entry come one after the other, so the entry's part of the text is kept.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.topic, self.partition = topic, partition
        self.ledger = self.entry = -1
        """The ledger and the entry of the last message."""
        self.new_entry = False
        """Whether the last message was the first one of its entry."""
        self.run = (-1, -1)
        """Ledger and entry since which each entry followed the one before, without a gap."""
        self.token = self._label = ""
        """How the tokens in the entry begin."""
        self._is_new = False
        """Whether the entry was begun by ``enter``, so that its next message counts as the first one."""

    @property
    def at(self) -> tuple[int, int]:
        """Ledger and entry of the last message."""
        return self.ledger, self.entry

    def enter(self, ledger: int, entry: int) -> None:
        """Begin this entry, unless the last message was in it."""
        if entry != self.entry or ledger != self.ledger:
            if entry != self.entry + 1 or ledger != self.ledger:
                self.run = (ledger, entry)
            self.ledger, self.entry = ledger, entry
            self.token, self._label = tokens.encode(ledger, entry), f"{ledger}:{entry}"
            self._is_new = True

    def of(self, message_id: Any) -> Position:
        """Return the position of a message that the client returned or confirmed."""
        ledger, entry, batch = message_id.ledger_id(), message_id.entry_id(), message_id.batch_index()
        if entry != self.entry or ledger != self.ledger:
            self.enter(ledger, entry)
        self.new_entry, self._is_new = self._is_new, False
        token, label = self.token + number_token(batch + 1), self._label
        if batch >= 0:
            label = f"{label}:{batch}"
        elif ";" in str(message_id):  # the client formats the id of a chunked message as first;last
            token += CHUNK + message_id.serialize().hex()
        return Position(topic=self.topic, partition=self.partition, token=token, label=label)


def order_of(message_id: Any) -> tuple[int, int, int]:
    """Return ledger, entry and place in the batch (-1: not in a batch). These sort as the log does."""
    return message_id.ledger_id(), message_id.entry_id(), message_id.batch_index()


@lru_cache(maxsize=2048)
def number_token(number: int) -> str:
    """Return the last part of a message's token: its place in the batch plus one."""
    return tokens.encode(number)


def batched(topic: str, partition: int, ledger: int, entry: int, batch: int) -> Position:
    """Return the position of a message in a batch."""
    token = tokens.encode(ledger, entry, batch + 1)
    return Position(topic=topic, partition=partition, token=token, label=f"{ledger}:{entry}:{batch}")


def unbatched(topic: str, partition: int, ledger: int, entry: int) -> Position:
    """Return the position of a message that has its entry to itself."""
    return Position(topic=topic, partition=partition, token=tokens.encode(ledger, entry, 0), label=f"{ledger}:{entry}")


def whole_entry(topic: str, partition: int, ledger: int, entry: int) -> Position:
    """Return the place after everything in this entry. The entry -1 is the place before all of its ledger."""
    if entry < 0:
        return Position(topic=topic, partition=partition, token=tokens.encode(ledger, 0), label=f"{ledger}:-1")
    token = tokens.encode(ledger, entry) + tokens.AFTER_ALL
    return Position(topic=topic, partition=partition, token=token, label=f"{ledger}:{entry}")


def entry_at(position: Position) -> tuple[Position, Position]:
    """Return the place before everything in the entry of this position, and the place after everything in it."""
    ledger, entry = entry_of(position.token)
    before = Position(topic=position.topic, partition=position.partition, token=tokens.encode(ledger, entry))
    return before, whole_entry(position.topic, position.partition, ledger, entry)


def place_of(token: str) -> Place:
    """Parse the token. Raises ``InvalidPosition`` for what this driver never wrote."""
    if token.endswith(tokens.AFTER_ALL):
        ledger, entry = tokens.decode(token.removesuffix(tokens.AFTER_ALL), 2)
        return Place(ledger=ledger, entry=entry, whole=True)
    numbers, mark, chunk = token.partition(CHUNK)
    ledger, entry, batch = tokens.decode(numbers, 3)
    if not mark:
        return Place(ledger=ledger, entry=entry, batch=batch - 1)
    return Place(ledger=ledger, entry=entry, chunk=_chunk_id(chunk, ledger, entry))


def entry_of(token: str) -> tuple[int, int]:
    """Return the token's ledger and entry."""
    place = place_of(token)
    return place.ledger, place.entry


def last_entry(token: str) -> tuple[int, int]:
    """Return the last entry that is covered if everything up to this place is. The entry -1 is none of its ledger.

    The place may be that of a message, of a whole entry, or one before an entry or before a message.
    """
    message, member = tokens.message_of(token)
    try:
        ledger, entry = tokens.decode(message, 2)
    except InvalidPosition:
        place = place_of(message)
        return place.ledger, place.entry - (member is not None)
    return ledger, entry - 1


def position_from(topic: str, partition: int, token: str) -> Position:
    """Return the position with its label. Raises ``InvalidPosition`` if the token is not this driver's."""
    return Position(topic=topic, partition=partition, token=token, label=place_of(token).label)


def position_labelled(topic: str, partition: int, label: str) -> Position | None:
    """Return the position with this label; ``None`` if it is not a label."""
    found = _LABEL.fullmatch(label)
    if not found:
        return None
    ledger, entry, batch = int(found[1]), int(found[2]), int(found[3]) if found[3] else -1
    return Position(topic=topic, partition=partition, token=tokens.encode(ledger, entry, batch + 1), label=label)


def deserialised(data: bytes) -> Any:
    return pulsar.MessageId.deserialize(data)


def _chunk_id(text: str, ledger: int, entry: int) -> bytes:
    try:
        if len(text) <= LONGEST_CHUNK_ID:
            data = bytes.fromhex(text)
            found = deserialised(data)
            if data.hex() == text and (found.ledger_id(), found.entry_id()) == (ledger, entry):
                return data
    except (ValueError, RuntimeError, pulsar.PulsarException) as error:
        raise InvalidPosition("This is not a position of this store. Open the event again from a list.") from error
    raise InvalidPosition("This is not a position of this store. Open the event again from a list.")
