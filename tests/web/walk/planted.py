"""The store that the walk goes through: markers wherever a publisher may write something about a person."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test.utils import override_settings

from eventstore.config.loading import parse_config
from eventstore.letters import KEEPER
from eventstore.model.errors import EventStoreError
from eventstore.model.events import NewMessage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.model.topic_details import Function, FunctionError, Functions, Told, TopicDetails
from eventstore.replays import Kind, What
from tests.databases import filled_once
from tests.planted_replay import JOB, copied, planted, replay_order
from tests.unit.messages import gzipped
from tests.web.desk import HASH_KEY, NAME, TOPIC, Desk, opened_desk
from tests.web.letters import DEAD
from tests.web.masking import deep
from tests.web.test_topic_details import TOLD
from tests.web.walk.markers import MARKERS, Markers

PATIENT, OTHER = "4711", "4712"
ODD = "odd-ones"
"""A topic of messages that no envelope fits, or not quite."""
MAPPED = "registrations"
PROJECTION = "app-timeline"
REPLAYS = f"{TOPIC}-replay"
HELD = "event-held"
"""The id of the event at which the subscription stands: it looks different from all before it."""
CONFIG = f"""
[masking]
clear_for = []

[[masking.rule]]
path = "data.about.code"
show = "plain"
[[masking.rule]]
path = "data.about.email"
show = "hash"

[[masking.rule]]
path = "data.about.phone"
show = "last4"
[[masking.rule]]
path = "data.about.born"
show = "year"

[[masking.rule]]
path = "data.about.*"
show = "hidden"
[[masking.rule]]
path = "data.deep.**"
show = "plain"
[[masking.rule]]
path = "attributes.nurse"
show = "hash"

[[masking.rule]]
path = "properties.from"
show = "last4"

[[masking.rule]]
path = "key"
show = "hash"

[topics]
ordered = ["{TOPIC}"]

[[mapping]]
topics = ["{MAPPED}"]
key = "personal"
type = {{ from = "value", value = "Registered" }}
aggregate_id = {{ from = "json", path = "number" }}
subject = {{ from = "json", path = "person.name" }}
extensions.tenant = {{ from = "property", name = "tenant" }}

[[searchable]]
topics = ["{TOPIC}"]
name = "email"
path = "email"
[[searchable]]
topics = ["{TOPIC}"]
name = "city"
path = "city"
hashed = false

[[projection]]
name = "{PROJECTION}"
purpose = "What patients see in the app."
topics = ["{TOPIC}"]
subscription = "{NAME}"
ways = ["cursor", "generation", "topic"]
replay_topic = "{REPLAYS}"

[stories]
"health.Registered" = "{{data.name}} of {{data.address.street}} registered by {{subject}} for {{nurse}}"
"health.Listed" = "Listed {{data.names}} and {{data.people}} of {{data.missing}}"
"health.Counted" = "{{data.name.length(@)}} signs, {{data.missing || name}}"
"""
TIME = "2024-05-01T09:00:00Z"


@contextmanager
def furnished(markers: Markers = MARKERS, *, more: str = "", also: Callable[[Desk], object] = id) -> Iterator[Desk]:
    """The desk with everything planted, filled once a process, in the configuration that shows least, and more of both."""
    config = parse_config(CONFIG + more, "walk.toml")
    with override_settings(EVENTDESK=config, EVENTDESK_HASH_KEY=HASH_KEY), opened_desk() as desk:
        filled_once(("walk", markers.seed, more), lambda: also(_furnish(desk, markers)))
        _ask_for_replay(desk, markers)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(desk.faces.store), "details", _Told(markers.word("a function's error")))
            yield desk


class _Told:
    """A store that tells what is around a topic: here a function whose last error quotes a payload."""

    def __init__(self, error: str) -> None:
        failed = FunctionError(at=datetime.now(UTC), text=f"cannot read {error}")
        echo = Function(name="echo", reads_this=True, writes_this=False, instances=1, running=0, failed=1, errors=[failed])
        self.told = replace(TOLD, functions=Told(value=Functions(functions=[echo], more=0)))

    def of(self, topic: str) -> TopicDetails:
        return self.told


def _furnish(desk: Desk, markers: Markers) -> Desk:
    """Publish and index everything, with a subscription that stands, dead letters, and a replay's copies."""
    word = markers.word
    desk.log.create_topic(TOPIC)
    positions = desk.log.append(TOPIC, [*_ordinary(markers), _held(markers), *_ordinary(markers, start=20)])
    desk.log.create_topic(ODD)
    for odd in _odd(markers):
        with suppress(EventStoreError):  # what the embedded store refuses to hold cannot come out of it
            desk.log.append(ODD, [odd])
    desk.log.create_topic(MAPPED)
    person: dict[str, Any] = {"number": word("a personal id"), "person": {"name": word("data.person.name")}}
    properties = {"tenant": word("properties.tenant"), word("a property's name, mapped"): "1"}
    for key in (word("key, mapped"), word("a personal id")):
        desk.log.append(MAPPED, [NewMessage(payload=_json(person), key=key, properties=properties)])
    desk.index()
    desk.subscribe(handled=10)
    _deliver(desk)
    _dead_letter(desk, markers, positions)
    messages = desk.log.read_forward(TOPIC, 0, limit=3)
    copied(desk.faces, replay_order(TOPIC, messages, subscription=NAME), messages)
    desk.index()
    return desk


