"""Who has had one aggregate's events: the subscriptions of their topics, with how many of the events each still has to get."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from eventstore.config.projections import Projection
from eventstore.erasure.copies import CopiesIn
from eventstore.index.lookup.ordinals import Ranges
from eventstore.index.lookup.stream_keys import Stretch, count_within, stretches_in
from eventstore.index.models import StreamRow
from eventstore.model.errors import EventStoreError, StoreUnreachable
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Subscription
from eventstore.subscriptions.progress import Reached, reach

MOST_RANGES = 1_000
"""Ranges of waiting events in which a stream's events are counted exactly. With more, the count is a bound."""
AWAY = "The store does not answer, so nothing is known of its subscriptions."
EXTERNAL = "Its consumers keep their positions elsewhere, as the configuration declares."
UNTOLD = "The store tells nothing of this subscription in some of the partitions."

ProjectionOf = Callable[[str, str], Projection]
IsExternal = Callable[[str, str], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """One subscription of a topic with events of the aggregate, as of then.

    ``waiting``: how many of the ``events`` it still has to get; the others it has acknowledged, or they were passed over.
    ``None`` where that cannot be told: ``unknown`` says why. ``projection`` names the declared one that it builds.
    ``of_the_store``: it belongs to the store, such as the one that copies the topic to another cluster (``kind``).
    """

    topic: str
    name: str
    kind: str
    of_the_store: bool
    projection: str
    events: int
    waiting: int | None
    unknown: str
    as_of: datetime
    copies: bool = False
    """Its topic holds copies of the aggregate's events, which ``events`` then counts."""

    @property
    def done(self) -> int | None:
        return None if self.waiting is None else self.events - self.waiting


@dataclass(frozen=True, kw_only=True, slots=True)
class Readers:
    """``problems``: the topics whose subscriptions the store does not tell, and why."""

    readers: Sequence[Reader]
    problems: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """What is asked of the store, and how a subscription is declared."""

    storage: Storage
    projection_of: ProjectionOf
    is_external: IsExternal


def readers_of(asking: Asking, topics: Iterable[str], type: str, id: str, copies: Iterable[CopiesIn] = ()) -> Readers:
    """Ask the store for the subscriptions of these topics, and of those with ``copies``, and count what each has had."""
    if asking.storage.subscriptions is None:
        return Readers(readers=[], problems=[("", "This store has no subscriptions.")])
    found: list[Reader] = []
    problems: list[tuple[str, str]] = []
    for topic in sorted(set(topics)):
        streams = {number: stretch for (number, _), stretch in stretches_in(topic, id, type).items()}
        there, problem = _told(asking.storage, topic)
        found += [_of_events(asking, one, streams) for one in there]
        problems += [(topic, problem)] if problem else []
    for each in copies:
        there, problem = _told(asking.storage, each.topic) if not each.gone else ((), "")
        found += [_of_copies(asking, one, each) for one in there]
        problems += [(each.topic, problem)] if problem else []
    return Readers(readers=found, problems=problems)


def _told(storage: Storage, topic: str) -> tuple[Sequence[Subscription], str]:
    """The subscriptions of the topic, or why the store does not tell them."""
    try:
        return subscriptions_of(storage).of_topic(topic), ""
    except EventStoreError as error:
        return (), AWAY if isinstance(error, StoreUnreachable) else str(error)


def _of_events(asking: Asking, one: Subscription, streams: Mapping[int, Stretch]) -> Reader:
    counts = {row.pk: row.events for row in StreamRow.objects.filter(pk__in=[each.stream for each in streams.values()])}
    external = asking.is_external(one.topic, one.name)
    waiting, unknown = (None, EXTERNAL) if external else _waiting(one, streams, counts)
    return _reader(asking, one, sum(counts.values()), waiting, unknown)


def _of_copies(asking: Asking, one: Subscription, copies: CopiesIn) -> Reader:
    reached = reach(one)
    if asking.is_external(one.topic, one.name):
        waiting, unknown = None, EXTERNAL
    elif _untold(one, reached, copies.ordinals):
        waiting, unknown = None, UNTOLD
    else:
        waits = [at in reached[number].waiting for number, ordinals in copies.ordinals.items() for at in ordinals]
        waiting, unknown = sum(waits), ""
    return replace(_reader(asking, one, copies.copies, waiting, unknown), copies=True)


def _reader(asking: Asking, one: Subscription, events: int, waiting: int | None, unknown: str) -> Reader:
    projection = asking.projection_of(one.topic, one.name)
    return Reader(
        topic=one.topic,
        name=one.name,
        kind=one.kind.value,
        of_the_store=one.kind.of_the_store,
        projection=projection.name if projection.declared else "",
        events=events,
        waiting=waiting,
        unknown=unknown,
        as_of=timezone.now(),
    )


def _untold(one: Subscription, reached: Reached, partitions: Iterable[int]) -> bool:
    """Whether the store, or the index, tells nothing of some of these partitions."""
    told = {cursor.partition for cursor in one.cursors if cursor.told}
    return any(number not in reached or number not in told for number in partitions)


def _waiting(one: Subscription, streams: Mapping[int, Stretch], counts: Mapping[int, int]) -> tuple[int | None, str]:
    reached = reach(one)
    if _untold(one, reached, streams):
        return None, UNTOLD
    waits = 0
    for number, stretch in streams.items():
        found = _count_in(stretch, reached[number].waiting)
        if found is None:
            return None, f"Its acknowledgements have more than {MOST_RANGES:,} holes in a partition."
        waits += min(found, counts.get(stretch.stream, 0))
    return waits, ""


def _count_in(stretch: Stretch, ranges: Ranges) -> int | None:
    """Count the stream's events in these ranges: all at once, however many events; ``None`` if there are too many ranges."""
    return None if len(ranges.parts) > MOST_RANGES else count_within(stretch, ranges.parts)
