"""Rules decide how each value is shown to somebody without the standing right; what no rule fits is hidden, with its name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from dashboard.privacy import (
    MASKED,
    AccessProfile,
    Origin,
    Revealed,
    can_see,
    display_document,
    display_value,
    sees_name,
    sees_some,
    without_marks,
)
from dashboard.privacy.documents import REST
from eventstore.model import InvalidConfiguration
from eventstore.search import mark_of
from tests.unit.privacy.rules import CLEAR_PERSON, DOCUMENT, MASKED_PERSON, RULES, config

PATIENT = {"email": "a.berg@example.org", "insurance": "A123456789", "born": "1953-04-02", "diagnosis": "F32", "name": "Berg"}
PAYLOAD = {"title": "Letter", "patient": PATIENT, "items": [{"code": 7, "text": "secret"}], "note": "secret"}


@pytest.fixture(autouse=True)
def _rules(settings: Any) -> None:
    settings.EVENTDESK = config()


def shown(value: object, path: str, origin: Origin | None = DOCUMENT, profile: AccessProfile = MASKED_PERSON) -> object:
    return display_value(value, path, profile, origin)


def test_each_treatment_shows_what_it_says() -> None:
    assert shown("Letter", "data.title") == "Letter"
    assert shown("a.berg@example.org", "data.patient.email") == mark_of("a.berg@example.org")
    assert shown("A123456789", "data.patient.insurance") == "…6789"
    assert shown("1953-04-02", "data.patient.born") == "1953"
    assert shown("F32", "data.patient.diagnosis") is MASKED
    assert shown("Berg", "data.patient.name") is MASKED


def test_a_rule_is_for_its_topics_and_types_alone() -> None:
    assert shown("Letter", "data.title", replace(DOCUMENT, type="PatientRegistered")) is MASKED
    assert shown("Berg", "data.patient.name", replace(DOCUMENT, topic="public-news")) == "Berg"
    assert shown("Berg", "data.patient.name", replace(DOCUMENT, topic="tenant/space/public-news")) == "Berg"


def test_a_value_without_an_origin_is_hidden() -> None:
    assert shown("Letter", "data.title", None) is MASKED
    assert shown("4711", "aggregate_id", None) == "4711"


@pytest.mark.parametrize("value", ["short", "1234567", None, True, "", 1234567])
def test_the_last_four_of_a_short_value_are_too_much(value: object) -> None:
    assert shown(value, "data.patient.insurance") is MASKED


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("1953-04-02", "1953"),
        ("1953-04-02T10:11:12.123Z", "1953"),
        ("1953-04-02 10:11:12+02:00", "1953"),
        ("2.4.1953", "1953"),
        ("02/04/1953", "1953"),
        ("19530402", "1953"),
        ("1953", "1953"),
    ],
)
def test_the_year_of_a_date_is_shown_however_it_is_written(value: str, year: str) -> None:
    assert shown(value, "data.patient.born") == year


@pytest.mark.parametrize("value", ["Berg", "1953-04-02 Berg", 1953, None, "12345678", "", "0049170", "1953-04-02T" + "1" * 90])
def test_what_is_no_date_has_no_year(value: object) -> None:
    assert shown(value, "data.patient.born") is MASKED


def test_equal_values_have_equal_marks_and_others_have_others() -> None:
    marks = {shown(value, "data.patient.email") for value in ("a", "b", "a", 1, "1", 1.0)}
    assert len(marks) == 4
    assert all(str(mark)[0] == "#" and len(str(mark)) == 11 for mark in marks)


def test_a_document_shows_names_and_values_that_rules_name_and_nothing_else() -> None:
    found = display_document(PAYLOAD, MASKED_PERSON, DOCUMENT)
    patient = {
        "email": mark_of("a.berg@example.org"), "insurance": "…6789", "born": "1953", "diagnosis": MASKED, REST: MASKED
    }  # fmt: skip
    assert found == {"title": "Letter", "patient": patient, "items": [{"code": 7, REST: MASKED}], REST: MASKED}
    assert display_document(PAYLOAD, CLEAR_PERSON, DOCUMENT) is PAYLOAD
    assert display_document(PAYLOAD, MASKED_PERSON) is MASKED


def test_an_object_does_not_tell_whether_it_has_other_fields() -> None:
    assert display_document({"title": "x"}, MASKED_PERSON, DOCUMENT) == {"title": "x", REST: MASKED}
    assert display_document({}, MASKED_PERSON, DOCUMENT) is MASKED
    assert display_document({"note": "secret"}, MASKED_PERSON, DOCUMENT) is MASKED


@pytest.mark.parametrize(
    "value", ["secret", 7, None, True, ["secret"], [{"code2": "secret"}], {"secret": {"secret": "secret"}}]
)
def test_a_value_of_another_shape_than_its_rule_expects_is_hidden(value: Any) -> None:
    found = display_document(
        {"patient": value, "title": {"secret": 1} if value != 7 else [["secret"]]}, MASKED_PERSON, DOCUMENT
    )
    assert "secret" not in str(found)


def test_a_payload_that_no_rule_reaches_is_hidden_as_a_whole(settings: Any) -> None:
    settings.EVENTDESK = config("")
    for value in (PAYLOAD, [1, 2, 3], "text", None, {}):
        assert display_document(value, MASKED_PERSON, DOCUMENT) is MASKED


def test_the_first_rule_that_fits_wins_and_a_hidden_object_hides_what_is_in_it(settings: Any) -> None:
    def rule(path: str, show: str) -> str:
        return f'[[masking.rule]]\npath = "{path}"\nshow = "{show}"\n'

    settings.EVENTDESK = config(rule("data.a.city", "plain") + rule("data.a", "hidden") + rule("data.**", "plain"))
    payload = {"a": {"city": "Ulm", "street": "secret", "deep": [{"x": "secret"}]}, "b": {"c": [1]}}
    assert display_document(payload, MASKED_PERSON, DOCUMENT) == {
        "a": {"city": "Ulm", REST: MASKED}, "b": {"c": [1]}, REST: MASKED
    }  # fmt: skip
    assert shown("secret", "data.a.deep[0].x") is MASKED
    assert shown({"city": "Ulm", "street": "secret"}, "data.a") == '{"city": "Ulm"}'
    assert shown(["secret"], "data.*.street") is MASKED
    assert shown("secret", "data.b || a.street") is MASKED
    settings.EVENTDESK = config(rule("data.**", "plain") + rule("data.a", "hidden"))
    assert display_document(payload, MASKED_PERSON, DOCUMENT) == payload
    assert can_see("data", MASKED_PERSON, DOCUMENT)


def test_the_name_that_a_wildcard_covers_is_hidden_unless_its_value_is_shown(settings: Any) -> None:
    settings.EVENTDESK = config('[[masking.rule]]\npath = "data.*.code"\nshow = "plain"\n')
    payload = {"HIV": "secret", "Berg": {"secret": 1}, "open": {"code": 7}, "Muster": {"code": {"x": 1}}}
    assert display_document(payload, MASKED_PERSON, DOCUMENT) == {"open": {"code": 7, REST: MASKED}, REST: MASKED}


def test_lists_are_shown_element_by_element() -> None:
    assert shown([{"code": 1, "text": "secret"}, "secret"], "data.items") == '[{"code": 1}, null]'
    assert shown([1, 2], "data.items[].code") == "[1, 2]"
    assert shown(1, "data.items[0].code") == "1"
    assert shown([["secret"]], "data.items[*].text") == "[null]"


def test_what_a_rule_hides_does_not_tell_whether_it_is_an_object_or_a_list() -> None:
    for value in ("F32", {"code": "F32"}, ["F32"], None):
        found = display_document({"patient": {"diagnosis": value, "born": "1953"}}, MASKED_PERSON, DOCUMENT)
        assert found["patient"]["diagnosis"] is MASKED


def test_a_list_whose_elements_a_rule_hides_is_hidden(settings: Any) -> None:
    hides = '[[masking.rule]]\npath = "data.tags[]"\nshow = "hidden"\n[[masking.rule]]\npath = "data.tags"\nshow = "plain"\n'
    settings.EVENTDESK = config(hides)
    assert "secret" not in str(display_document({"tags": ["secret"]}, MASKED_PERSON, DOCUMENT))
    assert shown(["secret"], "data.tags") is MASKED


def test_properties_and_attributes_have_rules_and_hidden_names() -> None:
    assert shown("north", "properties.tenant-id") == "north"
    assert shown("eu", "attributes.region") == "eu"
    assert shown("secret", "properties.other") is MASKED
    assert sees_name("properties.tenant-id", MASKED_PERSON, DOCUMENT)
    assert not sees_name("properties.other", MASKED_PERSON, DOCUMENT)
    assert not sees_name("properties.tenant-id", MASKED_PERSON)


def test_can_see_is_for_all_that_is_in_a_value() -> None:
    assert not can_see("data.title", MASKED_PERSON, DOCUMENT)  # an object may come here one day
    assert sees_some("data.title", MASKED_PERSON, DOCUMENT)
    assert not sees_some("data.patient.diagnosis", MASKED_PERSON, DOCUMENT)
    assert can_see("attributes.region", MASKED_PERSON, DOCUMENT)


def test_depth_and_width_are_bounded() -> None:
    deep: Any = "secret"
    for _ in range(400):
        deep = {"patient": deep}
    assert "secret" not in str(display_document(deep, MASKED_PERSON, DOCUMENT))
    many = {f"name{number}": number for number in range(100_000)}
    assert display_document(many, MASKED_PERSON, DOCUMENT) is MASKED


def test_what_is_hidden_is_left_out_of_json() -> None:
    found = without_marks(display_document(PAYLOAD, MASKED_PERSON, DOCUMENT))
    assert found["items"] == [{"code": 7}]
    assert set(found["patient"]) == {"email", "insurance", "born"}
    assert msgspec.json.decode(msgspec.json.encode(found)) == found


def reveal(**what: Any) -> AccessProfile:
    until = datetime.now(UTC) + timedelta(minutes=what.pop("minutes", 5))
    one = Revealed(**{"aggregate_type": "patient", "aggregate_id": "4711", "until": until, "topic": DOCUMENT.topic, **what})
    return replace(MASKED_PERSON, reveals=frozenset({one}))


def test_a_reveal_opens_one_field_with_all_that_is_in_it() -> None:
    profile = reveal(kind="field", event_id="e-1", path="data.patient")
    assert shown("Berg", "data.patient.name", DOCUMENT, profile) == "Berg"
    assert display_document(PAYLOAD, profile, DOCUMENT)["patient"] == PATIENT
    assert shown("secret", "data.note", DOCUMENT, profile) is MASKED
    assert shown("Berg", "data.patient.name", replace(DOCUMENT, event_id="e-2"), profile) is MASKED
    assert shown("Berg", "data.patient.name", replace(DOCUMENT, topic="another"), profile) is MASKED
    assert profile.level == MASKED_PERSON.level


@pytest.mark.parametrize("kind", ["event", "aggregate"])
def test_a_reveal_opens_an_event_or_all_of_an_aggregate(kind: str) -> None:
    profile = reveal(kind=kind, event_id="e-1" if kind == "event" else "")
    assert display_document(PAYLOAD, profile, DOCUMENT) == PAYLOAD
    assert can_see("properties.other", profile, DOCUMENT)
    assert can_see("key", profile, DOCUMENT)
    other = replace(DOCUMENT, event_id="e-2")
    assert (shown("Berg", "data.patient.name", other, profile) == "Berg") is (kind == "aggregate")
    assert shown("Berg", "data.patient.name", replace(DOCUMENT, aggregate_id="4712"), profile) is MASKED


def test_a_reveal_that_has_ended_opens_nothing() -> None:
    assert shown("Berg", "data.patient.name", DOCUMENT, reveal(kind="aggregate", minutes=-1)) is MASKED


def test_a_reveal_of_no_aggregate_opens_no_unreadable_messages() -> None:
    nothing = Origin(topic="t", event_id="t-0 1")
    assert shown("x", "data.a", nothing, reveal(kind="aggregate", aggregate_type="", aggregate_id="")) is MASKED


@pytest.mark.parametrize("path", ["title", "data.a || b", "data.**.x", "attributes.", "data.", "data.a[", "data.a[1", "*"])
def test_a_rule_whose_path_cannot_be_used_is_refused_with_its_place(path: str) -> None:
    with pytest.raises(InvalidConfiguration, match=r"masking\.toml, line 3: masking\.rule\[0\]\.path"):
        config(f'[[masking.rule]]\nshow = "plain"\npath = "{path}"\n')


def test_a_treatment_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidConfiguration, match="plain, hash, last4, year, hidden"):
        config(RULES.replace('"hash"', '"hashed"'))
