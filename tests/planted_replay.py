"""A replay for pages: its job's row, and its copies in a replay topic that a subscription reads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils import timezone

from eventstore.actions import subscription_resource
from eventstore.desk import Desk
from eventstore.jobs import State
from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import resource_json
from eventstore.model.events import Message, NewMessage, Position, TopicKind
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays import Bounds, Kind, ReplayOrder, Way, What
from eventstore.replays.order import REPLAY_ID, REPLAY_OF, mark_of
from eventstore.replays.watching import LOOKS, TARGET, Looks, Stretch, target_json
from tests.parts import subscriptions_of

JOB = "0123456789ac"
READER = "app-timeline"


def replay_order(topic: str, messages: Sequence[Message], *, target: str = "", **more: Any) -> ReplayOrder:
    """Copies of these messages of partition 0, which are all that aggregate 4711 has."""
    first, last = messages[0].position.token, messages[-1].position.token
    bounds = Bounds(first=0, end=len(messages), first_token=first, last_token=last)
    given: dict[str, Any] = {
        "projection": READER,
        "way": Way.TOPIC,
        "what": What(kind=Kind.AGGREGATE, aggregate=("patient", "4711")),
        "topics": {topic: {0: bounds}},
        "subscription": READER,
        "target": target or f"{topic}-replay",
        "events": len(messages),
        "aggregates": 1,
        "ticket": "SUP-8812",
        "digest": "9f31c2" + "0" * 58,
    }
    return ReplayOrder(**{**given, **more})


def copied(desk: Desk, order: ReplayOrder, messages: Sequence[Message], *, job: str = JOB) -> Sequence[Position]:
    """Send these messages' copies to the replay topic, which a subscription reads from its first event on."""
    assert desk.log.create_topic(order.target).kind is TopicKind.REPLAY
    there = subscriptions_of(desk.store)
    there.create(order.target, READER, type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    return desk.log.append(order.target, [_copy(message, job) for message in messages])


def planted(
    order: ReplayOrder, places: Sequence[Position], *, state: State = State.RUNNING, job: str = JOB, **columns: Any
) -> JobRow:
    """The job of this order, which has sent these copies. ``events``: as if there were so many of them."""
    looks: Mapping[str, Any] = columns.pop("looks", Looks()).as_json()
    events = columns.pop("events", len(places))
    order = replace(order, events=events) if events > len(places) else order
    stretch = Stretch(topic=order.target, partition=0, behind="", last=places[-1].token, events=events)
    now = timezone.now()
    given: dict[str, Any] = {
        "id": job,
        "kind": "replay_events",
        "state": state,
        "resource": resource_json(subscription_resource(next(iter(order.topics)), READER)),
        "resource_key": "planted",
        "arguments": json.dumps(order.as_json()),
        "checkpoint": json.dumps({TARGET: target_json([stretch]), LOOKS: looks}),
        "total": order.events,
        "done": events,
        "asker": "support",
        "via": "page",
        "reason": "Document missing in the app",
        "asked": now,
        "started": now,
        "seen": now,
        "leased_until": now,
    }
    return JobRow.objects.create(**{**given, **columns})


def _copy(message: Message, job: str) -> NewMessage:
    marks = {REPLAY_ID: job, REPLAY_OF: mark_of(message.position)}
    return NewMessage(payload=message.payload, key=message.key, properties={**message.properties, **marks})
