"""The page that helps to write masking rules: fields without values, what a viewer sees of them, and rules that load."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test.utils import override_settings

from dashboard import gateway
from dashboard.masking import latest
from eventstore.config.loading import parse_config
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from tests.web.desk import HASH_KEY, TOPIC, Desk, attribute, event, opened_desk, text
from tests.web.walk.markers import Markers

TYPE = "health.PatientRegistered"
PAYLOAD = {
    "name": "Erika Mustermann",
    "birthDate": "1964-08-12",
    "contact": {"email": "erika@example.org", "phone": "+49 30 1234567"},
    "insurance": {"number": "A123456780"},
    "visits": [{"practice": "p-1", "ok": True, "minutes": 12}],
    "status": "open",
    'odd."name"': "x",
}


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        opened.log.create_topic(TOPIC)
        yield opened


def publish(desk: Desk, *payloads: Any, type: str = TYPE) -> None:
    messages = [event(number, type=type) for number in range(len(payloads))]
    desk.log.append(
        TOPIC,
        [
            NewMessage(
                payload=payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
                key=message.key,
                properties={**message.properties, "ce_tenant": "north", "trace": "t-1"},
            )
            for message, payload in zip(messages, payloads, strict=True)
        ],
    )
    desk.index()


def shown(desk: Desk, role: str = "admin", **query: str) -> HttpResponse:
    return desk.get(f"/masking/?{urlencode(query)}", role)


def fields(answer: HttpResponse) -> dict[str, str]:
    """What a viewer sees, by path."""
    return dict(zip(attribute(answer, "data-path"), attribute(answer, "data-show"), strict=True))


def rules(answer: HttpResponse) -> str:
    return attribute(answer, "data-copy")[-1]


def test_one_chooses_a_topic_then_a_type_and_sees_its_fields(desk: Desk) -> None:
    publish(desk, PAYLOAD, PAYLOAD)
    first = shown(desk)
    assert "Choose a topic" in text(first) and f'value="{TOPIC}"' in first.content.decode()
    second = shown(desk, topic=TOPIC)
    assert attribute(second, "data-type") == [TYPE]
    assert f'href="?{urlencode({"topic": TOPIC, "type": TYPE}).replace("&", "&amp;")}"' in second.content.decode()
    seen = shown(desk, topic=TOPIC, type=TYPE)
    assert list(fields(seen))[:3] == ["attributes.source", "attributes.tenant", "data.birthDate"]
    assert set(fields(seen).values()) == {"hidden"}
    assert "In all 2 events of this type" in text(seen)
    assert "a date of birth by name a date of birth by its values" in text(seen)


def test_no_value_is_on_the_page(desk: Desk) -> None:
    markers = Markers()
    word = markers.word
    publish(desk, *[{"name": word("name"), "list": [word("item")], "by": {f"{word('key')}@example.org": 1}}] * 3)
    for query in ({}, {"topic": TOPIC}, {"topic": TOPIC, "type": TYPE}):
        answer = shown(desk, **query)
        assert answer.status_code == 200
        assert markers.found_in(answer.content) == []
    assert "data.by.*" in fields(answer)


def test_the_rules_load_as_they_are_and_with_every_line_uncommented(desk: Desk) -> None:
    publish(desk, PAYLOAD)
    offered = rules(shown(desk, topic=TOPIC, type=TYPE))
    whole = re.sub(r"(?m)^# (?=\[\[masking|topic =|type =|path =|show =)", "", offered)
    assert whole != offered
    for config in (offered, whole):
        parse_config(config, "offered.toml")
    treated = {rule["path"]: rule["show"] for rule in tomllib.loads(whole)["masking"]["rule"]}
    assert treated["data.birthDate"] == "year"
    assert treated["data.contact.email"] == "hash"
    assert treated["data.contact.phone"] == "last4"
    assert treated["data.name"] == "hidden"
    assert treated["data.status"] == treated["data.visits[].minutes"] == "plain"
    assert "plain" not in {rule["show"] for rule in tomllib.loads(offered)["masking"]["rule"]}


def test_rules_that_are_in_force_decide_what_a_viewer_sees_and_are_not_offered_again(desk: Desk) -> None:
    publish(desk, PAYLOAD)
    offered = rules(shown(desk, topic=TOPIC, type=TYPE))
    whole = re.sub(r"(?m)^# (?=\[\[masking|topic =|type =|path =|show =)", "", offered)
    whole = whole.replace('path = "data.name"\nshow = "hidden"', 'path = "data.name"\nshow = "plain"')
    with override_settings(EVENTDESK=parse_config(whole, "walk.toml"), EVENTDESK_HASH_KEY=HASH_KEY):
        gateway.close()
        seen = shown(desk, topic=TOPIC, type=TYPE)
        assert fields(seen)["data.birthDate"] == "year"
        assert "Each of these fields has a rule." in text(seen)
        assert attribute(seen, "data-exposed") == ["1"], "the name is shown to everybody"
        gateway.close()


def test_each_page_says_what_is_missing(desk: Desk) -> None:
    assert "No event with a type" in text(shown(desk, topic=TOPIC))
    publish(desk, b"no JSON", {"a": 1})
    assert "No event of this type" in text(shown(desk, topic=TOPIC, type="Other"))
    assert "1 payload is not JSON" in text(shown(desk, topic=TOPIC, type=TYPE))
    assert shown(desk, topic="nowhere").status_code == 404
    for number in ("0", "x", "1001", "-1"):
        wrong = shown(desk, topic=TOPIC, type=TYPE, last=number)
        assert (wrong.status_code, "from 1 to 1,000" in text(wrong)) == (400, True)


def test_only_so_many_events_and_bytes_are_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(desk, *({"n": number} for number in range(120)))
    assert attribute(shown(desk, topic=TOPIC, type=TYPE, last="7"), "data-looked") == ["7"]
    assert attribute(shown(desk, topic=TOPIC, type=TYPE), "data-looked") == ["120"]
    monkeypatch.setattr(latest, "MOST_BYTES", 100)
    assert 0 < int(attribute(shown(desk, topic=TOPIC, type=TYPE), "data-looked")[0]) < 20
    monkeypatch.setattr(latest, "MOST_READ", 5)
    assert "None of the last 5 events" in text(shown(desk, topic=TOPIC, type="Other"))


def test_while_the_store_is_away_it_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(desk, PAYLOAD)

    def away(*_: object, **__: object) -> Any:
        raise StoreUnreachable("Pulsar does not answer.")

    for name in ("topics", "topic", "read_backward", "page", "latest"):
        if hasattr(type(desk.log), name):
            monkeypatch.setattr(type(desk.log), name, away)
    assert shown(desk, topic=TOPIC, type=TYPE).status_code == 503


def test_the_page_is_found_beside_the_record_by_those_who_may_open_it(desk: Desk) -> None:
    assert ['href="/masking/"' in desk.get("/audit/", role).content.decode() for role in ("privacy", "auditor")] == [
        True,
        False,
    ]


def test_event_ids_that_tell_the_personal_id_of_their_aggregate_are_counted(desk: Desk) -> None:
    ids = ["4711", "4711-3", "order/4711", "47110", "x4711", "e-1"]
    said = {"ce_specversion": "1.0", "ce_source": "/", "ce_type": TYPE}
    said |= {"ce_aggregatetype": "patient", "ce_aggregateid": "4711"}
    desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="4711", properties={**said, "ce_id": id}) for id in ids])
    desk.index()
    assert attribute(shown(desk, topic=TOPIC, type=TYPE), "data-own-ids") == []
    personal = f'[[mapping]]\ntopics = ["{TOPIC}"]\nkey = "personal"\npersonal_types = ["patient"]\n'
    with override_settings(EVENTDESK=parse_config(personal, "personal.toml"), EVENTDESK_HANDLE_KEY=HASH_KEY):
        gateway.close()
        answer = shown(desk, topic=TOPIC, type=TYPE)
    assert attribute(answer, "data-own-ids") == ["3"]
    assert "3 event ids hold the personal id of their aggregate" in text(answer)
