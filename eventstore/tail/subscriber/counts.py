"""What a subscriber is told in addition to the events: how many there were, and why it did not get all of them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Literal, Protocol, TypeVar

from msgspec import Struct, field

from eventstore.tail.pieces import Piece


class Sized(Protocol):
    @property
    def bytes(self) -> int: ...


T = TypeVar("T", bound=Sized)
TailState = Literal["live", "catching up", "away"]


class Counts(Struct, frozen=True, kw_only=True, gc=False):
    """Exact counts of everything that the subscriber has passed: ``matched == shown + sampled + slow + older``.

    - ``published``: every event of its topics since its start.
    - ``matched``, and the following since the filter was set: the events that matched.
    - ``shown``: given to the subscriber.
    - ``sampled``: left out because a page shows a sample.
    - ``slow``: skipped because the subscriber was too slow.
    - ``older``: older than what the store still has, or than what a page gets. ``None`` if their number, or how many of
      them match, is unknown; they are then not part of ``matched``.
    """

    published: int = 0
    matched: int = 0
    shown: int = 0
    sampled: int = 0
    slow: int = 0
    older: int | None = 0


class Common(Protocol):
    """Keeps what is made of pieces that several subscribers take alike. ``None``: it is too large to be kept."""

    def made(self, key: Hashable, make: Callable[[Sequence[Piece]], T]) -> T | None: ...


class Take(Struct, frozen=True, kw_only=True):
    """What a subscriber takes at a time: ``pieces`` in order, each oldest first and none of them empty.

    - ``places``: by ``place_key``, the tokens that have changed since the last take (in the first take, all). With them
      another subscriber can go on after this one.
    - ``begun``: in the first take, where each partition began. A recipient that gets only a part of the take needs all
      of them.
    - ``incarnations``: in the first take, what a subscriber that comes back says beside its places, by ``incarnation_key``.
    - ``made_anew``: in the first take, the topics whose places did not fit any more. They are given from their first event.
    - ``lag_ms``: from the publishing of the newest event of this take until it was given; ``None`` without events, and
      for the last of those that were there before the subscriber came.
    - ``common``: where to keep what is made of all pieces, if others take the same.
    """

    pieces: Sequence[Piece]
    counts: Counts
    places: Mapping[str, str]
    lag_ms: int | None
    state: TailState
    begun: Mapping[str, str] = field(default_factory=dict)
    incarnations: Mapping[str, str] = field(default_factory=dict)
    made_anew: Sequence[str] = ()
    common: Common | None = None


class SkipCounter:
    """The growing counts of one subscriber."""

    __slots__ = ("matched", "older", "published", "sampled", "shown", "slow")

    def __init__(self) -> None:
        self.published = 0
        self.reset()

    def reset(self) -> None:
        """Start counting for another filter. ``published`` goes on."""
        self.matched = self.shown = self.sampled = self.slow = 0
        self.older: int | None = 0

    def give(self, published: int, matched: int, shown: int) -> None:
        """Count events that were passed. Those that matched were shown, or left out of the sample."""
        self.published += published
        self.matched += matched
        self.shown += shown
        self.sampled += matched - shown

    def count_skipped(self, *, published: int, matched: int) -> None:
        """Count events that were passed unseen because the subscriber was too slow."""
        self.published += published
        self.matched += matched
        self.slow += matched

    def count_unread(self, events: int | None, *, filtered: bool) -> None:
        """Count events that are too old to be given (``None``: an unknown number).

        If there is a filter, nobody knows how many of them match.
        """
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
