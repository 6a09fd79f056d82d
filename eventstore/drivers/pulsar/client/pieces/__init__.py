"""Takes messages from the client piece by piece: of usual ones the parts alone, of all others whole messages.

A publisher's batch is an entry, and what is unusual is mostly so of a whole entry: it is looked at once. What an entry says
is asked of its first message.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulsar

from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.positions import number_token
from eventstore.model.events import Message
from eventstore.model.log import READ_BYTES
from eventstore.model.pieces import MOST_IN_A_PIECE, Piece

LINGER_MILLISECONDS = 2
GATHER_SECONDS = 0.05
"""How long after the first event to wait for others. Without it, an event every millisecond would first fill the whole
limit, for seconds. After that, only what has already arrived is taken."""
ARRIVE_SECONDS = 0.1
"""For so long a reader that has just been opened waits for an event, since it was opened because there is one, and for the
next message after one that came again."""
QUICK, LONGEST_GATHER = 20_000, 0.5
"""While at least so many come a second, which is more than anybody publishes, what comes next is waited for up to so many
seconds: a batch of a thousand costs the index a third more than one of twenty thousand."""
BETWEEN_LOOKS = 16
"""Messages between two looks at the clock, which costs as much as a part of a message."""

NO_TEXTS: Mapping[str, str] = {}
UNREAD = b"["
"""Stands for a payload that could not be read. It looks as if it held several events, so that nobody takes it as it is."""


def patience_behind(first: float, count: int = 0) -> int:
    """Return how many milliseconds to wait for another event if the first one of this call came at ``first`` (monotonic), and
    ``count`` so far."""
    passed = time.monotonic() - first
    return LINGER_MILLISECONDS if passed < GATHER_SECONDS or passed < min(LONGEST_GATHER, count / QUICK) else 0


def milliseconds_until(deadline: float) -> int:
    return max(1, int(1000 * (deadline - time.monotonic())))


class _Parts:
    """The parts of usual messages, and the client's object of each."""

    def __init__(self) -> None:
        self.raws: list[Any] = []
        self.tokens: list[str] = []
        self.keys: list[str] = []
        self.properties: list[Mapping[str, str]] = []
        self.payloads: list[bytes] = []
        self.published: list[int] = []


