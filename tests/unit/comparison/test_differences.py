"""What differs between the event that holds a subscription up and the last one acknowledged: forms, never values."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.comparison.differences import MOST_DIFFERENCES, Difference, What, compare
from eventstore.comparison.shapes import DEEPEST, LONGEST_VALUE, MOST_BYTES, MOST_FIELDS, Form
from eventstore.model.events import Event, Message, Position, Recoded, SchemaUse

NOW = datetime(2024, 5, 6, tzinfo=UTC)
PLACE = Position(topic="documents", partition=0, token="11")
UPLOADED = {"title": "Report", "uploadedBy": "Dr. Morgenrain", "pages": 3}


def event(payload: Any = UPLOADED, *, problem: str = "", content_type: str = "application/json", **message: Any) -> Event:
    """``payload`` is bytes, or a value that becomes JSON."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    told = Message(position=PLACE, payload=data, published=NOW, **message)
    return Event(message=told, id="1", time=NOW, data=data, problem=problem, content_type=content_type)


def found(now: Event, before: Event | None = None) -> list[tuple[What, str, str, str]]:
    return [(one.what, one.path, one.now, one.before) for one in compare(now, before or event()).differences]


def test_events_of_one_form_do_not_differ_whatever_their_values() -> None:
    assert found(event({"title": "Letter", "uploadedBy": "Ilvy", "pages": 70_000})) == []


def test_a_missing_field_a_new_one_and_one_of_another_kind_are_named_by_their_paths() -> None:
    now = event({"title": "Report", "pages": [{"number": 1}], "author": {"name": "Ilvy"}})
    assert found(now) == [
        (What.MISSING, "uploadedBy", "", "text"),
        (What.KIND, "pages", "list", "number"),
        (What.NEW, "author", "object", ""),
    ]


def test_of_an_object_that_is_missing_only_the_object_is_named() -> None:
    before = event({"by": {"person": {"given": "Ilvy", "family": "Morgenrain"}}})
    assert found(event({}), before) == [(What.MISSING, "by", "", "object")]
    assert found(event({"by": {"person": {"given": "Ilvy"}}}), before) == [(What.MISSING, "by.person.family", "", "text")]
    assert found(event({"by": "Ilvy"}), before) == [(What.KIND, "by", "text", "object")]


def test_elements_of_lists_are_taken_together() -> None:
    before = event({"pages": [{"number": 1}, {"number": "2"}]})
    assert found(event({"pages": []}), before) == [], "an empty list says nothing about its elements"
    assert found(event({"pages": [{"number": 7}]}), before) == []
    assert found(event({"pages": [{"number": None, "bytes": 1}]}), before) == [
        (What.KIND, "pages[].number", "null", "number or text"),
        (What.NEW, "pages[].bytes", "number", ""),
    ]


def test_an_empty_text_and_null_are_kinds_of_their_own() -> None:
    assert found(event({**UPLOADED, "uploadedBy": ""})) == [(What.KIND, "uploadedBy", "empty text", "text")]
    assert found(event({**UPLOADED, "uploadedBy": None})) == [(What.KIND, "uploadedBy", "null", "text")]


def test_values_are_kept_apart_from_the_words_and_cut() -> None:
    one, _ = compare(event({**UPLOADED, "uploadedBy": {"a": 1}}), event({**UPLOADED, "uploadedBy": "q" * 9_999})).differences
    assert one.value_now == "{1 field}"
    assert one.value_before == f'"{"q" * LONGEST_VALUE}"'
    assert "q" not in one.before


@pytest.mark.parametrize(
    ("now", "form"),
    [
        (event(b'{"title": "Rep'), Form.TEXT),
        (event(b"\x00\xff\xfe"), Form.BINARY),
        (event(b""), Form.EMPTY),
        (event(b"", null=True), Form.NULL),
        (event(b"\x01\x02", encrypted=True), Form.ENCRYPTED),
        (event(b'"' + b"x" * MOST_BYTES + b'"'), Form.TOO_MUCH),
        (event(b"[" * 200_000 + b"]" * 200_000), Form.TOO_MUCH),
        (event(b"NaN"), Form.TEXT),
    ],
)
def test_another_form_of_payload_is_named_and_no_fields(now: Event, form: Form) -> None:
    forms = [one for one in found(now) if one[0] is not What.SIZE]
    assert forms == [(What.FORM, "", form, Form.JSON)]