def _deliver(desk: Desk) -> None:
    """A consumer takes the next event and never acknowledges it."""
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="worker-1") as consumer:
        consumer.receive(limit=1, timeout=5)


def _ordinary(markers: Markers, start: int = 0) -> list[NewMessage]:
    types = ("health.Registered", "health.Listed", "health.Counted", "health.Told")
    return [_event(markers, f"event-{number}", types[number % 4]) for number in range(start, start + 10)]


def _event(markers: Markers, id: str, type: str, **more: str) -> NewMessage:
    word = markers.word
    attributes = {
        "specversion": "1.0",
        "id": id,
        "type": type,
        "source": f"/{word('source')}",
        "subject": word("subject"),
        "time": TIME,
        "aggregatetype": "patient",
        "aggregateid": PATIENT if id != "event-1" else OTHER,
        "correlationid": "conversation-1",
        "causationid": "event-0",
        "dataschema": f"urn:{word('dataschema')}",
        "sequence": word("sequence"),
        "nurse": word("attributes.nurse"),
        "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
        word("an extension's name").lower(): "1",
        **more,
    }
    properties = {f"ce_{name}": value for name, value in attributes.items() if value}
    properties |= {
        "from": f"{word('properties.from')}-4711",
        word("a property's name"): "1",
        "__MSG_PROP_X": word("a store's property"),
    }
    return NewMessage(payload=_json(_payload(word)), key=word("key"), properties=properties)


def _payload(word: Any) -> Mapping[str, Any]:
    return {
        "name": word("data.name"),
        "email": f"{word('data.email, a hashed value')}@example.org",
        "city": word("data.city, a value kept as text"),
        "address": {"street": word("data.address.street")},
        "names": [word("data.names[]"), word("data.names[1]")],
        "people": [{"name": word("data.people[].name")}],
        word("a field's name"): {word("a nested field's name"): True},
        "about": {
            "code": "E11.9",
            "email": f"{word('data.about.email, shown as a mark')}@example.org",
            "phone": f"{word('data.about.phone, shown by its last four')}-4711",
            "born": "1953-04-02",
            "other": word("data.about.other"),
            "code2": word("data.about.code2"),
        },
        "accents": f"Ä{word('behind an accent')}ß",
        "note": f'<b>{word("in markup")}</b> & "{word("in quotes")}"',
    }


def _held(markers: Markers) -> NewMessage:
    """An event that differs from those before it in fields, kinds of values, and properties."""
    usual = _event(markers, HELD, "health.Registered")
    word = markers.word
    payload = {**_payload(word), "name": [word("data.name, a list")], word("a new field's name"): word("a new field's value")}
    del payload["address"]
    properties = {**usual.properties, word("a new property's name"): word("a new property's value")}
    properties["ce_datacontenttype"] = f"application/{word('a type of content, of the held event')}+json"
    return NewMessage(payload=_json(payload), key=usual.key, properties=properties)


