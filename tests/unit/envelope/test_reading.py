"""CloudEvents read from messages: binary mode, structured JSON, and what fits no envelope."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstore.envelope import read_event
from eventstore.envelope.cloudevents import BinaryAttributes
from tests.unit.messages import CE, DOCUMENT, json, message

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
DEEP = b"[" * 10_000 + b"]" * 10_000


def test_binary_mode_takes_the_attributes_from_the_properties_and_the_data_from_the_payload() -> None:
    attributes = {
        "specversion": "1.0",
        "id": "e-1",
        "type": "EmailChanged",
        "source": "/patients",
        "subject": "patient/4711",
        "time": "2010-10-02T09:20:39.266+02:00",
        "datacontenttype": "application/json",
        "aggregatetype": "patient",
        "aggregateid": "4711",
        "sequence": "7",
        "correlationid": "c-1",
        "causationid": "e-0",
        "tenant": "south",
    }
    properties = {f"ce_{name}": value for name, value in attributes.items()} | {"position": "first", "trace": "t"}
    event = read_event(message(b'{"a": 1}', key="other", properties=properties))
    assert (event.problem, event.notes, event.id_is_position) == ("", (), False)
    assert (event.id, event.type, event.source, event.subject) == ("e-1", "EmailChanged", "/patients", "patient/4711")
    assert (event.aggregate_type, event.aggregate_id, event.sequence) == ("patient", "4711", "7")
    assert (event.correlation_id, event.causation_id, event.content_type) == ("c-1", "e-0", "application/json")
    assert event.time == datetime(2010, 10, 2, 7, 20, 39, 266000, tzinfo=UTC)
    assert event.data == b'{"a": 1}'
    assert event.attributes == attributes


def test_key_and_topic_stand_for_an_aggregate_that_is_not_named() -> None:
    event = read_event(message(key="4711", properties=CE, topic="public/default/patients"))
    assert (event.aggregate_type, event.aggregate_id) == ("patients", "4711")
    assert event.stream is not None
    assert event.stream.topic == "public/default/patients"


def test_a_structured_event_needs_no_property_when_its_payload_is_unmistakable() -> None:
    event = read_event(message(json(DOCUMENT | {"data": {"b": [1, 2]}, "urgent": True, "sequence": 3})))
    assert (event.problem, event.id, event.aggregate_id) == ("", "e-1", "4711")
    assert event.data == b'{"b":[1,2]}'
    assert event.attributes["urgent"] == "true"
    assert event.sequence == "3"
    assert event.content_type == "application/json"


def test_structured_data_is_kept_byte_for_byte() -> None:
    data = b'{ "n": 1.000000000000000000001,\t"n": 1e999, "u": "\\u00fc\\ud800" }'
    document = json(DOCUMENT)[:-1] + b', "data" : ' + data + b' , "subject": null}'
    event = read_event(message(document))
    assert event.data == data
    assert event.problem == ""
    assert "subject" not in event.attributes


def test_attributes_are_the_same_one_by_one_and_all_at_once() -> None:
    attributes = BinaryAttributes({"ce_id": "1", "ce_urgent": "true", "other": "x", "ce": "y", "ce_": "z"})
    assert (
        dict(attributes.items()) == {name: attributes[name] for name in attributes} == {"id": "1", "urgent": "true", "": "z"}
    )
    assert len(attributes) == len(attributes.items()) == 3
    assert attributes == {"id": "1", "urgent": "true", "": "z"} != {"id": "1"}
    assert isinstance(attributes, Mapping)


def test_half_a_surrogate_pair_is_data_like_any_other_but_no_part_of_an_envelope() -> None:
    document = json(DOCUMENT)[:-1] + b',"data":{"a":"\\ud800 \\\\ud800"}%s}'
    assert read_event(message(document % b"")).data == b'{"a":"\\ud800 \\\\ud800"}'
    problem = read_event(message(document % b',"subject":"\\udfff"', properties=STRUCTURED)).problem
    assert problem.endswith("one of its texts is not valid Unicode")
    assert read_event(message(document % b",", properties=STRUCTURED)).problem.startswith(
        "unrecognised format: it is declared"
    )


def test_base64_data_is_decoded() -> None:
    junk = bytes(range(256))
    event = read_event(message(json(DOCUMENT | {"data_base64": base64.b64encode(junk).decode()})))
    assert event.data == junk


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("text/plain", "Grüße".encode()),
        ("application/json", '"Grüße"'.encode()),
        ("application/x+json; v=1", '"Grüße"'.encode()),
    ],
)
def test_a_string_is_text_or_json_as_its_content_type_says(content_type: str, data: bytes) -> None:
    document = json(DOCUMENT | {"datacontenttype": content_type, "data": "Grüße"})
    assert read_event(message(document, properties=STRUCTURED)).data == data


def test_a_structured_event_without_data_has_none() -> None:
    assert read_event(message(json(DOCUMENT))).data == b""


@pytest.mark.parametrize("properties", [{}, STRUCTURED])
def test_a_byte_order_mark_before_a_structured_event_is_left_out(properties: dict[str, str]) -> None:
    event = read_event(message(b"\xef\xbb\xbf" + json(DOCUMENT | {"data": {"x": 1}}), properties=properties))
    assert (event.problem, event.id, event.data) == ("", "e-1", b'{"x":1}')


@pytest.mark.parametrize("spelling", ["content-type", "Content-Type"])
def test_a_declared_structured_event_that_is_none_says_so(spelling: str) -> None:
    event = read_event(message(b"[1]", properties={spelling: "application/cloudevents+json"}))
    assert event.problem.startswith("unrecognised format: it is declared as application/cloudevents+json")


BATCH = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}


def test_a_batch_of_several_events_is_named_for_what_it_is() -> None:
    payload = json([DOCUMENT, DOCUMENT | {"id": "e-2"}])
    event = read_event(message(payload, properties=BATCH))
    assert event.problem == (
        "unrecognised format: it is a batch of 2 CloudEvents in one message, where one event a message can be read"
    )
    assert event.data == payload
    assert "a batch of no CloudEvents" in read_event(message(b"[]", properties=BATCH)).problem


def test_a_batch_of_one_is_its_event() -> None:
    event = read_event(message(b"\xef\xbb\xbf" + json([DOCUMENT | {"data": [1]}]), properties=BATCH))
    assert (event.problem, event.id, event.data) == ("", "e-1", b"[1]")
    assert event.notes[0] == "This event is the only member of a batch of CloudEvents."


@pytest.mark.parametrize("payload", [b"", b"{}", b"null", b"[1,", b"\xff", b"[1]", b'[{"id": {}}]', DEEP, b"[" * 100_000])
def test_what_is_declared_as_a_batch_and_is_none_says_so(payload: bytes) -> None:
    event = read_event(message(payload, properties=BATCH))
    assert event.problem.startswith(
        "unrecognised format: it is declared as application/cloudevents-batch+json, but of its payload"
    )


def test_a_property_called_position_stays_a_property() -> None:
    event = read_event(message(properties=CE | {"position": "1", "ledgerId": "2"}))
    assert event.position.token == "11"
    assert "position" not in event.attributes


@pytest.mark.parametrize("name", ["id", "type", "source", "specversion"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_required_attribute_that_is_missing_or_empty_is_named(name: str, value: str | None) -> None:
    properties = {k: v for k, v in CE.items() if k != f"ce_{name}"} | ({} if value is None else {f"ce_{name}": value})
    event = read_event(message(b"secret", properties=properties))
    assert event.problem == f"unrecognised format: its CloudEvents attribute {name} is missing or empty"
    assert (event.id, event.id_is_position, event.stream) == ("11@0@public/default/patients", True, None)
    assert (event.type, event.attributes, event.data) == ("", {}, b"secret")


def test_another_specversion_fits_no_envelope() -> None:
    assert read_event(message(properties=CE | {"ce_specversion": "0.3"})).problem.endswith("specversion is not 1.0")


def test_an_event_of_nobody_fits_no_envelope() -> None:
    assert read_event(message(key=None, properties=CE)).problem == "unrecognised format: it has neither aggregateid nor a key"
    assert read_event(message(key="", properties=CE)).problem == "unrecognised format: it has neither aggregateid nor a key"


@pytest.mark.parametrize("name", ["id", "type", "aggregatetype", "aggregateid", "correlationid", "causationid", "sequence"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\x00b", "control characters"),
        ("a\nb", "control characters"),
        ("a\x85b", "control characters"),
        ("a\ud800b", "surrogate"),
        ("x" * 1025, "longer than 1,024 bytes of UTF-8"),
    ],
)
def test_what_no_database_or_url_could_hold_fits_no_envelope(name: str, value: str, said: str) -> None:
    event = read_event(message(properties=CE | {f"ce_{name}": value}))
    assert said in event.problem
    assert value not in event.problem


@pytest.mark.parametrize(
    "value", ["x" * 1024, "a/b", "%2F", "..", "~ ~", "👩‍👩‍👧 \u202e", "<script>alert(1)</script>", "\u2028"]
)
def test_hostile_texts_are_ids_like_any_other(value: str) -> None:
    event = read_event(message(properties=CE | {"ce_id": value, "ce_aggregateid": value, "ce_type": value}))
    assert (event.problem, event.id, event.aggregate_id, event.type) == ("", value, value, value)


def test_both_spellings_of_the_correlation_are_read() -> None:
    assert read_event(message(properties=CE | {"ce_correlation_id": "c"})).correlation_id == "c"
    assert read_event(message(properties=CE | {"ce_correlation_id": "c", "ce_correlationid": "d"})).correlation_id == "d"


@pytest.mark.parametrize(
    "members",
    [
        {"id": {"a": 1}},
        {"type": [1]},
        {"tenant": {}},
        {"data": 1, "data_base64": "AA=="},
        {"data_base64": "not base64!"},
        {"data_base64": 5},
    ],
)
def test_a_declared_document_against_the_rules_fits_no_envelope(members: dict[str, Any]) -> None:
    event = read_event(message(json(DOCUMENT | members), properties=STRUCTURED))
    assert event.problem.startswith(
        "unrecognised format: it is declared as application/cloudevents+json, but of its payload: "
    )


def test_data_that_is_nested_deeply_is_kept_in_every_mode() -> None:
    assert read_event(message(DEEP, properties=CE)).data == DEEP
    document = json(DOCUMENT)[:-1] + b',"data":' + DEEP + b',"sub\\u006aect":"s"}'
    event = read_event(message(document))
    assert (event.problem, event.data, event.subject) == ("", DEEP, "s")


@pytest.mark.parametrize("data", [b"[" * 20_000, DEEP[:-1] + b"}", DEEP + b"]", b'{"a":' * 20_000, b"[" * 2_000_000])
def test_data_that_is_nested_deeply_and_broken_fits_no_envelope(data: bytes) -> None:
    event = read_event(message(json(DOCUMENT)[:-1] + b',"data":' + data + b"}", properties=STRUCTURED))
    assert event.problem.startswith("unrecognised format: ")


@pytest.mark.parametrize(
    "payload", [b"", b"\x00\xff\xfe", b"{", b"null", b'{"specversion"', b'\xff{"specversion":"1.0"}', DEEP]
)
def test_what_fits_no_envelope_keeps_its_bytes_and_says_why(payload: bytes) -> None:
    event = read_event(message(payload, properties={"trace": "t"}))
    assert event.data == payload
    assert event.problem == (
        "unrecognised format: it has no ce_ properties, its payload is not CloudEvents JSON, "
        "and the configuration has no mapping for its topic"
    )


@pytest.mark.parametrize("filler", [b"a", b"\\u00e4", b"[],", b'\\"'])
def test_five_megabytes_are_read_like_any_payload(filler: bytes) -> None:
    text = filler * (5_000_000 // len(filler))
    data = b"[" + text[:-1] + b"]" if filler == b"[]," else b'"' + text + b'"'
    event = read_event(message(json(DOCUMENT)[:-1] + b',"data":' + data + b"}"))
    assert (event.problem, event.data == data) == ("", True)
