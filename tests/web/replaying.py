"""A desk with a projection that takes every way: what the tests of replays share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.test.utils import override_settings

from dashboard import gateway
from eventstore.actions import Actor, Confirmation
from eventstore.config.loading import parse_config
from eventstore.jobs import Job
from eventstore.model.log import Ends, Log
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays import Kind, ReplayPlan, Way, What
from tests.web.desk import TOPIC, Desk

PROJECTION, REPLAY_TOPIC = "app-timeline", f"{TOPIC}-replay"
DECLARED = f"""
[replays]
approval_above = 5
events_a_day = 40

[[projection]]
name = "{PROJECTION}"
purpose = "What patients see in the app."
topics = ["{TOPIC}"]
subscription = "{PROJECTION}"
ways = ["cursor", "generation", "topic"]
replay_topic = "{REPLAY_TOPIC}"

[projection.side_effects]
"health.Mail*" = "sends a mail"
"""
EVERYTHING = What(kind=Kind.EVERYTHING)
OF_4711 = What(kind=Kind.AGGREGATE, aggregate=("patient", "4711"))


@contextmanager
def declared(text: str = DECLARED) -> Iterator[None]:
    """The desk with this configuration."""
    with override_settings(EVENTDESK=parse_config(text, "replays.toml")):
        gateway.close()  # the next use opens it with these settings
        try:
            yield
        finally:
            gateway.close()


def furnish(desk: Desk, *, mine: int = 3, others: int = 4) -> None:
    """Events of the patient 4711 and of others, all handled by the projection, and a replay topic that it reads."""
    desk.log.create_topic(REPLAY_TOPIC)
    desk.publish(mine)
    desk.publish(others, key="other-{}", start=mine)
    join(desk, handled=mine + others)
    join(desk, topic=REPLAY_TOPIC)


def join(desk: Desk, *, topic: str = TOPIC, handled: int = 0, type: SubscriptionType = SubscriptionType.FAILOVER) -> None:
    """Make the projection's subscription, and handle so many events."""
    with desk.subscriptions.consume(topic, PROJECTION, type=type, consumer="timeline-1") as consumer:
        for message in consumer.receive(limit=handled, timeout=5) if handled else ():
            consumer.acknowledge(message.position)


def plan(desk: Desk, what: What = OF_4711, way: Way = Way.TOPIC, **more: Any) -> ReplayPlan:
    faces = desk.faces
    return faces.replay_plans.plan(faces.replay_plans.aim(faces.projections.get(PROJECTION), way, what, **more))


def confirm(desk: Desk, plan: ReplayPlan, by: str = "support", *, since: int = 2**40, **more: Any) -> Job:
    """Confirm it as this person."""
    faces = desk.faces
    aim = faces.replay_plans.aim(plan.projection, plan.way, plan.what, until=plan.until, ticket="SUP-8812")
    confirmation = Confirmation(digest=plan.digest, since=since)
    told: dict[str, Any] = {"reason": "A document is missing", "read": [one.danger.value for one in plan.grave], **more}
    return faces.replay_plans.confirm(Actor(name=by), aim, confirmation=confirmation, **told)


def trim(desk: Desk, events: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the store says that retention has removed so many events: the embedded one removes none."""
    first = desk.log.read_forward(TOPIC, 0, limit=events + 1)[-1].position
    told = type(desk.log).ends

    def ends(log: Log, topic: str) -> Sequence[Ends]:
        return [replace(one, first=first) if one.first and one.topic == first.topic else one for one in told(log, topic)]

    monkeypatch.setattr(type(desk.log), "ends", ends)
