"""CloudEvents whose attributes are properties under other prefixes than ``ce_``, and what counts if there are several sets."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.envelope import read_event
from tests.examples import examples
from tests.unit.envelope.test_mapping import mappings
from tests.unit.messages import CE, json, message

ATTRIBUTES = {name.removeprefix("ce_"): value for name, value in CE.items()}


def spelled(prefix: str, **more: str) -> dict[str, str]:
    return {prefix + name: value for name, value in (ATTRIBUTES | more).items()}


@pytest.mark.parametrize(
    "prefix", ["ce_", "ce-", "cloudEvents_", "cloudEvents:", "CE_", "Ce-", "cloudevents:", "CLOUDEVENTS_"]
)
def test_attributes_are_found_under_the_prefix_of_every_binding(prefix: str) -> None:
    more = {"time": "2026-01-31T09:20:39Z", "subject": "s", "tenant": "south", "aggregateid": "a-1"}
    event = read_event(message(key="k", properties=spelled(prefix, **more) | {"contentType": "application/json"}))
    assert (event.problem, event.notes, event.id, event.type) == ("", (), "e-1", "PatientRegistered")
    assert (event.source, event.subject, event.aggregate_id) == ("/patients", "s", "a-1")
    assert (event.content_type, dict(event.attributes)) == ("application/json", ATTRIBUTES | more)


def test_names_in_capitals_are_the_same_attributes() -> None:
    properties = {name.upper(): value for name, value in spelled("ce_", correlationid="c").items()}
    event = read_event(message(properties=properties))
    assert (event.problem, event.id, event.correlation_id) == ("", "e-1", "c")
    assert event.attributes["correlationid"] == "c"


def test_values_that_are_all_written_as_json_are_read_as_their_texts() -> None:
    properties = {name: f'"{value}"' for name, value in CE.items()} | {
        "ce_subject": "null",
        "contentType": '"application/json"',
    }
    event = read_event(message(properties=properties))
    assert (event.problem, event.id, event.type, event.source) == ("", "e-1", "PatientRegistered", "/patients")
    assert (event.subject, event.content_type) == ("", "application/json")
    assert event.attributes == ATTRIBUTES


def test_values_that_spring_declares_as_json_are_read_as_their_texts_and_no_others() -> None:
    types = json({"ce_source": "java.net.URI", "ce_time": "java.time.OffsetDateTime"}).decode()
    written = {"ce_source": '"\\/patients"', "ce_time": '"2026-01-31T09:20:38Z"', "ce_subject": '"quoted"'}
    event = read_event(message(properties=CE | written | {"spring_json_header_types": types}))
    assert (event.problem, event.notes) == ("", ())
    assert (event.source, event.time.second, event.subject) == ("/patients", 38, '"quoted"')


def test_a_time_of_amqp_counts_milliseconds_and_one_that_spring_declares_as_json_seconds() -> None:
    when = datetime(2026, 11, 29, 9, 0, 0, 123000, tzinfo=UTC)
    event = read_event(message(properties=spelled("cloudEvents_", time="1795942800123")))
    assert (event.time, event.notes, event.attributes["time"]) == (when, (), "1795942800123")
    types = json({"ce-time": "java.time.OffsetDateTime"}).decode()
    spring = spelled("ce-", time="1795942800.123000000") | {"spring_json_header_types": types}
    assert (read_event(message(properties=spring)).time, read_event(message(properties=spring)).notes) == (when, ())
    kafka = read_event(message(properties=spelled("ce_", time="1795942800123")))
    assert kafka.notes == ("The event's time is not an RFC 3339 time: the publish time stands in for it.",)


@pytest.mark.parametrize("declared", ["", "{", "[]", "null", '{"\\ud800": 1}', "[" * 10_000, '{"a": 1}' * 50_000])
def test_a_list_of_json_values_that_is_none_is_no_obstacle(declared: str) -> None:
    assert read_event(message(properties=CE | {"spring_json_header_types": declared})).problem == ""


def test_of_two_envelopes_the_one_with_ce_and_an_underscore_counts_and_a_difference_is_noted() -> None:
    event = read_event(message(properties=spelled("ce-") | {"ce-id": "e-2"} | CE))
    assert (event.problem, event.id) == ("", "e-1")
    assert event.notes[0] == "The properties hold two envelopes that differ: the one with ce_ counts, not the one with ce-."


def test_two_envelopes_that_say_the_same_need_no_note() -> None:
    event = read_event(message(properties=spelled("cloudEvents:", time="2026-01-31T09:20:39Z") | spelled("ce-")))
    assert (event.problem, event.id) == ("", "e-1")
    assert event.notes == ("There is no time in this event: the publish time stands in for it.",)


def test_of_two_envelopes_the_complete_one_counts() -> None:
    event = read_event(message(properties={"ce_id": "half", "ce_type": "T"} | spelled("ce-")))
    assert (event.problem, event.id) == ("", "e-1")
    assert "differ" in event.notes[0]


def test_an_attribute_in_two_cases_is_the_one_in_small_letters_and_a_difference_is_noted() -> None:
    event = read_event(message(properties={"CE_ID": "shout"} | CE))
    assert (event.id, event.notes[0]) == (
        "e-1",
        "Attributes with ce_ are spelled in two ways that differ: those in small letters count.",
    )


def test_an_incomplete_envelope_under_another_prefix_is_left_to_the_mapping() -> None:
    properties = {"ce-type": "T", "ce-id": "1"}
    mapped = read_event(message(properties=properties), mappings('type = { from = "property", name = "ce-type" }'))
    assert (mapped.problem, mapped.type) == ("", "T")
    alone = read_event(message(properties=properties))
    assert alone.problem == "unrecognised format: its CloudEvents attribute source is missing or empty"


def test_properties_that_only_begin_alike_are_no_envelope() -> None:
    event = read_event(message(properties={"ceiling": "1", "ce": "2", "cloudEvents": "3", "ce_": "4", "ce-tenant": "5"}))
    assert event.problem.startswith("unrecognised format: it has no ce_ properties")


prefixes = st.sampled_from(["ce_", "ce-", "CE_", "cloudEvents:", "cloudEvents_", "Ce_", "c", ""])
names = st.sampled_from([*ATTRIBUTES, "time", "ID", "Type", "", "aggregateid", "x"])
values = st.text(max_size=20) | st.sampled_from(["1.0", '"1.0"', "null", '"', '"\\ud800"', '{"ce_id": 1}', "x" * 2000])


@settings(max_examples=examples(300), deadline=None, print_blob=True)
@given(st.dictionaries(st.tuples(prefixes, names).map("".join) | st.just("spring_json_header_types"), values, max_size=12))
def test_no_set_of_properties_breaks_the_reading_and_their_order_makes_no_difference(properties: dict[str, str]) -> None:
    event = read_event(message(properties=properties))
    turned = read_event(message(properties=dict(reversed(properties.items()))))
    assert (event.problem, event.id, event.notes) == (turned.problem, turned.id, turned.notes)
    assert event.id
