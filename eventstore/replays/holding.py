"""What a replay keeps others from, beside its own resource; and of which types of aggregates it takes events."""

from collections.abc import Iterable, Sequence

from eventstore.actions import AGGREGATE, Resource, subscription_resource
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.tables.extents import types_in
from eventstore.jobs import Job
from eventstore.replays.order import Kind, ReplayOrder, Way
from eventstore.replays.watching import reader_of, readings_of


def held_by(job: Job) -> Sequence[Resource]:
    """Return every subscription that the replay moves, makes or reads what is consumed by: of each topic that it takes, or of
    the replay topic. If somebody moved or deleted one meanwhile, skipped events would count as consumed."""
    order = ReplayOrder.of(job.arguments)
    pairs = set(readings_of(order))
    if order.way in (Way.CURSOR, Way.GENERATION):
        pairs.add((job.resource.topic, reader_of(order)))  # that topic may have no event, so the order may not name it
    return [subscription_resource(topic, name) for topic, name in sorted(pairs)]


def types_taken(job: Job) -> Sequence[Resource]:
    """Return the types of aggregates of which it takes events, as far as the index tells: of a whole range all types that the
    topics have."""
    order = ReplayOrder.of(job.arguments)
    return [Resource(kind=AGGREGATE, aggregate_type=type) for type in _types(order) if type]


def _types(order: ReplayOrder) -> Iterable[str]:
    if order.what.kind is Kind.AGGREGATE:
        return [order.what.aggregate[0]]
    places = [(one.build, at) for _, _, one in order.each() for at in one.ordinals or ()]
    if order.what.kind is Kind.EVENT and all(one.ordinals is not None for _, _, one in order.each()):
        return sorted({pointer.aggregate_type for pointer in pointers_at(places)})
    return types_in(order.topics)
