"""What somebody sees of the store: globs of topics and aggregate types, by role and group."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group

from dashboard.access.scopes import EVERYTHING, NOTHING, Scope, scope_of
from dashboard.models import ApiToken, Role
from eventstore.config.loading import parse_config
from tests import people

pytestmark = pytest.mark.django_db

ALL = 'topics = ["*"]\naggregate_types = ["*"]\n'


@pytest.fixture
def scopes(settings: Any) -> Any:
    def declare(text: str) -> None:
        settings.EVENTDESK = parse_config(text, "desk.toml")

    return declare


def entry(**lists: list[str]) -> str:
    return "[[access.scope]]\n" + "".join(f"{name} = {value}\n" for name, value in lists.items())


def test_without_scopes_everybody_with_an_account_sees_everything() -> None:
    for somebody in people.everybody().values():
        assert scope_of(somebody) == EVERYTHING
    assert scope_of(ApiToken(name="t", role=Role.VIEWER)) == EVERYTHING
    assert scope_of(AnonymousUser()) == NOTHING


def test_once_there_is_a_scope_whoever_fits_none_sees_nothing(scopes: Any) -> None:
    scopes(entry(roles=["support"], topics=["*"], aggregate_types=["*"]))
    for role, somebody in people.everybody().items():
        scope = scope_of(somebody)
        assert (
            scope.limits_nothing is scope.has_topic("patients") is scope.has_aggregate_type("patient") is (role == "support")
        )


def test_a_topic_is_meant_by_its_full_name_or_its_last_segment_and_a_type_exactly(scopes: Any) -> None:
    scopes(entry(roles=["viewer"], topics=["patients", "persistent://acme/*"], aggregate_types=["pat*", "Order"]))
    scope = scope_of(people.viewer())
    seen = ["patients", "persistent://public/default/patients", "persistent://acme/eu/orders"]
    unseen = ["patients-DLQ", "persistent://other/eu/orders", "Patients", "", "a/patients/b"]
    assert [name for name in seen + unseen if scope.has_topic(name)] == seen
    assert [name for name in ("patient", "pat", "Order", "order", "") if scope.has_aggregate_type(name)] == [
        "patient",
        "pat",
        "Order",
        "",
    ]
    assert scope.has_event("patients", "patient")
    assert not scope.has_event("patients", "order")
    assert not scope.has_event("others", "patient")
    assert scope.has_event("patients", "")
    assert not scope.limits_nothing


def test_a_scope_with_roles_and_groups_asks_for_both(scopes: Any) -> None:
    scopes(entry(roles=["support"], groups=["berlin", "bonn"], topics=["a"], aggregate_types=["*"]))
    berlin = Group.objects.create(name="berlin")
    support, viewer = people.support(), people.viewer()
    assert scope_of(support) == NOTHING
    support.groups.add(berlin)
    viewer.groups.add(berlin)
    assert scope_of(support).has_topic("a")
    assert scope_of(viewer) == NOTHING
    support.groups.remove(berlin)
    assert scope_of(support) == NOTHING


def test_scopes_that_fit_the_same_person_are_united(scopes: Any) -> None:
    scopes(
        entry(roles=["support"], topics=["a", "b"], aggregate_types=["x"])
        + entry(groups=["berlin"], topics=["b", "c"], aggregate_types=["y"])
        + entry(roles=["admin"], topics=["*"], aggregate_types=["*"])
    )
    support = people.support()
    support.groups.add(Group.objects.create(name="berlin"))
    assert scope_of(support) == Scope(topics=("a", "b", "c"), aggregate_types=("x", "y"))


def test_groups_are_asked_for_only_where_a_scope_names_one(scopes: Any, django_assert_num_queries: Any) -> None:
    somebody = people.support()
    scopes(entry(roles=["support"], topics=["a"], aggregate_types=["x"]))
    with django_assert_num_queries(0):
        scope_of(somebody)


def test_a_token_has_no_groups_and_never_more_than_its_role(scopes: Any) -> None:
    scopes(
        entry(roles=["viewer"], topics=["pat*"], aggregate_types=["*"])
        + entry(groups=["g"], topics=["*"], aggregate_types=["*"])
    )
    token = ApiToken(name="t", role=Role.VIEWER)
    assert scope_of(token) == Scope(topics=("pat*",), aggregate_types=("*",))
    limited = scope_of(ApiToken(name="t", role=Role.VIEWER, topics=["*ients", "orders"], aggregate_types=["x"]))
    assert limited.has_topic("patients")
    assert not limited.has_topic("orders")
    assert not limited.has_topic("patterns")
    assert limited.has_aggregate_type("x")
    assert not limited.has_aggregate_type("y")
    assert not Scope(topics=("*",), aggregate_types=("*",), within=limited).limits_nothing


def test_a_pattern_is_a_glob_and_nothing_else(scopes: Any) -> None:
    scopes(entry(roles=["viewer"], topics=["a.b", "[x]y", "q?"], aggregate_types=["*"]))
    scope = scope_of(people.viewer())
    assert [name for name in ("a.b", "axb", "xy", "[x]y", "q1", "q", "q12") if scope.has_topic(name)] == ["a.b", "xy", "q1"]
