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
        self._held: list[Any] = []
        """Messages that were taken from the client, and are not dealt with yet."""
        self._failed: Exception | None = None
        """Why no more can be taken. Raised once those that are held are dealt with."""
        self._next = 0
        """The place in its batch of the message that goes on in the entry of the last one; 0 if an entry is to be entered."""
        self._published = 0
        """When that entry was published."""

    def next(self) -> Piece | Sequence[Message] | None:
        """Return the next piece; ``None`` at the end of this read. Never raises: see ``error``."""
        parts: _Parts = _Parts()
        whole: list[Message] = []
        try:
            self._fill(parts)
            if self._held and not parts.tokens:
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
            if self._room <= 0:
                wanted = min(wanted, len(self._held))  # what is held is dealt with, and nothing more is taken
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
        """Take at most so many usual messages, and return whether more may follow. This is the cost of catching up: what can
        be is done for many at once.
        """
        self._fetch(wanted, patience)
        raws, self._held = self._held, []
        if self._next and self._goes_on_to(raws):
            self._add(parts, raws, self._next)
            self._next += len(raws)
            return True
        ids = list(map(type(raws[0]).message_id, raws))
        batches = list(map(type(ids[0]).batch_index, ids))
        start = 0
        while start < len(raws):
            batch = batches[start]
            if (batch != self._next or not batch) and not self._enter(raws[start], bool(parts.tokens)):
                self._held = raws[start:]
                return False
            end = _end_of_run(batches, start)
            self._add(parts, raws[start:end], batch)
            self._next, start = batches[end - 1] + 1, end
        return True

    def _goes_on_to(self, raws: Sequence[Any]) -> bool:
        """Return whether all of these messages lie in the current entry.

        Only the last one is asked where it is. If it lies there, as many places on as there are messages, all others do.
        """
        id, at = raws[-1].message_id(), self._messages.positions
        return id.batch_index() == self._next + len(raws) - 1 and (id.ledger_id(), id.entry_id()) == (at.ledger, at.entry)

    def _fetch(self, wanted: int, patience: int) -> None:
        """Hold so many messages, or as many as there are. Raises the client's error, ``Timeout`` among them, if there are
        none.
        """
        read_next, held = self._read_next, self._held
        try:
            while len(held) < wanted and self._failed is None:
                held.append(read_next(patience))
        except Exception as error:  # noqa: BLE001 -- raised again
            self._failed = error
        if self._failed is not None and not held:
            raise self._failed

    def _add(self, parts: _Parts, raws: list[Any], batch: int) -> None:
        """Add messages of the entry that was entered, of which the first has this place in its batch."""
        prefix, after = self._messages.positions.token, self.after
        tokens = [prefix + number_token(number) for number in range(batch + 1, batch + 1 + len(raws))]
        if tokens[0] <= after:  # a reconnection may deliver a whole batch again
            again = sum([token <= after for token in tokens])
            self._came_again(tokens[again - 1])
            tokens, raws = tokens[again:], raws[again:]
            if not tokens:
                return
        kind = type(raws[0])  # by its functions, without a bound method for each message
        try:
            keys, payloads = list(map(kind.partition_key, raws)), list(map(kind.data, raws))
            properties = list(map(kind.properties, raws))
        except Exception:  # noqa: BLE001 -- the client fails on one of them
            keys, properties, payloads = map(list, zip(*map(_parts_of, raws), strict=True))
        parts.tokens += tokens
        parts.keys += keys
        parts.properties += properties
        parts.payloads += payloads
        parts.published += [self._published] * len(raws)
        parts.raws += raws
        self.after, self.last = tokens[-1], raws[-1]

    def _enter(self, raw: Any, is_begun: bool) -> bool:
        """Enter the entry of this message. Returns false if it is not usual, or in another ledger than the piece that is
        begun.
        """
        id = raw.message_id()
        published = self._messages.usual_since(raw, id)
        if published is None or (is_begun and id.ledger_id() != self._messages.positions.ledger):
            return False
        self._messages.enter(raw, id)
        self._published = published
        return True

    def _fill_whole(self, found: list[Message]) -> None:
        """Take messages up to the next entry that is usual, from the first one that is held on."""
        self._next = 0
        is_first = True
        while len(found) < MOST_IN_A_PIECE and self._has_room():
            self._fetch(1, self._patience())
            raw = self._held[0]
            if not is_first and self._messages.usual_since(raw, raw.message_id()) is not None:
                return
            is_first = False
            message = self._messages.of(raw)
            del self._held[0]
            if message.position.token <= self.after:
                self._came_again(message.position.token)
                continue
            found.append(message)
            self.after, self.last = message.position.token, raw
            self._left -= 1
            self._room -= len(message.payload)
            self._first = self._first or time.monotonic()

    def _has_room(self) -> bool:
        return self._left > 0 and (self._room > 0 or bool(self._held))

    def _came_again(self, token: str) -> None:
        self.repeated = token
        if not self._first:
            self._until = max(self._until, time.monotonic() + self._again)

    def _patience(self) -> int:
        """Return how many milliseconds to wait for the next message. The queue may be empty only for a moment."""
        return patience_behind(self._first, self._limit - self._left) if self._first else milliseconds_until(self._until)


def _parts_of(raw: Any) -> tuple[str, Mapping[str, str], bytes]:
    """Return the key, properties and payload of a message."""
    try:
        return raw.partition_key(), raw.properties(), raw.data()
    except Exception:  # noqa: BLE001 -- read as a whole message, which says on what the client fails
        return "", NO_TEXTS, UNREAD


def _end_of_run(batches: Sequence[int], start: int) -> int:
    """Return the place behind the messages of one entry that begin at ``start``, given the place of each in its batch.

    An entry's messages come one after the other, and the first one of another is not in the place that follows.
    """
    if batches[start:] == list(range(batches[start], batches[start] + len(batches) - start)) and batches[start] >= 0:
        return len(batches)
    end = start + 1
    while end < len(batches) and batches[end] == batches[end - 1] + 1 > 0:
        end += 1
    return end
