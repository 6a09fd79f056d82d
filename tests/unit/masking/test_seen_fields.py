"""The fields that occur in events, without their values."""

from datetime import date
from typing import Any

import pytest

from dashboard.masking import personal_names as may_be
from dashboard.masking.seen_fields import MOST_FIELDS, MOST_NAMES, SeenFields, Steps, kind_of, personal

TODAY = date(2026, 11, 30)


def seen(*payloads: Any) -> SeenFields:
    fields = SeenFields(today=TODAY)
    for payload in payloads:
        fields.add({("data",): payload})
    return fields


def paths(fields: SeenFields) -> list[Steps]:
    return list(fields.merged())


def test_nothing_was_seen_in_no_event() -> None:
    assert seen().merged() == {}


def test_each_value_that_holds_no_other_is_a_field() -> None:
    fields = seen({"a": {"b": 1}, "list": [{"c": "x"}, {"d": None}], "empty": {}, "none": []}, {"a": {"b": "x"}})
    assert paths(fields) == [
        ("data", "a", "b"),
        ("data", "empty"),
        ("data", "list", "[]", "c"),
        ("data", "list", "[]", "d"),
        ("data", "none"),
    ]
    one = fields.merged()[("data", "a", "b")]
    assert (one.events, dict(one.kinds)) == (2, {"number": 1, "text": 1})


def test_an_event_counts_once_however_many_items_it_has() -> None:
    one = seen({"list": ["a", "b", "c"]}, {"list": []}).merged()
    assert one[("data", "list", "[]")].events == 1
    assert one[("data", "list", "[]")].kinds == {"text": 3}


@pytest.mark.parametrize("payload", [7, "text", None, [1, 2], True])
def test_a_payload_need_not_be_an_object(payload: Any) -> None:
    assert len(paths(seen(payload))) == 1


@pytest.mark.parametrize(
    "name", ["erika@example.org", "4711", "2024-05-01", "two words", "", "x" * 61, "a" * 32, "a/b", "\u202e"]
)
def test_a_name_that_is_data_itself_is_not_shown(name: str) -> None:
    assert paths(seen({"by": {name: {"open": True}}})) == [("data", "by", "*", "open")]


def test_names_of_which_there_are_too_many_are_data() -> None:
    many = {"by": {f"key{'abcdefgh'[n % 8]}{n}": n for n in range(MOST_NAMES + 1)}}
    assert paths(seen(many)) == [("data", "by", "*")]
    assert len(paths(seen(many["by"]))) == MOST_NAMES + 1, "an event itself may have many fields"


def test_a_huge_event_is_bounded() -> None:
    fields = seen({f"f{'x' * (n % 50)}{n}": n for n in range(MOST_FIELDS * 3)})
    assert (len(fields.fields), fields.more) == (MOST_FIELDS, True)
    deep: Any = 1
    for _ in range(500):
        deep = {"d": deep}
    assert len(paths(seen(deep))) == 1


def test_no_value_is_kept() -> None:
    fields = seen({"name": "Erika Mustermann", "tags": ["Zzz"], "erika@example.org": "x"})
    assert "Erika" not in repr(fields) and "Zzz" not in repr(fields) and "erika" not in repr(fields)


def test_what_a_field_may_be_is_told_by_its_name_and_by_nearly_all_of_its_values() -> None:
    payloads = [{"contact": f"x{n}@example.org", "ref": f"{n}", "patient": {"name": "x"}} for n in range(9)]
    fields = seen(*payloads, {"contact": "none", "ref": "x@example.org"}).merged()
    told = {steps[1:]: personal(steps, one) for steps, one in fields.items()}
    assert told == {
        ("contact",): ("", may_be.EMAIL),
        ("ref",): ("", ""),
        ("patient", "name"): (may_be.NAME, ""),
    }


def test_what_lies_in_an_address_is_of_an_address() -> None:
    fields = seen({"address": {"line1": "x", "email": "x"}}).merged()
    assert {steps[-1]: personal(steps, one)[0] for steps, one in fields.items()} == {
        "line1": may_be.ADDRESS,
        "email": may_be.EMAIL,
    }


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "true or false"),
        (1, "number"),
        (1.5, "number"),
        ("", "empty text"),
        ("x", "text"),
        ("2024-05-01", "date"),
        ("1.5.2024", "date"),
        ("2024-05-01T09:00:00Z", "time"),
        ([], "list"),
        ({}, "object"),
    ],
)
def test_kinds_have_plain_words(value: Any, kind: str) -> None:
    assert kind_of(value) == kind
