"""What lies outside of a scope, planted beside what lies within: names and ids that whoever has the scope is never sent."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.auditing import noted
from dashboard.models import Case, Reveal
from eventstore.actions import Actor, Resource, aggregate_resource, subscription_resource, topic_resource
from eventstore.local.models import BuildRow, ValueRow
from eventstore.model.events import NewMessage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays import Kind, What
from tests.people import person
from tests.planted_replay import copied, planted, replay_order
from tests.web.desk import TOPIC, Desk
from tests.web.letters import DEAD
from tests.web.walk.markers import Markers
from tests.web.walk.planted import HELD, MAPPED, ODD, PATIENT, TIME, furnished

HIDDEN = Markers(Markers().seed + 1)
"""Other words than those of personal data."""
_word = HIDDEN.word
ELSEWHERE = _word("a topic")
TYPE = _word("an aggregate type")
READER = _word("a subscription")
OF_TYPE = _word("an id of the type")
IN_TOPIC = _word("an id in the topic")
EVENT = _word("an event's id in the topic")
EVENT_OF_TYPE = _word("an event's id of the type")
EVENT_TYPE = _word("a type of events")
PROJECTION = _word("a projection")
LETTERS, COPIES = f"{ELSEWHERE}-{READER}-DLQ", f"{ELSEWHERE}-replay"
JOBS = {"topic": "aa" * 6, "type": "bb" * 6, "letters": "cc" * 6}
LIMITED, UNLIMITED = "admin", "support"
"""Two roles: the scope is the first one's."""
SCOPES = f"""
[[access.scope]]
roles = ["{LIMITED}"]
topics = ["{TOPIC}", "{ODD}", "{MAPPED}"]
aggregate_types = ["patient", "{MAPPED}"]
[[access.scope]]
roles = ["{UNLIMITED}", "privacy"]
topics = ["*"]
aggregate_types = ["*"]
[[searchable]]
topics = ["{ELSEWHERE}"]
name = "email"
path = "email"
[[projection]]
name = "{PROJECTION}"
purpose = "What lies elsewhere."
topics = ["{ELSEWHERE}"]
subscription = "{READER}"
ways = ["cursor", "generation", "topic"]
replay_topic = "{COPIES}"
"""


@contextmanager
def partly_hidden() -> Iterator[Desk]:
    """The furnished desk with a topic and a type of aggregates that ``LIMITED`` has no scope for."""
    with furnished(more=SCOPES, also=_hide) as desk:
        _told_of(desk)
        yield desk


def hide_elsewhere(desk: Desk) -> None:
    """What lies in no topic of the scope, and all that tells of it, beside what is there already."""
    _hide_topic(desk)
    _told_of(desk)


def _told_of(desk: Desk) -> None:
    _ask(desk)
    _note()
    _reveal()
    build = BuildRow.objects.create(projection=PROJECTION, name="b", live=True)
    ValueRow.objects.create(build=build, key=PATIENT, value="1")


def _hide(desk: Desk) -> None:
    """The topic; and events of another type in the topic that is seen, and among its letters."""
    told = {"aggregatetype": TYPE, "type": f"health.{EVENT_TYPE}"}
    of_type = [_event(f"{EVENT_OF_TYPE}-{number}", OF_TYPE, **told) for number in range(3)]
    desk.log.append(TOPIC, [*of_type, of_type[0]])
    desk.log.append(DEAD, [_with(of_type[1], {"REAL_TOPIC": TOPIC, "REAL_SUBSCRIPTION": "mailer"})])
    _hide_topic(desk)


def _hide_topic(desk: Desk) -> None:
    """A topic with the same customer, a conversation, an id, another type and anomalies as elsewhere, its reader, letters and
    copies."""
    desk.log.create_topic(ELSEWHERE)
    plain = [_event(f"{EVENT}-{number}", IN_TOPIC) for number in range(4)]
    same = [_event("event-0", PATIENT), _event(EVENT, PATIENT, causationid="event-0"), _event(EVENT, PATIENT)]
    other = _event(f"{EVENT_OF_TYPE}-elsewhere", OF_TYPE, aggregatetype=TYPE)
    unread = NewMessage(payload=EVENT.encode(), key=PATIENT, properties={"note": EVENT})
    desk.log.append(ELSEWHERE, [*same, *plain, other, unread])
    desk.index()
    desk.subscribe(READER, topic=ELSEWHERE)
    with desk.subscriptions.consume(ELSEWHERE, READER, type=SubscriptionType.SHARED, consumer=READER) as consumer:
        consumer.receive(limit=1, timeout=5)
    desk.log.create_topic(LETTERS)
    said = {"REAL_TOPIC": ELSEWHERE, "REAL_SUBSCRIPTION": READER, "error": EVENT}
    desk.log.append(LETTERS, [_with(message, said) for message in (*same, *plain)])
    desk.index()
    messages = desk.log.read_forward(ELSEWHERE, 0, limit=3)
    copied(desk.faces, replay_order(ELSEWHERE, messages, subscription=READER), messages, job=JOBS["topic"])
    desk.index()


