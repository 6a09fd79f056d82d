"""The generation way: a new subscription ``name-v<N+1>`` reads everything from the first event, beside the old one.

The old subscription is not touched. A run that begins again finds what it has made, and makes the rest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from eventstore.jobs import Progress, Worker
from eventstore.model.errors import StoreRefused, UnknownSubscription
from eventstore.model.log import Edge
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Cursor, Subscription, Subscriptions, SubscriptionType
from eventstore.replays.order import Bounds, ReplayOrder
from eventstore.replays.ways.followed import follow_to_end
from eventstore.replays.ways.state import WayState

THERE = "{topic} has a subscription {name} already. Discard it, or plan the replay again for the next generation."
NOT_FIRST = (
    "{name} was made on {topic}, but does not stand at the first event of partition {partition}. Discard it, and plan the "
    "replay again."
)


def replay_to_generation(
    storage: Storage,
    order: ReplayOrder,
    topics: Sequence[str],
    job: str,
    checkpoint: Mapping[str, Any],
    worker: Worker,
    *,
    external: bool = False,
) -> Mapping[str, Any]:
    """Make the subscription ``order.target`` on each of these topics, those without an event included. Then follow it to the
    frozen end; return facts for the record.

    ``external`` as for ``follow_to_end``. Raises ``StoreRefused`` where there is one of that name, or where it does not stand
    at the first event.
    """
    state = WayState.of(checkpoint)
    there = subscriptions_of(storage)
    worker.save(state.as_json(), _progress(order, state))
    if not state.begun:
        for topic in topics:
            if _named(there, topic, order.target) is not None:
                raise StoreRefused(THERE.format(topic=topic, name=order.target))
        state.begun = True
        worker.save(state.as_json(), _progress(order, state))
    for topic in topics:
        if topic not in state.ready:
            _make(there, order, topic, state)
            worker.save(state.as_json(), _progress(order, state))
    facts = follow_to_end(storage, order, job, state, worker, external=external)
    return {"generation": order.target, **facts}


def _make(there: Subscriptions, order: ReplayOrder, topic: str, state: WayState) -> None:
    """Type and properties are those of the old one. Where that is gone, the type is shared, which admits any number."""
    old = _named(there, topic, order.subscription)
    known = old is not None and old.type is not SubscriptionType.UNKNOWN
    made = there.create(
        topic,
        order.target,
        type=old.type if old is not None and known else SubscriptionType.SHARED,
        start=Edge.EARLIEST,
        properties=old.properties if old is not None else {},
    )
    for cursor in made.cursors:
        if _is_behind_first(order.topics.get(topic, {}).get(cursor.partition), cursor) and not made.consumers:
            raise StoreRefused(NOT_FIRST.format(name=order.target, topic=topic, partition=cursor.partition))
        state.note_ready(topic, cursor.partition)


def _is_behind_first(bounds: Bounds | None, cursor: Cursor) -> bool:
    """Whether the first event will not be delivered. A consumer that came at once may have handled it by now."""
    return bounds is not None and cursor.acknowledged is not None and bounds.first_token <= cursor.acknowledged.token


def _named(there: Subscriptions, topic: str, name: str) -> Subscription | None:
    try:
        return there.named(topic, name)
    except UnknownSubscription:
        return None


def _progress(order: ReplayOrder, state: WayState) -> Progress:
    given = sum(bounds.events for topic, partition, bounds in order.each() if state.is_ready(topic, partition))
    return Progress(done=given, total=order.looked_at)
