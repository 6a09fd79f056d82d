"""A viewer of a topic: a place in its tail's ring, and what it gets from there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from eventstore.events import Position, Topic
from eventstore.ring import Entry, Ring

MOST_WAITING = 500
"""What may wait for a viewer before events are skipped: the page keeps no more rows."""

Places = Mapping[int, str]
"""For each partition the token of the last event that a viewer has ("" for none). A partition that is not named was added
since, and is followed from its beginning; with no partition named at all, everything is followed from now."""

Wake = Callable[[], None]


class Watched(Protocol):
    """What a viewer needs of the tail that it watches."""

    topic: Topic
    ring: Ring
    away: bool

    @property
    def stopped(self) -> bool: ...

    @property
    def watched(self) -> bool: ...

    def leave(self, viewer: "Viewer") -> None: ...

    def stop(self) -> None: ...

    def join(self, viewer: "Viewer") -> bool: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What a viewer takes. ``skipped`` counts the events it will not get; ``more_missed`` says that some of those that it
    missed while away are not even counted (they are on the topic's page). ``away`` says that the store is silent now."""

    entries: Sequence[Entry]
    skipped: int
    more_missed: bool
    away: bool


@dataclass(eq=False)
class Viewer:
    """A place in a topic's ring. Belongs to one thread at a time."""

    tail: Watched
    wake: Wake
    next_number: int
    floors: dict[int, Position]
    missed: list[Entry] = field(default_factory=list)
    more_missed: bool = False

    def take(self, limit: int) -> Batch:
        """At most ``limit`` events in order. Where more than ``MOST_WAITING`` wait, the oldest are skipped and counted."""
        if self.missed:
            entries, self.missed = self.missed[:limit], self.missed[limit:]
            more, self.more_missed = self.more_missed, False
            return Batch(entries=entries, skipped=0, more_missed=more, away=self.tail.away)
        found = self.tail.ring.since(self.next_number)
        fresh = [entry for entry in found.entries if self._is_new(entry)]
        too_many = max(0, len(fresh) - MOST_WAITING)
        kept = fresh[too_many:][:limit]
        all_taken = too_many + len(kept) == len(fresh)
        self.next_number = found.next_number if all_taken else kept[-1].number + 1
        return Batch(entries=kept, skipped=found.lost + too_many, more_missed=False, away=self.tail.away)

    @property
    def ended(self) -> bool:
        """The tail has stopped under the viewer: what it missed since is read by opening another, from its last places."""
        return self.tail.stopped

    @property
    def waiting(self) -> bool:
        return bool(self.missed) or self.tail.ring.next_number > self.next_number

    def close(self) -> None:
        self.tail.leave(self)

    def _is_new(self, entry: Entry) -> bool:
        """Whether the viewer does not have it from before it joined the ring."""
        position = entry.event.position
        floor = self.floors.get(position.partition)
        return floor is None or floor < position
