"""Personal ids in filters: the handle in addresses, the id where it is applied, and no guessing in between."""

from dataclasses import replace
from typing import Any

import pytest

from dashboard.privacy import AccessProfile, handle_of, handles_in_filter, ids_in_filter, public_filter, public_name
from eventstore.config.loading import parse_config
from eventstore.search import InvalidFilter, parse_filter

ALL = AccessProfile(name="admin", sees_values=True)
LITTLE = AccessProfile(name="viewer", sees_values=False)
PERSONAL = '[[mapping]]\ntopics = ["patients"]\nkey = "personal"\npersonal_types = ["patient", "pre*"]'


@pytest.fixture(autouse=True)
def personal(settings: Any) -> None:
    settings.EVENTDESK = parse_config(PERSONAL, "desk.toml")
    settings.EVENTDESK_HANDLE_KEY = "k" * 40


def handle(id: str = "4711") -> str:
    return handle_of("patient", id)


@pytest.mark.parametrize(
    "written", ["aggregate:{}", "aggregate:patient/{}", "aggregate = {}", 'Aggregate:"{}"', "aggregate={}"]
)
def test_a_handle_becomes_the_exact_id_for_everybody(written: str) -> None:
    for profile in (ALL, LITTLE):
        found = ids_in_filter(f"type:x ({written.format(handle())} or time>2024)", profile)
        assert found.replace("Aggregate", "aggregate") == "type:x (aggregate=patient/4711 or time>2024)"


def test_not_this_aggregate_stays_not() -> None:
    assert ids_in_filter(f"aggregate!={handle()}", LITTLE) == "aggregate!=patient/4711"


@pytest.mark.parametrize("id", ['a "b"', "a b", "*", "a(b", "ä\\"])
def test_an_id_of_any_signs_is_meant_exactly(id: str) -> None:
    parsed = parse_filter(ids_in_filter(f"aggregate:{handle(id)}", LITTLE))
    assert parsed.known_as == f"patient/{id}"
    assert handles_in_filter(parsed.text) == f"aggregate=patient/{handle(id)}"


REFUSED = [
    "aggregate:4711",
    "aggregate=4711",
    "not aggregate:4711",
    "aggregate!=4711",
    "aggregate:47*",
    "aggregate:patient/4711",
    "aggregate:PATIENT/4711",
    "aggregate:Premium/1",
    "aggregate:patient/*",
    "aggregate:p*/4711",
    "aggregate:*/4711",
    "aggregate~47",
    'aggregate:"patient/4711"',
    "type:x or (type:y aggregate:4711)",
]


@pytest.mark.parametrize("text", REFUSED)
def test_whoever_sees_no_values_cannot_ask_for_an_id(text: str) -> None:
    with pytest.raises(InvalidFilter, match="your role does not search by them"):
        ids_in_filter(text, LITTLE)
    assert ids_in_filter(text, ALL) == text


@pytest.mark.parametrize(
    "written", ["aggregate~{}", "not aggregate~{}", 'aggregate~"x/{}"', "Aggregate ~ {}", "aggregate<{}", "aggregate>={}"]
)
def test_a_handle_is_compared_as_a_whole_and_in_no_other_way(written: str) -> None:
    """Otherwise the filter that is applied, and shown, would hold the id, and read it as an expression."""
    for profile in (ALL, LITTLE, replace(LITTLE, filters_masked=True)):
        with pytest.raises(InvalidFilter, match="one whole aggregate"):
            ids_in_filter(written.format(handle()), profile)


@pytest.mark.parametrize(
    "text",
    [
        ".aggregate:47*",
        '."aggregate":47*',
        ".Aggregate~^47",
        ".aggregate=patient/4711",
        '."aggregate"=4711',
    ],
)
def test_a_field_that_is_written_in_another_way_is_no_way_around(text: str) -> None:
    for profile in (ALL, LITTLE):
        with pytest.raises(InvalidFilter):
            parse_filter(ids_in_filter(text, profile))
    assert "47" not in public_filter(text).replace(handle(), "")


@pytest.mark.parametrize(
    "text", ["aggregate:loan/17", "aggregate=loan/17", "aggregate:loan/*", "aggregate:*", "type:x", "id:4711"]
)
def test_everything_else_is_asked_for_as_before(text: str) -> None:
    assert ids_in_filter(text, LITTLE) == handles_in_filter(text) == public_filter(text) == text


def test_an_address_and_the_record_have_the_handle() -> None:
    text = "type:x aggregate:patient/4711"
    assert handles_in_filter(text) == public_filter(text) == f"type:x aggregate:patient/{handle()}"
    assert public_name("patient/4711") == f"patient/{handle()}"
    assert public_name("loan/1") == "loan/1"


@pytest.mark.parametrize("text", ["aggregate:4711", "aggregate:patient/47*", "aggregate~4711"])
def test_the_record_and_titles_leave_out_what_may_be_an_id_or_a_part_of_one(text: str) -> None:
    assert "47" not in public_filter(f"type:x {text}")
    assert handles_in_filter(text) == text


def test_a_filter_that_cannot_be_read_stays_as_it_is() -> None:
    assert handles_in_filter('aggregate:"47') == 'aggregate:"47'


def test_nothing_is_refused_where_no_id_is_personal(settings: Any) -> None:
    settings.EVENTDESK = parse_config("", "desk.toml")
    for text in REFUSED:
        assert ids_in_filter(text, LITTLE) == text
