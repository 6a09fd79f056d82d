"""The events that wait behind a subscription's cursors: page by page, those of one aggregate, and of how many aggregates.

What waits is everything that no cursor has acknowledged, by ordinals. So a page costs the same however long the backlog is.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from eventstore.index.lookup.ordinals import aggregates_in
from eventstore.index.lookup.pointers import PlaceOf, pointers_at, published_at
from eventstore.index.lookup.stream_keys import Stretch, ordinals_on, page_number, stretches_in
from eventstore.model.events import NO_TIME, Page
from eventstore.model.merge import BEGINNING, Item, MergeSource, encode_page_token, merge
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import Subscription
from eventstore.subscriptions.progress import Reach, Reached, reach

MOST_BLOCKS = 96
"""Blocks in which aggregates are counted: some 25,000 events, or one block of each partition. Takes some 50 milliseconds."""
MOST_EDGES = 500
"""Partitions whose first and last waiting events are looked at for the times between which events wait."""
MOST_OF_AGGREGATE = 1_000
"""Waiting events of one aggregate that are looked for in one partition."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingSummary:
    """What waits, as far as it is indexed. ``oldest`` and ``newest`` are publish times, ``None`` where unknown.

    ``aggregates`` were found in the first ``looked_at`` events. If these are fewer than ``events``, there may be more.
    """

    events: int
    oldest: datetime | None
    newest: datetime | None
    aggregates: int
    looked_at: int

    @property
    def at_once(self) -> bool:
        """All of it was published within one second."""
        return self.oldest is not None and self.newest is not None and self.newest - self.oldest < timedelta(seconds=1)

    @property
    def exact(self) -> bool:
        return self.looked_at >= self.events


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingOfAggregate:
    """An aggregate's events in the topic that wait. ``first`` is the one that waits longest; ``at_least``: there may be
    more."""

    type: str
    id: str
    events: int = 0
    first: Pointer | None = None
    at_least: bool = False


def first_waiting(subscription: Subscription, limit: int, partitions: Set[int] | None = None) -> list[Pointer]:
    """Do as ``next_waiting``, for all or for these partitions of a subscription: where one stands still, its first event is
    what holds it."""
    if partitions is not None:
        cursors = [cursor for cursor in subscription.cursors if cursor.partition in partitions]
        subscription = replace(subscription, cursors=cursors)
    return next_waiting(reach(subscription), limit)


def next_waiting(reached: Reached, limit: int) -> list[Pointer]:
    """Return the events that are received next, at most ``limit``: the next one of each partition first, the oldest of those
    first, and then each one's second, and so on."""
    waiting = [there for there in reached.values() if there.cursor.backlog and len(there.waiting)]
    each = limit if len(waiting) < limit else 1
    ranked = [
        (rank, (there.partition.pk, ordinal))
        for there in waiting
        for rank, ordinal in enumerate(islice(there.waiting.ordinals(), each))
    ]
    published = published_at(place for _, place in ranked)
    known = [(rank, published[place][1], place) for rank, place in ranked if place in published]
    return pointers_at([place for _, _, place in sorted(known)[:limit]])


def waiting_page(reached: Reached, page_token: str | None, limit: int) -> Page[Pointer]:
    """Return a page of the waiting events, oldest first, merged over the partitions by publish time.

    ``newer`` leads on to the page after it, ``older`` back. A place in a partition is an ordinal, so a page stays where it is
    while the cursor moves: it then shows only what still waits there.
    """
    sources = {str(number): _source(there) for number, there in reached.items() if len(there.waiting)}
    start = page_token or encode_page_token("newer", dict.fromkeys(sources, BEGINNING))
    page = merge(sources, start, limit)
    return Page(items=pointers_at(list(reversed(page.items))), newer=page.newer, older=page.older)


def _source(there: Reach) -> MergeSource[PlaceOf]:
    """How ``merge`` reads what waits in one partition. Places are ordinals."""

    def items(ordinals: Iterable[int], limit: int) -> list[Item[PlaceOf]]:
        places = [(there.partition.pk, ordinal) for ordinal in islice(ordinals, limit)]
        published = published_at(places)
        return [Item(place=str(at[1]), time=published[at][1], value=at) for at in places if at in published]

    def forward(place: str | None, inclusive: bool, limit: int) -> list[Item[PlaceOf]]:
        return items(there.waiting.ordinals(0 if place is None else page_number(place) + (not inclusive)), limit)

    def backward(place: str | None, limit: int) -> list[Item[PlaceOf]]:
        return items(there.waiting.ordinals_back(None if place is None else page_number(place)), limit)

    return MergeSource(forward=forward, backward=backward)


def waiting_summary(reached: Reached) -> WaitingSummary:
    """Count what waits: events exactly, by ordinals, and aggregates as far as a bounded look goes."""
    waiting = {there.partition.pk: there.waiting for there in reached.values() if len(there.waiting)}
    edges = [(row, edge) for row, ranges in waiting.items() for edge in ranges.edges]
    times = [published for _, published in published_at(edges[: 2 * MOST_EDGES]).values() if published != NO_TIME]
    found = aggregates_in(waiting, MOST_BLOCKS)
    return WaitingSummary(
        events=sum(len(ranges) for ranges in waiting.values()),
        oldest=min(times, default=None),
        newest=max(times, default=None),
        aggregates=found.aggregates,
        looked_at=found.events,
    )


def waiting_of_aggregate(reached: Reached, topic: str, id: str, type: str = "") -> Sequence[WaitingOfAggregate]:
    """Return what waits of the aggregates with this id in the topic, by type; without a type, of each that has the id."""
    found: dict[str, WaitingOfAggregate] = {}
    for (number, each), stretch in sorted(stretches_in(topic, id, type).items()):
        there = reached.get(number)
        waits, at_least = _of_stream(there, stretch) if there else ([], False)
        before = found.get(each) or WaitingOfAggregate(type=each, id=id)
        first = _earlier(before.first, next(iter(pointers_at([(stretch.partition, at) for at in waits[:1]])), None))
        found[each] = replace(before, events=before.events + len(waits), first=first, at_least=before.at_least or at_least)
    return list(found.values())


def waiting_of(reached: Reached, pointers: Sequence[Pointer]) -> Sequence[Pointer]:
    """Return those of these events of the topic that wait."""
    there = [(reached.get(pointer.position.partition), pointer) for pointer in pointers]
    return [pointer for known, pointer in there if known is not None and pointer.ordinal in known.waiting]


def _of_stream(there: Reach, stretch: Stretch) -> tuple[list[int], bool]:
    """Return the ordinals of a stream's events that wait, and whether there may be more."""
    begin = next(there.waiting.ordinals(), None)
    if begin is None:
        return [], False
    ordinals = ordinals_on(stretch, begin, MOST_OF_AGGREGATE + 1)
    waits = [ordinal for ordinal in ordinals if ordinal in there.waiting]
    return waits[:MOST_OF_AGGREGATE], len(ordinals) > MOST_OF_AGGREGATE


def _earlier(one: Pointer | None, other: Pointer | None) -> Pointer | None:
    known = [pointer for pointer in (one, other) if pointer is not None]
    return min(known, key=lambda pointer: pointer.published, default=None)
