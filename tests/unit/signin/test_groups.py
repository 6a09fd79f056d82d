"""Which role and groups a claim gives, and which name an account gets."""

from typing import Any

import pytest

from dashboard.models import Role
from dashboard.signin.accounts import name_in
from dashboard.signin.groups import RANK, groups_in, known, role_of
from eventstore.config.loading import parse_config


@pytest.mark.parametrize(
    ("claims", "claim", "found"),
    [
        ({"groups": ["a", "b", "a"]}, "groups", {"a", "b"}),
        ({"groups": "a"}, "groups", {"a"}),
        ({"groups": ["a", 1, None, ["b"], "", "x" * 151]}, "groups", {"a"}),
        ({"groups": {"a": True}}, "groups", set()),
        ({}, "groups", set()),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"realm_access": ["roles"]}, "realm_access.roles", set()),
        ({"https://example.org/groups": ["a"]}, "https://example.org/groups", {"a"}),
    ],
)
def test_groups_are_texts_in_a_claim_or_below_it(claims: dict[str, Any], claim: str, found: set[str]) -> None:
    assert groups_in(claims, claim) == found


def test_of_several_roles_the_first_of_the_stated_order_counts(settings: Any) -> None:
    settings.EVENTDESK = parse_config("[access.groups]\n" + "\n".join(f'g-{role} = "{role}"' for role in reversed(RANK)), "x")
    names = [f"g-{role}" for role in RANK]
    assert [role_of(set(names[number:])) for number in range(len(RANK))] == list(RANK)
    assert role_of(set()) == role_of({"other", "g-"}) == Role.OUTSIDER
    assert set(RANK) == set(Role) - {Role.OUTSIDER}


def test_only_groups_that_the_configuration_names_are_kept(settings: Any) -> None:
    scope = '[[access.scope]]\ngroups = ["berlin"]\ntopics = ["*"]\naggregate_types = ["*"]\n'
    settings.EVENTDESK = parse_config(f'{scope}[access.groups]\nsupport = "support"\n', "x")
    assert known({"berlin", "support", "football"}) == {"berlin", "support"}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("anna", "anna"),
        ("Anna Example", "Anna-Example"),
        ("anna@example.org", "anna@example.org"),
        ("<b>x</b>", "b-x-b"),
        ("ａｄｍｉｎ", "admin"),
        ("a" * 500, "a" * 140),
        ("(not logged in)", "not-logged-in"),
        ("   ", ""),
        (None, ""),
        (["a"], ""),
    ],
)
def test_a_name_at_the_provider_becomes_one_that_an_account_may_have(given: object, name: str) -> None:
    assert name_in({"preferred_username": given}) == name
