"""A dead letter: a copy of an event that a subscription's consumers gave up."""

from collections.abc import Collection
from dataclasses import dataclass

from eventstore.letters.origin import Origin
from eventstore.model.events import Event, Position
from eventstore.model.pointers import Pointer
from eventstore.streams.rows import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One letter, with what is known of its original.

    - ``row``: the letter in its dead-letter topic. Its event is ``None`` where the store did not return it (``row.missing``).
    - ``waits``: the keeper of the topic has not acknowledged it.
    - ``original``: as the index knows it; ``None`` if it is not indexed, or the letter does not tell it.
    - ``original_is_gone``: retention has removed the original, so that only the index knows it.
    - ``came_along``: how many other letters of this topic have their originals in the same batch. One refused event of a batch
      makes letters of all of them.
    - ``shares_entry``: how many other letters lie in its entry of the dead-letter topic. The store acknowledges an entry as a
      whole.
    """

    row: Row
    pointer: Pointer
    origin: Origin
    waits: bool = True
    original: Pointer | None = None
    original_is_gone: bool = False
    came_along: int = 0
    shares_entry: int = 0

    @property
    def position(self) -> Position:
        """Where the letter lies."""
        return self.pointer.position

    @property
    def event(self) -> Event | None:
        return self.row.event

    @property
    def key(self) -> str | None:
        """The message's key; ``None`` without one, and where the message could not be read."""
        return self.row.event.message.key if self.row.event is not None else None

    @property
    def type(self) -> str:
        return self.pointer.type or (self.original.type if self.original is not None else "")

    @property
    def aggregate(self) -> tuple[str, str]:
        """The type and the id of the original's aggregate: by the original, or else by the letter. Empty if neither tells."""
        if self.original is not None and self.original.aggregate_id:
            return self.original.aggregate_type, self.original.aggregate_id
        event = self.row.event
        return (event.aggregate_type, event.aggregate_id) if event is not None and not event.problem else ("", "")

    @property
    def schema_version(self) -> str:
        """Of the original in its own topic. Clients register the schema anew for a dead-letter topic, and count from 0."""
        return self.original.schema_version if self.original is not None else self.pointer.schema_version

    def is_of(self, topic: str, subscription: str, retry: Collection[str] = ()) -> bool:
        """Whether it may come from this subscription: several can share a dead-letter topic, and not every letter says.

        ``retry`` are the subscription's retry topics: some clients name the one from which they gave the event up.
        """
        return self.origin.topic in ("", topic, *retry) and self.origin.subscription in ("", subscription)