def _event(id: str, aggregate: str, **more: str) -> NewMessage:
    attributes = {
        "specversion": "1.0",
        "id": id,
        "type": "health.Told",
        "source": "/elsewhere",
        "time": TIME,
        "aggregatetype": "patient",
        "aggregateid": aggregate,
        "correlationid": "conversation-1",
        "causationid": HELD,
        **more,
    }
    payload = json.dumps({"email": f"{id}@example.org"}).encode()
    return NewMessage(payload=payload, key=aggregate, properties={f"ce_{name}": value for name, value in attributes.items()})


def _with(message: NewMessage, more: Mapping[str, str]) -> NewMessage:
    return NewMessage(payload=message.payload, key=message.key, properties={**message.properties, **more})


def _ask(desk: Desk) -> None:
    """Jobs on the topic, on an aggregate of the type, and one that sends letters of it."""
    elsewhere = desk.log.read_forward(ELSEWHERE, 0, limit=3)
    places = [message.position for message in desk.log.read_forward(COPIES, 0, limit=3)]
    named: dict[str, Any] = {"projection": PROJECTION, "subscription": READER, "target": COPIES}
    planted(replay_order(ELSEWHERE, elsewhere, **named), places, job=JOBS["topic"])
    here = desk.log.read_forward(TOPIC, 0, limit=3)
    what = What(kind=Kind.AGGREGATE, aggregate=(TYPE, OF_TYPE))
    planted(replay_order(TOPIC, here, what=what, subscription="mailer"), places, job=JOBS["type"], resource_key="type")
    what = What(kind=Kind.FILTER, topic=TOPIC, filter=f"aggregate:{TYPE}/{OF_TYPE} data.email:x")
    planted(replay_order(TOPIC, here, what=what, subscription="mailer"), places, job=JOBS["letters"], resource_key="letters")


def _note() -> None:
    """Acts on the record: on something outside, or naming it."""
    actor = Actor(name=UNLIMITED, via="page")
    resources: list[tuple[Resource, dict[str, Any]]] = [
        (subscription_resource(ELSEWHERE, READER), {"reason": "SUP-1"}),
        (aggregate_resource(TYPE, OF_TYPE), {"reason": "SUP-1"}),
        (topic_resource(LETTERS), {}),
        (Resource(kind="event", topic=ELSEWHERE, aggregate_type="patient", aggregate_id=PATIENT, name=EVENT), {}),
        (topic_resource(TOPIC), {"source": ELSEWHERE}),
        (topic_resource(TOPIC), {"filter": f"aggregate:{TYPE}/{OF_TYPE}"}),
        (topic_resource(TOPIC), {"places": {"0": f"7@0@{ELSEWHERE}"}}),
    ]
    for resource, details in resources:
        noted(actor, "export_letters", resource, details)


def open_case() -> Case:
    """The case of the one who is limited."""
    now = datetime.now(UTC)
    times = {"opened": now, "ends": now + timedelta(hours=1)}
    return Case.objects.get_or_create(person=person(LIMITED), ticket="SUP-2", reason="asked", defaults=times)[0]


def _reveal() -> None:
    """Reveals of both, in an emergency that nobody has seen, and in a case of the one who is limited."""
    now, case = datetime.now(UTC), open_case()
    given = {"role": "support", "session": "s", "reason": "asked", "ticket": "SUP-1", "begun": now, "ends": now, "case": case}
    for who in (UNLIMITED, LIMITED):
        kept: dict[str, Any] = {**given, "person": person(who), "emergency": True}
        Reveal.objects.create(kind="aggregate", aggregate_type=TYPE, aggregate_id=OF_TYPE, **kept)
        event = {"topic": ELSEWHERE, "aggregate_type": "patient", "aggregate_id": PATIENT, "event_id": EVENT}
        Reveal.objects.create(kind="event", **event, **kept)
