"""What became of one event in one subscription, judged from what is known already. Nothing is asked here.

A position is compared with cursors of its own partition only. The first thing that is known decides, in this order: copies in
derived topics (a dead-lettered event has been acknowledged as well), what was passed over, what is acknowledged, what waits.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from eventstore.delivery.passages import Passage
from eventstore.model.events import Position
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import Cursor, DeliveryState
from eventstore.subscriptions.backlog import Backlog
from eventstore.subscriptions.state import State

STANDING = frozenset({State.STUCK, State.BLOCKED})
"""States in which the cursors that stand still hold up what waits. Where nobody is connected, no event does."""


class Source(StrEnum):
    """What an answer rests on."""

    CURSOR = "cursor"
    """The store's cursor, at the time of the answer."""
    LETTER = "letter"
    """A copy in a dead-letter topic, as the index knows it."""
    RETRY = "retry"
    """A copy in a retry topic, and the subscription's cursor there."""
    LOOKS = "looks"
    """How the cursor moved between earlier looks at it."""
    RECORD = "record"
    """A cursor reset of ours."""
    CONFIGURATION = "configuration"
    NOTHING = "nothing"
    """Nothing tells."""


class Why(StrEnum):
    """Why a state is unknown, or what else has to be said of it."""

    NOTHING = ""
    EXTERNAL = "external"
    """The group keeps its positions elsewhere, as the configuration declares."""
    PHANTOM = "phantom"
    """Nobody has ever acknowledged anything in the subscription, and nobody is there to: what waits there waits for nobody."""
    ANEW = "anew"
    """The event lies in a log that is gone: its topic was made anew, and cursors stand in the new one."""
    INSIDE_BATCH = "inside batch"
    """The store may hold acknowledgements inside the batch, and tells nobody of which events."""
    JUMPED = "jumped"
    """The cursor went over it, and was given fewer events than it went over."""
    NO_CURSOR = "no cursor"
    """The store tells of no cursor in this partition."""
    UNNAMED = "unnamed"
    """A copy of the event in a derived topic names no subscription, or there are more copies than are read: it may be one of
    this subscription's."""
    WAITS_AGAIN = "waits again"
    """Dead-lettered, and the cursor was moved back before it since: it comes again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One event in one subscription.

    ``as_of`` is when the store told of the cursor. ``batch`` is how many events share the entry of one that waits (or may),
    ``None`` where it has the entry to itself. ``since`` is when a stuck cursor last moved, or a copy was published. ``copy``
    is the letter or the last copy to be retried.
    """

    state: DeliveryState
    source: Source
    as_of: datetime
    batch: int | None = None
    since: datetime | None = None
    copy: Pointer | None = None
    why: Why = Why.NOTHING

    @property
    def waits(self) -> bool:
        """Whether the subscription has yet to handle it. Nobody waits for what a phantom has not acknowledged."""
        return self.state in (DeliveryState.PENDING, DeliveryState.STUCK) and self.why is not Why.PHANTOM


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """One subscription as it was last seen. ``passages`` are by partition."""

    backlog: Backlog
    passages: Mapping[int, Sequence[Passage]] = field(default_factory=dict)
    external: bool = False
    places: "Mapping[int, Places]" = field(init=False)

    def __post_init__(self) -> None:
        places = {cursor.partition: places_of(cursor) for cursor in self.backlog.subscription.cursors}
        object.__setattr__(self, "places", places)


class Places(NamedTuple):
    """What a cursor has acknowledged, as tokens: up to ``mark`` (empty: nothing), and ranges behind it, in order."""

    mark: str
    starts: Sequence[str]
    ends: Sequence[str]

    def has(self, token: str) -> bool:
        if self.mark and token <= self.mark:
            return True
        at = bisect_left(self.ends, token)  # the first range that does not end before it
        return at < len(self.ends) and self.starts[at] < token


class Copies(NamedTuple):
    """Copies of one event that one subscription has sent to derived topics. ``retry`` is the subscription there.

    ``unnamed``: there are others of which nothing tells who sent them."""

    letters: Sequence[Pointer] = ()
    retried: Sequence[Pointer] = ()
    retry: Mapping[str, Known] = {}
    unnamed: bool = False


NO_COPIES = Copies()


def places_of(cursor: Cursor) -> Places:
    holes = sorted((start.token, end.token) for start, end in cursor.holes)
    mark = cursor.acknowledged.token if cursor.acknowledged else ""
    return Places(mark, [start for start, _ in holes], [end for _, end in holes])


