"""How much of a replay is consumed: acknowledged by the projection's subscription, as the store's cursors tell.

A cursor that covers a whole stretch says so without the index. A part of one is counted by the index's ordinals. Where other
messages lie among the replay's, or the index has not read all of them, the count says only that at least so many are consumed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from eventstore.delivery.judging import Places, places_of
from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.index.models import IndexedPartition, current_partitions
from eventstore.model.errors import UnknownSubscription, UnknownTopic
from eventstore.model.events import Position
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Cursor, Subscription
from eventstore.subscriptions.counting import edges_of, handled_by

EXTERNAL = "The consumers of {} keep their positions elsewhere, as the configuration declares."
GONE = "There is no subscription {} on {}."

Rows = Mapping[tuple[str, int], IndexedPartition]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Where a replay's events lie in one partition: behind the place ``behind``, up to and including ``last`` (tokens).

    An empty ``behind`` is the beginning of the partition. ``events``: how many of the replay's lie there.
    """

    topic: str
    partition: int
    behind: str
    last: str
    events: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PartConsumed:
    """One stretch. ``consumed``: how many are, or at least are if that is not ``exact``."""

    stretch: Stretch
    consumed: int
    exact: bool

    @property
    def left(self) -> int:
        return self.stretch.events - self.consumed


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumption:
    """What is consumed of a replay, as of then.

    ``unknown`` says why nothing can be told, in a sentence; empty if something can. ``gone``: because the subscription is.
    ``consumers``: how many are connected, ``None`` where the store does not tell. ``told``: the subscription on each topic, as
    the store showed it.
    """

    parts: Sequence[PartConsumed]
    as_of: datetime
    consumers: int | None = None
    unknown: str = ""
    gone: bool = False
    told: Mapping[str, Subscription] = field(default_factory=dict, repr=False)

    @property
    def events(self) -> int:
        return sum(part.stretch.events for part in self.parts)

    @property
    def consumed(self) -> int:
        return sum(part.consumed for part in self.parts)

    @property
    def left(self) -> int:
        return self.events - self.consumed

    @property
    def exact(self) -> bool:
        return not self.unknown and all(part.exact for part in self.parts)

    @property
    def all_consumed(self) -> bool:
        return not self.unknown and self.left == 0

    @property
    def slowest(self) -> PartConsumed | None:
        """The part with most left; ``None`` if nothing is left, or there is only one part."""
        left = [part for part in self.parts if part.left]
        return max(left, key=lambda part: part.left) if left and len(self.parts) > 1 else None


def has_consumed(found: Consumption, position: Position) -> bool:
    """Whether the subscription has acknowledged the message here."""
    one = found.told.get(position.topic)
    cursors = [cursor for cursor in one.cursors if cursor.partition == position.partition] if one is not None else []
    return any(places_of(cursor).has(position.token) for cursor in cursors)


def consumption_of(storage: Storage, name: str, stretches: Sequence[Stretch], *, external: bool = False) -> Consumption:
    """Ask the store for the subscription of this name on each topic, and count. Raises ``StoreUnreachable``.

    ``external``: the configuration declares that its positions are kept elsewhere.
    """
    if external:
        return _unknown(stretches, EXTERNAL.format(name))
    subscriptions = subscriptions_of(storage)
    told: dict[str, Subscription] = {}
    for topic in sorted({stretch.topic for stretch in stretches}):
        try:
            told[topic] = subscriptions.named(topic, name)
        except (UnknownSubscription, UnknownTopic):
            return _unknown(stretches, GONE.format(name, topic), gone=True)
    lists = subscriptions.capabilities.lists_consumers
    members = {(topic, one.name) for topic, found in told.items() for one in found.consumers}
    return Consumption(
        parts=consumed_parts(told, stretches),
        as_of=timezone.now(),
        consumers=len(members) if lists else None,
        told=told,
    )


def consumed_parts(told: Mapping[str, Subscription], stretches: Sequence[Stretch]) -> Sequence[PartConsumed]:
    """Return what these subscriptions, by topic, have acknowledged of each stretch: a few queries for all."""
    cursors = {(topic, cursor.partition): cursor for topic, one in told.items() for cursor in one.cursors}
    open_ones = {one for one in stretches if not _is_covered(one, cursors)}
    rows = _rows_of({stretch.topic for stretch in open_ones}) if open_ones else {}
    ordinals = ordinals_in(_asked(open_ones, cursors, rows))
    return [
        PartConsumed(stretch=one, consumed=one.events, exact=True)
        if one not in open_ones
        else _counted(one, cursors.get((one.topic, one.partition)), rows.get((one.topic, one.partition)), ordinals)
        for one in stretches
    ]


def covers(places: Places, behind: str, last: str) -> bool:
    """Whether a cursor has acknowledged everything behind one token up to and including another."""
    if places.mark and last <= places.mark:
        return True
    begin = max(behind, places.mark)
    return any(start <= begin and last <= end for start, end in zip(places.starts, places.ends, strict=True))


def _is_covered(stretch: Stretch, cursors: Mapping[tuple[str, int], Cursor]) -> bool:
    cursor = cursors.get((stretch.topic, stretch.partition))
    return not stretch.events or (cursor is not None and covers(places_of(cursor), stretch.behind, stretch.last))


def _unknown(stretches: Sequence[Stretch], why: str, *, gone: bool = False) -> Consumption:
    parts = [PartConsumed(stretch=stretch, consumed=0, exact=False) for stretch in stretches]
    return Consumption(parts=parts, as_of=timezone.now(), unknown=why, gone=gone)


def _rows_of(topics: set[str]) -> Rows:
    return {(row.topic, row.number): row for row in current_partitions().filter(topic__in=sorted(topics))}


def _asked(
    stretches: Iterable[Stretch], cursors: Mapping[tuple[str, int], Cursor], rows: Rows
) -> Iterator[tuple[IndexedPartition, Position]]:
    for stretch in stretches:
        row, cursor = rows.get((stretch.topic, stretch.partition)), cursors.get((stretch.topic, stretch.partition))
        if row is not None and cursor is not None:
            yield from ((row, place) for place in (*edges_of(cursor), *_bounds(stretch)))


def _bounds(stretch: Stretch) -> Iterator[Position]:
    for token in (stretch.behind, stretch.last):
        if token:
            yield Position(topic=stretch.topic, partition=stretch.partition, token=token)


def _counted(
    stretch: Stretch, cursor: Cursor | None, row: IndexedPartition | None, ordinals: Mapping[Position, int]
) -> PartConsumed:
    if cursor is None:
        return PartConsumed(stretch=stretch, consumed=0, exact=False)
    if not _has_some(places_of(cursor), stretch):
        return PartConsumed(stretch=stretch, consumed=0, exact=True)
    if row is None:
        return PartConsumed(stretch=stretch, consumed=0, exact=False)
    found = [ordinals[place] for place in _bounds(stretch)]
    begin, end = found if stretch.behind else (0, *found)
    handled = sum(max(0, min(end, behind) - max(begin, first)) for first, behind in handled_by(cursor, ordinals))
    others = max(0, end - begin - stretch.events)
    exact = stretch.last <= row.checkpoint and end - begin == stretch.events
    return PartConsumed(stretch=stretch, consumed=min(stretch.events, max(0, handled - others)), exact=exact)


def _has_some(places: Places, stretch: Stretch) -> bool:
    """Whether the cursor has acknowledged anything within the stretch."""
    if places.mark > stretch.behind:
        return True
    return any(end > stretch.behind and start < stretch.last for start, end in zip(places.starts, places.ends, strict=True))
