"""People who may not see payloads see ids, types, and times, and a mark in place of everything else."""

import pytest
from django.contrib.auth.models import AnonymousUser

from dashboard.models import Person, Role
from dashboard.privacy import MASKED, AccessProfile, display_value, profile_of, text_of
from dashboard.privacy.masking import OPEN_PATHS

ALL = AccessProfile(name="support", sees_values=True)
LITTLE = AccessProfile(name="viewer", sees_values=False)
CLOSED = (
    "key",
    "source",
    "subject",
    "data",
    "data.practice",
    "data.id",
    "data.time",
    "properties.ce_id",
    "properties.id",
    "attributes.subject",
    "attributes.patientname",
    "attributes.data",
    "",
    "something that nobody thought of",
)


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_ids_types_and_times_are_open_to_everybody(path: str) -> None:
    assert display_value("d-20931", path, LITTLE) == "d-20931"
    assert display_value("d-20931", f"attributes.{path}", LITTLE) == "d-20931"


@pytest.mark.parametrize("path", CLOSED)
def test_every_other_value_is_hidden_from_a_viewer_and_open_to_support(path: str) -> None:
    assert display_value("Doctor Who", path, LITTLE) is MASKED
    assert display_value("Doctor Who", path, ALL) == "Doctor Who"


def test_the_mark_says_that_something_is_hidden_and_nothing_of_it() -> None:
    short, long = display_value("a", "data.name", LITTLE), display_value("b" * 9999, "data.name", LITTLE)
    assert short == long
    assert 'aria-label="hidden"' in MASKED.__html__()
    assert str(MASKED) == "hidden"


def test_a_missing_value_is_hidden_like_any_other() -> None:
    assert display_value(None, "data.name", LITTLE) is MASKED
    assert display_value(None, "data.name", ALL) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("bare", "bare"),
        (None, ""),
        (True, "true"),
        (7, "7"),
        (1.5, "1.5"),
        ([1, "ä"], '[1, "ä"]'),
        ({"a": None}, '{"a": null}'),
    ],
)
def test_values_are_written_as_people_write_them(value: object, text: str) -> None:
    assert text_of(value) == text


def test_a_value_nested_beyond_reason_is_no_error() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert text_of(value) == "…"


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        (Role.OUTSIDER, False),
        (Role.VIEWER, False),
        (Role.SUPPORT, True),
        (Role.APPROVER, True),
        (Role.PRIVACY, False),
        (Role.AUDITOR, False),
        (Role.ADMIN, True),
    ],
)
def test_the_role_decides_who_sees_values(role: str, sees: bool) -> None:
    viewer = profile_of(Person(username="somebody", role=role))
    assert viewer.sees_values is sees
    assert viewer.name == "somebody"


def test_nobody_and_inactive_people_see_no_values() -> None:
    assert not profile_of(AnonymousUser()).sees_values
    assert not profile_of(Person(username="gone", role=Role.ADMIN, is_active=False)).sees_values


def test_all_who_see_the_same_share_a_profile() -> None:
    assert ALL.level == AccessProfile(name="admin", sees_values=True).level
    assert ALL.level != LITTLE.level