def is_acknowledged(position: Position, known: Known) -> bool:
    """Whether the cursor of the position's partition has acknowledged it."""
    places = known.places.get(position.partition)
    return places is not None and places.has(position.token)


def judge(pointer: Pointer, known: Known, *, copies: Copies = NO_COPIES, batch: int = 1) -> Delivery:
    """Return what became of the event. ``batch`` is how many indexed events share its entry."""
    as_of = known.backlog.as_of
    unsaid = _unsaid(pointer, known)
    if unsaid is not None:
        source = Source.CONFIGURATION if unsaid is Why.EXTERNAL else Source.NOTHING
        return Delivery(state=DeliveryState.UNKNOWN, source=source, as_of=as_of, why=unsaid)
    by_cursor = _by_cursor(pointer, known, batch)
    if copies.letters:
        letter = copies.letters[-1]
        return Delivery(
            state=DeliveryState.DEAD_LETTERED,
            source=Source.LETTER,
            as_of=as_of,
            since=letter.published,
            copy=letter,
            why=Why.WAITS_AGAIN if by_cursor.waits else Why.NOTHING,
        )
    if copies.retried and not by_cursor.waits:
        return _retried(copies, by_cursor)
    if copies.unnamed and by_cursor.state is DeliveryState.ACKNOWLEDGED:
        return replace(by_cursor, state=DeliveryState.UNKNOWN, source=Source.NOTHING, why=Why.UNNAMED)
    return by_cursor


def _unsaid(pointer: Pointer, known: Known) -> Why | None:
    if known.external:
        return Why.EXTERNAL
    if pointer.ended_at is not None:
        return Why.ANEW
    return None if pointer.position.partition in known.places else Why.NO_CURSOR


def _by_cursor(pointer: Pointer, known: Known, batch: int) -> Delivery:
    if not is_acknowledged(pointer.position, known):
        return _not_acknowledged(pointer, known, batch if batch > 1 else None)
    found = Delivery(state=DeliveryState.ACKNOWLEDGED, source=Source.CURSOR, as_of=known.backlog.as_of)
    passage = _passed(pointer, known.passages.get(pointer.position.partition, ()))
    if passage is None:
        return found
    if passage.certain:
        source = Source.RECORD if passage.recorded else Source.LOOKS
        return replace(found, state=DeliveryState.PASSED_OVER, source=source)
    return replace(found, state=DeliveryState.UNKNOWN, source=Source.LOOKS, why=Why.JUMPED)


def _not_acknowledged(pointer: Pointer, known: Known, batch: int | None) -> Delivery:
    backlog = known.backlog
    found = Delivery(state=DeliveryState.PENDING, source=Source.CURSOR, as_of=backlog.as_of, batch=batch)
    if batch and backlog.subscription.acknowledges_inside:
        return replace(found, state=DeliveryState.UNKNOWN, why=Why.INSIDE_BATCH)
    if backlog.state is State.PHANTOM:
        return replace(found, why=Why.PHANTOM)
    if pointer.position.partition in backlog.stuck_partitions and backlog.state in STANDING:
        return replace(found, state=DeliveryState.STUCK, since=backlog.stuck_since)
    return found


def _passed(pointer: Pointer, passages: Sequence[Passage]) -> Passage | None:
    """Return the passage that went over the event; one that is certain before one that is not."""
    over = [passage for passage in passages if passage.covers(pointer.position.token, pointer.published)]
    return next((passage for passage in over if passage.certain), next(iter(over), None))


def _retried(copies: Copies, by_cursor: Delivery) -> Delivery:
    """The last copy decides: it waits in the retry topic, or became there what no other copy follows."""
    last = copies.retried[-1]
    found = replace(by_cursor, state=DeliveryState.RETRYING, source=Source.RETRY, why=Why.NOTHING)
    found = replace(found, batch=None, since=last.published, copy=last)
    there = copies.retry.get(last.position.topic)
    if there is None or not is_acknowledged(last.position, there):
        return found
    of_copy = _by_cursor(last, there, 1)
    if of_copy.state is not DeliveryState.ACKNOWLEDGED:  # its cursor went over the copy
        return replace(found, state=of_copy.state, source=of_copy.source, why=of_copy.why)
    if copies.unnamed:
        return replace(found, state=DeliveryState.UNKNOWN, source=Source.NOTHING, why=Why.UNNAMED)
    return replace(found, state=DeliveryState.ACKNOWLEDGED)
