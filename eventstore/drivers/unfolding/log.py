"""A driver's log with an event for each member of a batch, where the driver delivers whole messages.

Every storage gives out its log through this one. So whatever reads a store, an index or a page, a tail or a check, knows only
events, each with a position of its own, and can begin, stop or be killed at any of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Protocol

from eventstore.drivers.unfolding.gathering import Piece, gather
from eventstore.drivers.unfolding.members import fetched, first_of, may_hold_batches, unfold, unfold_backward
from eventstore.drivers.unfolding.reader import UnfoldedReader
from eventstore.model.events import Message, NewMessage, Position, Topic
from eventstore.model.log import Amounts, Edge, Ends, Log, LogCapabilities, Reader
from eventstore.model.tokens import message_of

LONGEST_NUMBER = 9


class MessageLog(Log, Protocol):
    """What a driver implements: a log of whole messages, whose positions are never inside one."""

    def read_backward(
        self,
        topic: str,
        partition: int,
        *,
        before: Position | None = None,
        limit: int,
        most_bytes: int | None = None,
        inclusive: bool = False,
    ) -> Sequence[Message]:
        """As ``Log.read_backward``; ``inclusive``: from the message at ``before`` on."""
        ...

    def first_message_since(self, topic: str, partition: int, when: datetime) -> Message | None:
        """Return the message at ``Log.first_since``."""
        ...


class UnfoldedLog:
    """Implements ``eventstore.model.log.Log``, which describes each call. ``amounts`` counts whole messages."""

    def __init__(self, log: MessageLog) -> None:
        self.messages = log
        self.capabilities: LogCapabilities = log.capabilities

    def ping(self) -> str:
        return self.messages.ping()

    # -- topics

    def topics(self) -> Sequence[Topic]:
        return self.messages.topics()

    def topic(self, name: str) -> Topic:
        return self.messages.topic(name)

    def create_topic(self, name: str, *, partitions: int = 1) -> Topic:
        return self.messages.create_topic(name, partitions=partitions)

    def ends(self, topic: str) -> Sequence[Ends]:
        """``first`` is the last event of the first message: what precedes it there lies after ``first.beginning``."""
        return self.messages.ends(topic)

    def incarnation(self, topic: str, partition: int) -> str:
        return self.messages.incarnation(topic, partition)

    def amounts(self, topic: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        whole = {partition: place.message if place else None for partition, place in positions.items()}
        return self.messages.amounts(topic, whole)

    # -- writing

    def append(self, topic: str, messages: Sequence[NewMessage], *, expected_version: int | None = None) -> Sequence[Position]:
        return self.messages.append(topic, messages, expected_version=expected_version)

    def known_ids(self, topic: str, ids: Sequence[str]) -> set[str]:
        return self.messages.known_ids(topic, ids)

    # -- reading

    def read_forward(
        self,
        topic: str,
        partition: int,
        *,
        after: Position | None = None,
        limit: int,
        inclusive: bool = False,
        most_bytes: int | None = None,
    ) -> Sequence[Message]:
        whole = after.message if after else None
        inside = whole is not after

        def read(at: Position | None, most: int, room: int | None) -> Piece:
            from_it = (inclusive or inside) if at is None else False
            found = self.messages.read_forward(
                topic, partition, after=at or whole, limit=most, inclusive=from_it, most_bytes=room
            )
            return Piece.of(found, most, room)

        def events_of(found: Sequence[Message]) -> Iterable[Message]:
            if after is None or not (inside or may_hold_batches(found)):
                return unfold(found)
            return (one for one in unfold(found) if one.position > after or (inclusive and one.position == after))

        return gather(read, events_of, limit, most_bytes)

    def read_backward(
        self, topic: str, partition: int, *, before: Position | None = None, limit: int, most_bytes: int | None = None
    ) -> Sequence[Message]:
        """The message at ``before`` is read as well: if it is a batch, all but its last event lie before its own position."""
        whole = before.message if before else None

        def read(at: Position | None, most: int, room: int | None) -> Piece:
            from_it = at is None and whole is not None
            most += from_it
            found = self.messages.read_backward(
                topic, partition, before=at or whole, limit=most, inclusive=from_it, most_bytes=room
            )
            return Piece.of(found, most, room)

        def events_of(found: Sequence[Message]) -> Iterable[Message]:
            if before is None or not (found and found[0].position == whole):
                return unfold_backward(found)
            first = [one for one in unfold_backward(found[:1]) if one.position < before]
            return chain(first, unfold_backward(found[1:]))

        return gather(read, events_of, limit, most_bytes)

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        whole = {position.message for position in positions}
        found = self.messages.fetch(list(whole))
        if whole.issuperset(positions) and not may_hold_batches(found.values()):
            return found
        return fetched(found, positions)

    def first_since(self, topic: str, partition: int, when: datetime) -> Position | None:
        message = self.messages.first_message_since(topic, partition, when)
        return first_of(message).position if message else None

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        if isinstance(after, Edge) or after.member is None:
            return UnfoldedReader(self.messages.open_reader(topic, partition, after=after))
        whole = after.message
        reader = self.messages.open_reader(topic, partition, after=whole)
        try:
            there = unfold(self.messages.fetch([whole]).values())
            return UnfoldedReader(reader, (event for event in there if event.position > after))
        except BaseException:
            reader.close()
            raise

    # -- positions

    def position(self, topic: str, partition: int, token: str) -> Position:
        message, member = message_of(token)
        place = self.messages.position(topic, partition, message)
        return place if member is None else place.inside(member)

    def labelled(self, topic: str, partition: int, label: str) -> Position | None:
        of_message, is_member, number = label.partition("/")
        place = self.messages.labelled(topic, partition, of_message)
        if place is None or not is_member:
            return place
        fits = number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER
        return place.inside(int(number)) if fits else None

    def entry(self, position: Position) -> tuple[Position, Position]:
        return self.messages.entry(position.message)

    def key_is_bytes(self, position: Position) -> bool | None:
        return self.messages.key_is_bytes(position.message)
