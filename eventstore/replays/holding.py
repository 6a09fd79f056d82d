"""What a replay keeps others from, beside its own resource."""

from collections.abc import Sequence

from eventstore.actions import Resource, subscription_resource
from eventstore.jobs import Job
from eventstore.replays.order import ReplayOrder, Way
from eventstore.replays.watching import reader_of, readings_of


def held_by(job: Job) -> Sequence[Resource]:
    """Return every subscription that the replay moves, makes or reads what is consumed by: of each topic that it takes, or of
    the replay topic. If somebody moved or deleted one meanwhile, skipped events would count as consumed."""
    order = ReplayOrder.of(job.arguments)
    pairs = set(readings_of(order))
    if order.way in (Way.CURSOR, Way.GENERATION):
        pairs.add((job.resource.topic, reader_of(order)))  # that topic may have no event, so the order may not name it
    return [subscription_resource(topic, name) for topic, name in sorted(pairs)]
