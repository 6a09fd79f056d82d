"""A desk in which the ids of patients are personal, and everything that the desk can show of one of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlencode

from django.test.utils import override_settings
from django.urls import reverse
from msgspec.structs import replace

from dashboard.privacy import handle_of
from eventstore.model.events import NewMessage
from tests.planted import JUNK
from tests.web.desk import NAME, TOPIC, Desk, event
from tests.web.letters import dead_lettered
from tests.web.replaying import DECLARED, PROJECTION, REPLAY_TOPIC, declared, join

ID, OTHER, ABSENT = "m4711rk7", "m4711rk8", "m9999rk9"
"""The ids of two patients, and one that no patient has."""
PERSONAL = """
[masking]
clear_for = ["admin"]

[stories]
"health.PatientRegistered" = "Registered {aggregateid}, {subject}, {key}, {data.patient}"

[[mapping]]
topics = ["patients*"]
key = "personal"
personal_types = ["patient"]
"""
CONFIGURED = DECLARED + PERSONAL


@contextmanager
def personal_desk(desk: Desk, *, masking: str = "") -> Iterator[str]:
    """The desk with personal ids, and the handle of the patient ``ID``."""
    with override_settings(EVENTDESK_HANDLE_KEY="k" * 40), declared(CONFIGURED + masking):
        yield handle_of("patient", ID)


def of_patient(number: int, id: str = ID) -> NewMessage:
    """An event that repeats its patient's id wherever publishers do."""
    made = event(number, key=id)
    more = {"ce_subject": id, "ce_correlationid": id, "ce_causationid": id, "ce_partitionkey": id, "patient": id}
    return replace(made, properties={**made.properties, **more}, payload=b'{"patient": "%s"}' % id.encode())


def furnish_patients(desk: Desk) -> None:
    """Events of two patients, a duplicate, letters, a message that cannot be read, a subscription and a projection."""
    for topic in (TOPIC, REPLAY_TOPIC):
        desk.log.create_topic(topic)
    made = [of_patient(0), of_patient(1), of_patient(1), of_patient(2, OTHER)]
    desk.log.append(TOPIC, [*made, NewMessage(payload=JUNK, key=ID)])
    desk.subscribe()
    join(desk, handled=1)
    join(desk, topic=REPLAY_TOPIC)
    dead_lettered(desk, [5])
    desk.log.append(f"{TOPIC}-{NAME}-DLQ", [of_patient(1)])
    desk.index()


def addresses(handle: str) -> Mapping[str, str]:
    """Addresses of pages that have to do with the patient, in the ways in which the desk asks for them, by a name."""
    return {**of_events(handle), **of_consumers(handle), **of_acts(handle)}


def of_events(handle: str) -> Mapping[str, str]:
    aggregate = reverse("aggregate", args=["patient", handle])
    return {
        "overview": "/",
        "search": f"/aggregates/?q={handle}",
        "search with its type": f"/aggregates/?{urlencode({'q': f'patient {handle}'})}",
        "search for nothing": "/aggregates/?q=nothing",
        "types": "/aggregates/",
        "type": "/aggregates/patient/",
        "type by id": "/aggregates/patient/?order=id",
        "aggregate": aggregate,
        "aggregate, filtered": f"{aggregate}?{urlencode({'filter': f'aggregate:patient/{handle}'})}",
        "topic": f"/topics/{TOPIC}/",
        "topic, filtered": f"/topics/{TOPIC}/?{urlencode({'filter': f'aggregate:{handle}'})}",
        "letters' topic": f"/topics/{TOPIC}-{NAME}-DLQ/",
        "event": "/events/e-0/",
        "event that came twice": "/events/e-1/",
        "anomalies": "/anomalies/duplicate-id/",
        "anomalies of one": f"/anomalies/duplicate-id/?{urlencode({'type': 'patient', 'id': handle})}",
        "unreadable": "/anomalies/unreadable/",
    }


def of_consumers(handle: str) -> Mapping[str, str]:
    subscription = reverse("subscription", args=[TOPIC, NAME])
    return {
        "subscriptions": "/subscriptions/",
        "subscription": subscription,
        "who waits": f"{subscription}?aggregate={handle}",
        "waiting": f"{subscription}waiting/",
        "letters": f"{subscription}dead-letters/",
        "reset": f"{reverse('cursor_reset_new', args=[TOPIC, NAME])}?to=latest",
        "reset's events": f"{reverse('cursor_reset_events', args=[TOPIC, NAME])}?to=latest",
        "skips": f"{reverse('skip_new', args=[TOPIC, NAME])}?skip=all",
        "moves": f"{subscription}moves/",
    }


def of_acts(handle: str) -> Mapping[str, str]:
    of_one = {"aggregate_type": "patient", "aggregate_id": handle}
    replay = {"projection": PROJECTION, "way": "topic"}
    by_filter = {"kind": "filter", "filter": f"aggregate:patient/{handle}"}
    return {
        "tail": f"/topics/{TOPIC}/tail/",
        "tail of one": f"/tail/?{urlencode(of_one)}",
        "tail of one, choosing": f"/tail/?{urlencode({**of_one, 'choose': '1'})}",
        "replay of one": f"/replays/new/?{urlencode({**replay, 'kind': 'aggregate', 'type': 'patient', 'id': handle})}",
        "replay by filter": f"/replays/new/?{urlencode({**replay, **by_filter})}",
        "replay of all": f"/replays/new/?{urlencode({**replay, 'kind': 'everything'})}",
        "replays": "/replays/",
        "jobs": "/jobs/",
        "projection": f"/projections/{PROJECTION}/",
        "audit": "/audit/",
        "audit of one": f"/audit/?{urlencode({'on': f'patient {handle}'})}",
    }