def _odd(markers: Markers) -> list[NewMessage]:
    """Messages that make a reader complain; what it complains of holds a marker."""
    word = markers.word
    usual = dict(_event(markers, "odd", "health.Registered").properties)

    def with_(meaning: str, value: str = "", **changes: str) -> NewMessage:
        said = {f"ce_{name}": text.replace("WORD", word(meaning)) for name, text in changes.items()}
        return NewMessage(payload=_json(_payload(word)), key=word(meaning), properties={**usual, **said, "x": value})

    document = {"specversion": "1.0", "id": "m", "type": "T", "source": "/s", "aggregateid": PATIENT}
    member = _json({**document, "data": {"x": word("a member's data")}})
    bad_member = _json({**document, "id": None, "time": word("a bad member's time")})
    batch = b"[" + member + b"," + bad_member + b"," + _json(word("a member that is none")) + b"]"
    return [
        with_("a time that is none", time="WORD"),
        with_("a version that is none", specversion="WORD"),
        with_("a type of content", datacontenttype="WORD/json; charset=WORD"),
        with_("a coding of content", contentencoding="WORD"),
        with_("an id that is missing", id="", type="", source="WORD"),
        NewMessage(payload=f'{{"open": "{word("broken JSON")}'.encode(), key=PATIENT, properties=usual),
        NewMessage(payload=word("a text").encode(), key=word("key of a text"), properties={"p": word("property of a text")}),
        NewMessage(payload=b"\xff\xfe" + word("bytes").encode(), key=None, properties=usual | {"ce_id": "bytes"}),
        NewMessage(payload=word("UTF-16").encode("utf-16"), key="k", properties=usual | {"ce_datacontenttype": "text/plain"}),
        NewMessage(payload=gzipped(_json(word("gzipped"))), key="k", properties=usual | {"ce_contentencoding": "gzip"}),
        NewMessage(payload=f"<a>{word('XML')}</a>".encode(), key="k", properties=usual | {"ce_datacontenttype": "text/xml"}),
        NewMessage(payload=deep(word("a value 600 objects deep")), key="k", properties=usual | {"ce_id": "deep"}),
        NewMessage(payload=b"{}", key=f'{{"id": "{word("a key in JSON")}"}}', properties=usual | {"ce_id": "json-key"}),
        NewMessage(payload=member, key="k", properties={"content-type": "application/cloudevents+json"}),
        NewMessage(payload=batch, key="k", properties={"content-type": "application/cloudevents-batch+json"}),
        NewMessage(payload=_json({**document, "id": [word("an id, a list")]}), key="k", properties={}),
        NewMessage(payload=_json({**document, "data_base64": word("base64 that is none") + "!"}), key="k", properties={}),
    ]


def _dead_letter(desk: Desk, markers: Markers, positions: Any) -> None:
    """Letters as Java's client writes them, with reasons, of the first events, and one of an event that is nowhere."""
    desk.log.create_topic(DEAD)
    letters = []
    for number, name in enumerate(("EXCEPTION_MESSAGE", "x-exception", "error")):
        of = _event(markers, f"event-{number}", "health.Registered")
        said = {
            "ORIGIN_MESSAGE_ID": positions[number].label,
            "REAL_TOPIC": TOPIC,
            "REAL_SUBSCRIPTION": NAME,
            "RECONSUMETIMES": "3",
            name: f"cannot send to {markers.word(f'a reason in {name}')}",
        }
        letters.append(replace_properties(of, said))
    stray = _event(markers, "stray", "health.Registered")
    letters.append(replace_properties(stray, {"REAL_TOPIC": markers.word("a letter's topic"), "error": markers.word("error")}))
    desk.log.append(DEAD, letters)
    desk.index()
    desk.subscribe(KEEPER, topic=DEAD)


def replace_properties(message: NewMessage, more: Mapping[str, str]) -> NewMessage:
    return NewMessage(payload=message.payload, key=message.key, properties={**message.properties, **more})


def _ask_for_replay(desk: Desk, markers: Markers) -> None:
    """The job of the replay that has sent the copies: support has asked for it by a filter on a name."""
    messages = desk.log.read_forward(TOPIC, 0, limit=3)
    places = [message.position for message in desk.log.read_forward(REPLAYS, 0, limit=3)]
    what = What(kind=Kind.FILTER, topic=TOPIC, filter=f'data.name="{markers.word("data.name")}"')
    order = replay_order(TOPIC, messages, projection=PROJECTION, subscription=NAME, what=what)
    planted(order, places, job=JOB)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
