"""An event as JSON for scripts: whole for those who see values, masked for others, and readable whatever it contains."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from dashboard.privacy import AccessProfile
from dashboard.rendering import event_json
from dashboard.rendering.event_json import DEEPEST, MOST_BYTES, event_as_json
from eventstore.config.loading import parse_config
from eventstore.drivers.unfolding.members import unfold
from eventstore.envelope import read_event
from eventstore.model.events import NO_TIME, Event
from eventstore.search import mark_of
from tests.batches import DECLARED, PLAIN, in_a_batch
from tests.unit.messages import CE, message

ALL = AccessProfile(name="support", sees_values=True)
LITTLE = AccessProfile(name="viewer", sees_values=False)
BINARY = {**CE, "ce_datacontenttype": "application/json", "ce_aggregatetype": "patient", "ce_aggregateid": "4711"}


def an_event(payload: bytes = b'{"name": "Erika"}', *, key: str | None = "4711", **extra: str) -> Event:
    return read_event(message(payload, key=key, properties={**BINARY, **extra}))


def shown(event: Event, profile: AccessProfile = ALL) -> dict[str, Any]:
    text = event_as_json(event, profile)
    msgspec.json.decode(text)  # a strict parser takes it as well
    return dict(json.loads(text))


def test_an_event_is_whole() -> None:
    event = an_event(
        ce_correlationid="c1", ce_causationid="e0", ce_subject="S", ce_time="2026-01-31T09:00:00+01:00", other="no"
    )
    assert shown(event) == {
        "id": "e-1",
        "type": "PatientRegistered",
        "source": "/patients",
        "time": "2026-01-31T08:00:00Z",
        "aggregatetype": "patient",
        "aggregateid": "4711",
        "correlationid": "c1",
        "causationid": "e0",
        "topic": "public/default/patients",
        "partition": 0,
        "position": event.position.encode(),
        "published": "2026-01-31T09:20:39Z",
        "key": "4711",
        "attributes": {"datacontenttype": "application/json", "subject": "S"},
        "data": {"name": "Erika"},
    }


def test_a_member_of_a_batch_says_which_it_is_to_everybody() -> None:
    whole = message(in_a_batch([PLAIN | {"id": "one"}, PLAIN | {"id": "two", "data": {"n": 2}}]).payload, properties=DECLARED)
    found = [shown(read_event(one), profile) for profile in (ALL, LITTLE) for one in unfold([whole])]
    assert [(one["id"], one["member"], one["members"]) for one in found] == [("one", 1, 2), ("two", 2, 2)] * 2
    assert found[1]["data"] == {"n": 2}


def test_a_viewer_gets_ids_types_and_times_and_the_names_of_what_is_hidden() -> None:
    event = an_event(b'{"name": "Erika"}', ce_patientname="Erika", ce_subject="Erika")
    masked = shown(event, LITTLE)
    assert masked["masked"] == ["source", "orderingkey", "attributes", "data"]
    assert (masked["id"], masked["aggregateid"], masked["key"]) == ("e-1", "4711", "4711")
    assert not set(masked) & {"source", "attributes", "data", "data_base64"}
    assert b"Erika" not in event_as_json(event, LITTLE)
    assert b"patientname" not in event_as_json(event, LITTLE)


def test_a_key_that_is_no_aggregates_id_is_hidden_from_a_viewer() -> None:
    masked = shown(an_event(key="Erika Mustermann"), LITTLE)
    assert "key" not in masked
    assert masked["masked"] == ["source", "key", "orderingkey", "attributes", "data"]


def test_an_ordering_key_is_hidden_from_a_viewer_unless_it_is_the_aggregates_id() -> None:
    beside = read_event(replace(message(properties=CE), ordering_key="order-7"))
    alone = read_event(replace(message(properties=CE, key=None), ordering_key="order-7"))
    assert [shown(event)["orderingkey"] for event in (beside, alone)] == ["order-7", "order-7"]
    assert "orderingkey" not in shown(beside, LITTLE)
    assert shown(beside, LITTLE)["masked"] == ["source", "orderingkey", "attributes", "data"]
    assert (shown(alone, LITTLE)["orderingkey"], shown(alone, LITTLE)["aggregateid"]) == ("order-7", "order-7")
    assert shown(alone, LITTLE)["masked"] == ["source", "key", "attributes", "data"]


def test_what_a_viewer_gets_does_not_say_whether_there_is_a_value() -> None:
    full, bare = an_event(b'{"a": 1}', ce_subject="s"), an_event(b"")
    assert event_as_json(full, LITTLE) == event_as_json(bare, LITTLE)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":1.10,"a":2}',
        b"[]",
        b"null",
        b" {}\n",
        b'"text"',
        b"123456789012345678901234567890",
        b'{"\xc3\xbc":"\xe2\x82\xac"}',
        b"[" * 9 + b"]" * 9,
    ],
)
def test_json_goes_in_as_it_is_written(payload: bytes) -> None:
    assert b'"data":' + payload in event_as_json(an_event(payload), ALL)
    assert shown(an_event(payload))["data"] == json.loads(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"plain",
        b"\xff\xfe\x00",
        b'{"a":',
        b'{"a":1}{"b":2}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'],"frame":0,"events":[',
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b"[" * 100_000,
        b'{"a":' + b"9" * 5_000 + b"}",
    ],
)
def test_what_could_trip_a_parser_goes_in_as_base64(payload: bytes) -> None:
    found = shown(an_event(payload))
    assert "data" not in found
    assert base64.b64decode(found["data_base64"]) == payload


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * (DEEPEST + 1) + b'"' + b'\\"' * 300_000,
        b"[" * (DEEPEST + 1) + b'"x' * 250_000,
        b"[{" * 200_000,
        b'{"' + b"\\" * 600_000,
    ],
)
def test_a_payload_made_to_be_slow_is_dealt_with_like_any_other(payload: bytes) -> None:
    """An earlier version searched from every quotation mark, which would take hours here."""
    assert len(payload) <= MOST_BYTES
    assert "data" not in shown(an_event(payload))


def test_brackets_in_a_text_with_escapes_do_not_count_and_those_around_it_do() -> None:
    text = b'"' + b'[{\\"\\\\' * 60 + b'"'
    for levels in (DEEPEST, DEEPEST + 1):
        found = shown(an_event(b"[" * levels + text + b"]" * levels))
        assert ("data" in found) == (levels == DEEPEST)


def test_many_brackets_side_by_side_or_in_a_text_are_not_deep() -> None:
    for payload in (b"[" + b",".join([b"[]"] * 500) + b"]", b'"' + b"[{" * 500 + b'\\""'):
        assert "data" in shown(an_event(payload))


def test_a_payload_that_says_it_is_text_is_not_taken_for_a_number() -> None:
    assert "data_base64" in shown(an_event(b"12", ce_datacontenttype="text/plain"))
    assert shown(an_event(b"12", ce_datacontenttype="application/vnd.x+json; charset=utf-8"))["data"] == 12


def test_a_tombstone_and_an_encrypted_payload_are_said_to_be_so() -> None:
    event = an_event(b"")
    tombstone = shown(msgspec.structs.replace(event, message=msgspec.structs.replace(event.message, null=True)))
    assert tombstone["tombstone"] is True
    assert not set(tombstone) & {"data", "data_base64"}
    event = an_event(b"{}")
    encrypted = shown(msgspec.structs.replace(event, message=msgspec.structs.replace(event.message, encrypted=True)))
    assert (encrypted["encrypted"], "data" in encrypted) == (True, False)


def test_what_fits_no_envelope_says_why_and_names_no_aggregate() -> None:
    found = shown(read_event(message(b"raw", key="k")))
    assert found["problem"].startswith("unrecognised format")
    assert "aggregateid" not in found
    assert (found["id"], found["key"]) == (found["position"], "k")
    masked = shown(read_event(message(b"raw", key="k")), LITTLE)
    assert masked["problem"] == found["problem"]
    assert "key" not in masked


def test_half_of_a_surrogate_pair_breaks_nothing() -> None:
    event = read_event(message(b"{}", key="a\ud800b"))
    assert shown(event)["key"] == "a\ufffdb"


@pytest.mark.parametrize("payload", [b'"' + b"x" * MOST_BYTES + b'"', b"\xff" * MOST_BYTES])
def test_of_an_event_beyond_all_bounds_its_ids_types_and_times_are_left(payload: bytes) -> None:
    event = an_event(payload)
    found = shown(event)
    assert found["left_out"] == ["source", "key", "orderingkey", "attributes", "data"]
    assert (found["id"], found["position"]) == ("e-1", event.position.encode())
    assert len(event_as_json(event, ALL)) < 1_000
    assert "left_out" not in shown(event, LITTLE)


def test_a_time_is_written_in_utc() -> None:
    event = msgspec.structs.replace(an_event(), time=datetime(2026, 1, 1, tzinfo=UTC))
    assert shown(event)["time"] == "2026-01-01T00:00:00Z"


def test_a_time_that_is_unknown_is_left_out() -> None:
    timeless = msgspec.structs.replace(message(b"{}", properties=BINARY), published=NO_TIME)
    assert not set(shown(read_event(timeless))) & {"time", "published"}


def test_an_event_that_cannot_be_written_has_only_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(event: Event) -> bool:
        if not event.problem:
            raise KeyError("secret payload")
        return False

    monkeypatch.setattr(event_json, "_is_safe_json", fail)
    event = an_event()
    found = shown(event)
    assert found["id"] == event.position.encode()
    assert "KeyError" in found["problem"]
    assert "secret" not in found["problem"]


RULES = """
[[masking.rule]]
path = "data.title"
show = "plain"
[[masking.rule]]
path = "data.person.born"
show = "year"
[[masking.rule]]
path = "data.email"
show = "hash"
[[masking.rule]]
path = "attributes.region"
show = "last4"
[[masking.rule]]
path = "key"
show = "hash"
"""


def test_a_script_gets_what_the_rules_show_and_is_told_where_something_is_left_out(settings: Any) -> None:
    settings.EVENTDESK = parse_config(RULES, "masking.toml")
    payload = b'{"title": "Letter", "person": {"born": "1953-04-02", "name": "Erika"}, "email": "e@x.org", "HIV": true}'
    found = shown(an_event(payload, key="other", ce_region="europe-west", ce_subject="Erika"), LITTLE)
    assert found["data"] == {"title": "Letter", "person": {"born": "1953"}, "email": mark_of("e@x.org")}
    assert (found["attributes"], found["key"]) == ({"region": "…west"}, mark_of("other"))
    assert found["masked"] == ["source", "key", "orderingkey", "attributes", "data"]
    assert "problem" not in found and "Erika" not in str(found) and "HIV" not in str(found)


def test_whatever_a_payload_is_the_rules_show_no_more_of_it(settings: Any) -> None:
    settings.EVENTDESK = parse_config(RULES, "masking.toml")
    for payload in (b"", b"secret", b'["secret"]', b'{"title": {"x": "secret"}}', b'{"title": ["secret"', b"\xff", b"null"):
        found = shown(an_event(payload), LITTLE)
        assert "secret" not in str(found) and "data_base64" not in found, payload
