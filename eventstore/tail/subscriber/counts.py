"""What a viewer is told beside the events: how many there were, and why it did not get them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from eventstore.tail.pieces import Piece

TailState = Literal["live", "catching up", "away"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Exact, of everything that the viewer has passed: ``matched == shown + sampled + slow + older``.

    ``published``: every event of its topics behind its start. The others count since the filter was set: ``matched`` by it,
    ``shown`` given to the viewer, ``sampled`` left out for the eye, ``slow`` since the viewer was too slow, ``older`` than
    what the store still has or a page is given. Where it is not known how many of those there are, or how many match,
    ``older`` is ``None``, and they are not in ``matched``.
    """

    published: int = 0
    matched: int = 0
    shown: int = 0
    sampled: int = 0
    slow: int = 0
    older: int | None = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """What a viewer takes at a time: ``pieces`` in order, each oldest first, none of them empty.

    ``places``: by ``place_key`` the tokens that have changed since the last take (all of them in the first); with them
    another viewer goes on behind this one. ``begun``: in the first take where each partition began, since whoever is given
    only a part of it has to know of all of them. ``lag_ms``: from the publishing of the newest event given last to its
    giving; ``None`` before the first.
    """

    pieces: Sequence[Piece]
    counts: Counts
    places: Mapping[str, str]
    lag_ms: int | None
    state: TailState
    begun: Mapping[str, str] = field(default_factory=dict)


class SkipCounter:
    """The counts of one viewer as they grow."""

    __slots__ = ("matched", "older", "published", "sampled", "shown", "slow")

    def __init__(self) -> None:
        self.published = 0
        self.reset()

    def reset(self) -> None:
        """Count for another filter from now on."""
        self.matched = self.shown = self.sampled = self.slow = 0
        self.older: int | None = 0

    def give(self, published: int, matched: int, shown: int) -> None:
        """So many events were passed, of which those that matched were shown or left out for the eye."""
        self.published += published
        self.matched += matched
        self.shown += shown
        self.sampled += matched - shown

    def count_skipped(self, *, published: int, matched: int) -> None:
        """So many events were passed without a look, since the viewer was too slow."""
        self.published += published
        self.matched += matched
        self.slow += matched

    def count_unread(self, events: int | None, *, filtered: bool) -> None:
        """So many events (``None``: nobody knows) are too old to be given; which of them would match is not known either."""
        self.published += events or 0
        if events is None or (events and filtered) or self.older is None:
            self.older = None
        else:
            self.matched += events
            self.older += events

    def snapshot(self) -> Counts:
        return Counts(
            published=self.published,
            matched=self.matched,
            shown=self.shown,
            sampled=self.sampled,
            slow=self.slow,
            older=self.older,
        )
