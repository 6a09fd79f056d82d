"""Rows combine what the store and the index know of an event, and say why if one of them has nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eventstore.index.lookup.labels import labelled
from eventstore.model.errors import StoreRefused, StoreUnreachable, UnknownTopic
from eventstore.model.events import Event, Message, Position
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.streams.payload_cache import PayloadCache


class Missing(StrEnum):
    """Why a row has no event."""

    NOTHING = ""
    """It has one, or it was not asked for."""
    AWAY = "away"
    """The store, or the registry of the event's schema, does not answer now."""
    REFUSED = "refused"
    """The store answers, but does not let us read this topic."""
    TRIMMED = "trimmed"
    """The store answers, but no longer has the event: retention, or the topic was truncated or deleted."""
    ANEW = "anew"
    """It lies in a log that is gone: its topic was made anew since, and another log has the name."""
    OTHER = "other"
    """The store has another event at this position than the one that was indexed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a list: an event, its pointer, or both.

    An event without a pointer is not indexed yet. For a pointer without an event, ``missing`` says why.
    """

    position: Position
    event: Event | None = None
    pointer: Pointer | None = None
    missing: Missing = Missing.NOTHING


class Rows:
    """Reads events for pages by their pointers, through a cache. Thread-safe."""

    def __init__(self, *, log: Log, read: Callable[[Message], Event], cache: PayloadCache) -> None:
        self._log, self._read, self._cache = log, read, cache

    def of(self, pointers: Sequence[Pointer]) -> list[Row]:
        """Return a row for each pointer. While the store is away or refuses a topic, only events in memory are included."""
        present = [pointer for pointer in pointers if pointer.ended_at is None]
        self._forget_others(present)
        positions = [pointer.position for pointer in present]
        try:
            messages, missing = self._tried(positions)
        except StoreRefused:  # perhaps only one of several topics
            messages, missing = {}, {}
            for topic in {position.topic for position in positions}:
                of_topic = [position for position in positions if position.topic == topic]
                try:
                    found, why = self._tried(of_topic)
                except StoreRefused:
                    found, why = self._cache.known(of_topic), {topic: Missing.REFUSED}
                messages, missing = {**messages, **found}, {**missing, **why}
        return [
            self.row(pointer, messages.get(pointer.position), missing=missing[pointer.position.topic])
            if pointer.ended_at is None
            else self.row(pointer, missing=Missing.ANEW)
            for pointer in pointers
        ]

    def _tried(self, positions: Sequence[Position]) -> tuple[Mapping[Position, Message], Mapping[str, Missing]]:
        """Return the messages at these positions and, by topic, why the others are missing."""
        try:
            messages, missing = self.messages(positions), Missing.TRIMMED
        except StoreUnreachable:
            messages, missing = self._cache.known(positions), Missing.AWAY
        return messages, dict.fromkeys((position.topic for position in positions), missing)

    def _forget_others(self, pointers: Sequence[Pointer]) -> None:
        """Drop what memory has of another event at the place of a pointer: its topic was made anew, or its store replaced."""
        kept = self._cache.known([pointer.position for pointer in pointers])
        at = {pointer.position: pointer.published for pointer in pointers}
        self._cache.drop([place for place, message in kept.items() if message.published != at[place]])

    def message_at(self, position: Position, pointer: Pointer | None) -> Message | None:
        """Return the message at this position. Memory is asked only for what the index knows."""
        if pointer is None:
            self._cache.drop([position])
        else:
            self._forget_others([pointer])
        return self.messages([position]).get(position)

    def messages(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        """Return the messages at these positions, from memory if they were read in the last minute, otherwise from the
        store."""
        known = self._cache.known(positions)
        unknown = [position for position in positions if position not in known]
        if not unknown:
            return known
        begun = self._cache.now()
        try:
            read = self._log.fetch(unknown)
        except UnknownTopic:
            return known
        self._cache.keep(read.values(), read=begun)
        return {**known, **read}

    def row(self, pointer: Pointer, message: Message | None = None, *, missing: Missing = Missing.NOTHING) -> Row:
        """Return the pointer's row. ``missing`` says why there is no message. A message with another id is not the
        pointer's event."""
        known = labelled(self._log, pointer)
        event = self._read(message) if message else None
        unread = event is not None and event.schema is not None and event.schema.unanswered
        if event is not None and not _is_same(event, known, unread):
            # Without its schema an event has no id to compare, which does not prove that it is another event.
            event, missing = None, Missing.AWAY if unread else Missing.OTHER
        return Row(position=known.position, event=event, pointer=known, missing=Missing.NOTHING if event else missing)


def _is_same(event: Event, pointer: Pointer, unread: bool) -> bool:
    """Return whether this is the event that was indexed. An event whose position stood in for its id cannot be compared.

    If it is ``unread``, because the registry does not answer, its key is the one that was sent, which may name another
    aggregate.
    """
    if unread and pointer.aggregate_id and event.aggregate_id != pointer.aggregate_id:
        return False
    return event.id == pointer.event_id or pointer.event_id == pointer.position.encode()