def test_a_number_that_is_too_large_for_the_fast_parser_is_json_all_the_same() -> None:
    assert found(event(b'{"title": "", "uploadedBy": "x", "pages": 1' + b"0" * 400 + b"}")) == [
        (What.KIND, "title", "empty text", "text"),
        (What.SIZE, "", "444 bytes", "63 bytes"),
    ]


def test_schema_content_type_size_and_properties_differ_as_well() -> None:
    avro = SchemaUse(kind="Avro", version="1", converted=True)
    before = Event(
        message=Message(
            position=PLACE, payload=b"{}", published=NOW, schema_version="1", properties={"tenant": "a", "old": "b"}
        ),
        id="1",
        time=NOW,
        data=b"{}",
        schema=avro,
        content_type="application/json",
    )
    now = event(b"{}" + b" " * 700, content_type="", schema_version="2", properties={"tenant": "b", "new": "c"})
    assert found(now, before) == [
        (What.SCHEMA, "", "version 2", "Avro version 1"),
        (What.CONTENT_TYPE, "", "none", "application/json"),
        (What.SIZE, "", "702 bytes", "2 bytes"),
        (What.MISSING_PROPERTY, "old", "", ""),
        (What.NEW_PROPERTY, "new", "", ""),
    ]


def test_a_message_that_fits_no_envelope_says_so_first() -> None:
    [first, *rest] = found(event(b"?", problem="has no type", content_type=""), event())
    assert first == (What.ENVELOPE, "", "has no type", "recognised")
    assert rest == [(What.FORM, "", Form.TEXT, Form.JSON)]


def test_what_was_cut_or_not_looked_at_is_never_called_missing() -> None:
    many = {f"field{number}": number for number in range(MOST_FIELDS + 10)}
    result = compare(event(many), event({**many, "last": 1}))
    assert not result.all_fields
    assert [one for one in result.differences if one.what is What.MISSING] == []
    data = json.dumps(UPLOADED).encode()
    message = Message(position=PLACE, payload=data, published=NOW)
    cut = Event(message=message, id="1", time=NOW, data=b'{"title": "R"}', recoded=Recoded(words="Unpacked.", cut=True))
    assert not compare(cut, event()).all_fields
    assert [one for one in compare(cut, event()).differences if one.what is What.MISSING] == []


def test_fields_below_the_deepest_level_are_left_out() -> None:
    deep: Any = 1
    for _ in range(DEEPEST + 5):
        deep = {"a": deep}
    result = compare(event(deep), event(deep))
    assert (result.differences, result.all_fields) == ([], False)


def test_differences_are_counted_beyond_those_that_are_kept() -> None:
    result = compare(event({f"f{number}": 1 for number in range(MOST_DIFFERENCES + 7)}), event({}))
    kinds = [one.what for one in result.differences]
    assert kinds == [What.NEW] * MOST_DIFFERENCES
    assert result.more >= 7


def test_halves_of_surrogate_pairs_become_something_that_a_page_can_show() -> None:
    for one in compare(event(rb'{"\ud800": "\udfff", "n": 1e999}'), event(b"{}")).differences:
        (one.path + one.value_now).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_an_event_never_differs_from_itself(value: Any) -> None:
    assert compare(event(value), event(value)).differences == []


@given(json_values, json_values)
def test_missing_one_way_is_new_the_other_way(one: Any, other: Any) -> None:
    there, back = compare(event(one), event(other)).differences, compare(event(other), event(one)).differences
    assert paths(there, What.MISSING) == paths(back, What.NEW)
    assert paths(there, What.KIND) == paths(back, What.KIND)


def paths(differences: Any, what: What) -> list[str]:
    return sorted(one.path for one in differences if one.what is what)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_payload_breaks_it(one: bytes, other: bytes) -> None:
    for difference in compare(event(one), event(other)).differences:
        assert isinstance(difference, Difference)
