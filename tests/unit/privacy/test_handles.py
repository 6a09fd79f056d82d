"""Handles of personal ids: the same for the same aggregate, read by nobody without the key, and never a guess."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.privacy import MASKED, AccessProfile, Origin, Revealed, display_value, handles
from dashboard.privacy.handles import ForeignHandle, display_id, given_id, handle_of, id_of, known_handle, public_id
from eventstore.config.loading import parse_config

ALL = AccessProfile(name="admin", sees_values=True)
LITTLE = AccessProfile(name="viewer", sees_values=False)
PERSONAL = '[[mapping]]\ntopics = ["patients"]\nkey = "personal"\npersonal_types = ["patient"]'
TEXT = st.text(alphabet=st.characters(exclude_categories=()))


@pytest.fixture
def personal(settings: Any) -> None:
    settings.EVENTDESK = parse_config(PERSONAL, "desk.toml")
    settings.EVENTDESK_HANDLE_KEY = "k" * 40


@given(TEXT, TEXT)
def test_any_type_and_id_come_back_from_their_handle(type: str, id: str) -> None:
    handle = handle_of(type, id)
    assert handles.looks_like_handle(handle)
    assert handles.aggregate_of(handle) == (type, id)
    assert id_of(type, handle) == id
    assert handle == handle_of(type, id)


@given(TEXT, TEXT, TEXT, TEXT)
def test_two_aggregates_never_share_a_handle(type: str, id: str, other_type: str, other_id: str) -> None:
    assert (handle_of(type, id) == handle_of(other_type, other_id)) is ((type, id) == (other_type, other_id))


@given(TEXT)
def test_no_text_that_nobody_made_is_read_as_a_handle(text: str) -> None:
    assert known_handle(text) is None
    assert known_handle(f"pid{text}") is None


def test_a_handle_tells_neither_its_id_nor_exactly_how_long_it_is() -> None:
    assert len({len(handle_of("patient", "1" * length)) for length in range(1, 8)}) == 1
    assert "4711" not in handle_of("patient", "4711")


def test_a_handle_is_one_word_in_lower_case() -> None:
    assert handle_of("Patient/x", "ä b").isalnum()
    assert handle_of("Patient/x", "ä b").islower()


CHANGES = [
    lambda text: text[:-1],
    lambda text: f"{text}a",
    lambda text: text[:9] + ("a" if text[9] == "z" else "z") + text[10:],
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_handle_that_was_changed_is_not_read(change: Any) -> None:
    with pytest.raises(ForeignHandle, match="cut off"):
        handles.aggregate_of(change(handle_of("patient", "4711")))


def test_a_handle_of_another_type_is_not_read_as_one_of_this() -> None:
    with pytest.raises(ForeignHandle, match="another type"):
        id_of("loan", handle_of("patient", "4711"))


def test_a_changed_key_makes_the_handles_of_before_unreadable(settings: Any) -> None:
    settings.EVENTDESK_HANDLE_KEY = "k" * 40
    before = handle_of("patient", "4711")
    settings.EVENTDESK_HANDLE_KEY = "j" * 40
    assert handle_of("patient", "4711") != before
    with pytest.raises(ForeignHandle, match="the key of the handles has been changed"):
        id_of("patient", before)


def test_without_a_key_of_their_own_handles_are_made_with_the_secret_key(settings: Any) -> None:
    settings.EVENTDESK_HANDLE_KEY = ""
    settings.SECRET_KEY = "one" * 20
    before = handle_of("patient", "4711")
    settings.SECRET_KEY = "two" * 20
    assert handle_of("patient", "4711") != before


def test_an_id_stays_as_it_is_where_no_mapping_says_otherwise(personal: None) -> None:
    assert public_id("loan", "4711") == display_id("loan", "4711", LITTLE) == given_id("loan", "4711", LITTLE) == "4711"


def test_whoever_sees_no_values_sees_the_handle_and_addresses_have_it_for_everybody(personal: None) -> None:
    handle = handle_of("patient", "4711")
    assert display_id("patient", "4711", LITTLE) == display_id("patient", "4711") == public_id("patient", "4711") == handle
    assert display_id("patient", "4711", ALL) == "4711"
    assert public_id("patient", handle) == handle
    assert public_id("patient", "") == ""


def test_the_handle_is_taken_from_everybody_and_the_id_from_those_with_the_right(personal: None) -> None:
    handle = handle_of("patient", "4711")
    assert (
        given_id("patient", handle, LITTLE) == given_id("patient", handle, ALL) == given_id("patient", "4711", ALL) == "4711"
    )
    assert given_id("patient", "4711", LITTLE) not in ("4711", "")
    assert given_id("patient", handle_of("loan", "1"), LITTLE) != "1"


def test_an_aggregate_that_is_revealed_shows_its_id_until_the_reveal_ends(personal: None) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    one = Revealed(kind="aggregate", aggregate_type="patient", aggregate_id="4711", until=until)
    revealing = replace(LITTLE, reveals=frozenset({one}))
    assert display_id("patient", "4711", revealing) == "4711"
    assert display_id("patient", "4712", revealing) == public_id("patient", "4712")
    over = replace(LITTLE, reveals=frozenset({replace(one, until=until - timedelta(hours=1))}))
    assert display_id("patient", "4711", over) == public_id("patient", "4711")
    field = replace(LITTLE, reveals=frozenset({replace(one, kind="field", event_id="e-1", path="data.name")}))
    assert display_id("patient", "4711", field) == public_id("patient", "4711")


def test_an_open_case_takes_a_whole_id(personal: None) -> None:
    assert given_id("patient", "4711", replace(LITTLE, filters_masked=True)) == "4711"


def test_an_id_of_which_nothing_tells_the_type_is_hidden_where_some_are_personal(personal: None) -> None:
    assert display_value("4711", "attributes.aggregateid", LITTLE) is MASKED
    of = Origin(topic="t", type="x", aggregate_type="patient", aggregate_id="4711", event_id="e-1")
    assert display_value("4711", "attributes.aggregateid", LITTLE, of) == public_id("patient", "4711")
    assert display_value("4711", "correlation_id", LITTLE, of) == public_id("patient", "4711")