class Gathering:
    """One read of a reader. ``after``: the token of the last message; ``last``: the client's object of it, if there is one;
    ``begin``: the token of the first message of this read.

    ``error`` is what ended it early. ``until``, in monotonic seconds: how long the first message is waited for.
    """

    def __init__(
        self,
        read_next: Callable[[int], Any],
        messages: Messages,
        after: str,
        *,
        limit: int,
        until: float,
        again: float = ARRIVE_SECONDS,
    ) -> None:
        """``again``: seconds that are waited for the next message after one that came again."""
        self._read_next, self._messages = read_next, messages
        self.after, self.repeated, self.begin = after, "", ""
        self.last: Any = None
        self.error: Exception | None = None
        self.count = self.size = 0
        self._limit = self._left = limit
        self._room = READ_BYTES
        self._until, self._again, self._first = until, again, 0.0
        self._held: Any = None
        """A message that was taken from the client, and belongs to the next piece."""
        self._published = -1
        """When the entry of the last message was published; -1 if it is to be entered anew."""

    def next(self) -> Piece | Sequence[Message] | None:
        """Return the next piece; ``None`` at the end of this read. Never raises: see ``error``."""
        parts: _Parts = _Parts()
        whole: list[Message] = []
        try:
            self._fill(parts)
            if self._held is not None and not parts.tokens:
                self._fill_whole(whole)
        except pulsar.Timeout:
            self._left = 0
        except Exception as error:  # noqa: BLE001 -- the reader deals with it once what was read before is dealt with
            self.error, self._left = error, 0
        payloads = parts.payloads or [message.payload for message in whole]
        self.begin = self.begin or next(iter(parts.tokens or [message.position.token for message in whole]), "")
        self.count += len(payloads)
        self.size += sum(map(len, payloads))
        return whole or (self._piece(parts) if parts.tokens else None)

    def _piece(self, parts: _Parts) -> Piece:
        positions, raws, incarnation = self._messages.positions, parts.raws, self._messages.incarnation
        topic, partition = positions.topic, positions.partition

        made = Messages(topic, partition, lambda ledger: incarnation, every_ledger=True)

        def whole(place: int) -> Message:
            return made.of(raws[place])

        return Piece(
            topic=topic, partition=partition, tokens=parts.tokens, keys=parts.keys, properties=parts.properties,
            payloads=parts.payloads, published=parts.published, incarnation=incarnation, whole=whole,
        )  # fmt: skip

    def _fill(self, parts: _Parts) -> None:
        """Take usual messages. An unusual one is held, and ends the piece, as does the first of another incarnation."""
        while len(parts.tokens) < MOST_IN_A_PIECE and self._has_room():
            before = len(parts.tokens)
            wanted = min(BETWEEN_LOOKS if self._first else 1, self._left, MOST_IN_A_PIECE - before)
            try:
                goes_on = self._take(parts, wanted, self._patience())
            finally:
                taken = len(parts.tokens) - before
                self._left -= taken
                self._room -= sum(map(len, parts.payloads[before:]))
                if taken and not self._first:
                    self._first = time.monotonic()
            if not goes_on:
                return

    def _take(self, parts: _Parts, wanted: int, patience: int) -> bool:
        """Take at most so many usual messages, and return whether more may follow. This loop is the cost of catching up."""
        read_next, positions, published = self._read_next, self._messages.positions, self._published
        ledger, entry, prefix, after = positions.ledger, positions.entry, positions.token, self.after
        if published < 0:
            entry = -1
        for _ in range(wanted):
            raw, self._held = self._held or read_next(patience), None
            id = raw.message_id()
            batch = id.batch_index()
            if batch < 0 or id.entry_id() != entry or id.ledger_id() != ledger:
                if (begun := self._enter(raw, id, bool(parts.tokens))) is None:
                    return False
                self._published = published = begun
                ledger, entry, prefix = positions.ledger, positions.entry, positions.token
            token = prefix + number_token(batch + 1)
            if token <= after:  # a reconnection may deliver a whole batch again
                self._came_again(token)
                return True
            try:
                key, properties, payload = raw.partition_key(), raw.properties(), raw.data()
            except Exception:  # noqa: BLE001 -- read as a whole message, which says on what the client fails
                key, properties, payload = "", NO_TEXTS, UNREAD
            parts.tokens.append(token)
            parts.keys.append(key)
            parts.properties.append(properties)
            parts.payloads.append(payload)
            parts.published.append(published)
            parts.raws.append(raw)
            self.after = after = token
            self.last = raw
        return True

    def _enter(self, raw: Any, id: Any, is_begun: bool) -> int | None:
        """Enter the entry of this message, and return its publish time in microseconds. If it is not usual, hold the message
        and return ``None``, as for the first one of another ledger if the piece is begun.
        """
        published = self._messages.usual_since(raw, id)
        if published is None or (is_begun and id.ledger_id() != self._messages.positions.ledger):
            self._held = raw
            return None
        self._messages.enter(raw, id)
        return published

    def _fill_whole(self, found: list[Message]) -> None:
        """Take messages up to the next entry that is usual, from the one that is held on."""
        self._published = -1
        while len(found) < MOST_IN_A_PIECE and self._has_room():
            raw = self._held or self._read_next(self._patience())
            id = raw.message_id()
            if self._held is None and self._messages.usual_since(raw, id) is not None:
                self._held = raw
                return
            self._held = None
            message = self._messages.of(raw)
            if message.position.token <= self.after:
                self._came_again(message.position.token)
                continue
            found.append(message)
            self.after, self.last = message.position.token, raw
            self._left -= 1
            self._room -= len(message.payload)
            self._first = self._first or time.monotonic()

    def _has_room(self) -> bool:
        return self._left > 0 and (self._room > 0 or self._held is not None)

    def _came_again(self, token: str) -> None:
        self.repeated = token
        if not self._first:
            self._until = max(self._until, time.monotonic() + self._again)

    def _patience(self) -> int:
        """Return how many milliseconds to wait for the next message. The queue may be empty only for a moment."""
        return patience_behind(self._first, self._limit - self._left) if self._first else milliseconds_until(self._until)
