"""Two of each thing of a store, one inside and one outside of everybody's scope, and the addresses of both."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from django.urls import URLPattern

from dashboard.models import Role
from dashboard.rendering.url_segments import segment
from eventstore.actions import Actor, Confirmation
from eventstore.config.people import AccessScope
from eventstore.jobs import Job
from eventstore.model import NewMessage
from eventstore.replays import Kind, Way, What
from tests.databases import filled_once
from tests.people import person
from tests.web.desk import NAME, TOPIC, Desk, event
from tests.web.letters import dead_lettered
from tests.web.limits import access
from tests.web.replaying import declared

ROLES = [str(role) for role in Role if role]
ELSEWHERE, SHIPPER = "orders", "shipper"
PROJECTION = """
[[projection]]
name = "{name}"
purpose = "What they see in the app."
topics = ["{topic}"]
subscription = "{subscription}"
ways = ["cursor", "generation", "topic"]
replay_topic = "{topic}-replay"
"""
CONFIG = (
    "[reveals]\nemergency = true\n"
    + PROJECTION.format(name="app", topic=TOPIC, subscription=NAME)
    + PROJECTION.format(name="shop", topic=ELSEWHERE, subscription=SHIPPER)
)
SCOPE = AccessScope(roles=tuple(ROLES), topics=(TOPIC,), aggregate_types=("patient",))


@dataclass(frozen=True, kw_only=True)
class Things:
    """What addresses name, by the names of their parts."""

    parts: dict[str, str]
    event: str
    job: str
    at: str

    def address(self, route: URLPattern) -> str:
        pattern = str(route.pattern)
        own = {"id": self.event} if pattern.startswith("events/") else {}
        own |= {"id": self.job} if pattern.startswith(("jobs/", "replays/")) else {}
        own |= {"id": "1"} if pattern.startswith(("cases/", "reveals/", "tokens/")) else {}
        own |= {"name": self.parts["projection"]} if pattern.startswith("projections/") else {}
        parts = {**self.parts, **own}
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: segment(parts[found[1]]), pattern)

    def query(self, text: str) -> str:
        named = {**self.parts, "event": self.event, "at": self.at}
        return text.format(**{name: quote(value, safe="") for name, value in named.items()})


@dataclass(frozen=True, kw_only=True)
class Walked:
    desk: Desk
    inside: Things
    outside: Things
    missing: Things
    """Of what exists nowhere, by names that no scope has."""


MADE: dict[str, Things] = {}
"""What is in the store of every walk of this process."""


@contextmanager
def walked(desk: Desk) -> Iterator[Walked]:
    with declared(CONFIG):
        filled_once("two of each thing", lambda: MADE.update(_two_of_each(desk)), ["default", "index", "store"])
        here, there = MADE["inside"], MADE["outside"]
        gone = {name: f"no-such-{value}" for name, value in there.parts.items()}
        nowhere = there.at.replace(ELSEWHERE, "no-such")
        missing = Things(parts=gone, event="no-such-o-0", job="0123456789ab", at=nowhere)
        with access(scope=(SCOPE,)):
            yield Walked(desk=desk, inside=here, outside=there, missing=missing)


def _two_of_each(desk: Desk) -> Mapping[str, Things]:
    for role in (*ROLES, ""):
        person(role)
    inside = _made(desk, TOPIC, NAME, "patient", "app", event)
    outside = _made(desk, ELSEWHERE, SHIPPER, "order", "shop", _order)
    dead_lettered(desk, [0])
    return {"inside": inside, "outside": outside}


def _made(desk: Desk, topic: str, name: str, type: str, projection: str, make: Any) -> Things:
    desk.log.create_topic(topic)
    desk.log.create_topic(f"{topic}-replay")
    positions = desk.log.append(topic, [make(number) for number in range(2)])
    desk.index()
    desk.subscribe(name, topic=topic)
    desk.subscribe(name, topic=f"{topic}-replay")
    return Things(
        parts={"topic": topic, "name": name, "type": type, "id": "4711", "kind": "unreadable", "patient": "4711"}
        | {"projection": projection, "generation": f"{name}-v2"},
        event=make(0).properties["ce_id"],
        job=_replay(desk, projection, type).id,
        at=positions[0].encode(),
    )


def _order(number: int) -> NewMessage:
    of = event(number)
    own = {"ce_id": f"o-{number}", "ce_aggregatetype": "order"}
    return NewMessage(payload=of.payload, key=of.key, properties={**of.properties, **own})


def _replay(desk: Desk, projection: str, type: str) -> Job:
    plans = desk.faces.replay_plans
    aim = plans.aim(desk.faces.projections.get(projection), Way.TOPIC, What(kind=Kind.AGGREGATE, aggregate=(type, "4711")))
    plan = plans.plan(aim)
    asked = replace(aim, until=plan.until, ticket="SUP-1")
    read = [one.danger.value for one in plan.grave]
    confirmation = Confirmation(digest=plan.digest, since=2**40)
    return plans.confirm(Actor(name="admin"), asked, confirmation=confirmation, reason="SUP-1", read=read)


NAMED = Things(
    parts={"topic": TOPIC, "name": NAME, "type": "patient", "id": "4711", "kind": "unreadable", "patient": "4711"}
    | {"projection": "app", "generation": f"{NAME}-v2"},
    event="e-0",
    job="0123456789ab",
    at="",
)


def address(route: URLPattern) -> str:
    """The route with names of things of a usual test's desk."""
    return NAMED.address(route)
