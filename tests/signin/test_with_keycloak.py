"""Signing in through a real Keycloak, by HTTP: groups become roles, and are asked for again at each request."""

from typing import Any

import pytest

from dashboard.auditing.acts import acts
from dashboard.models import Role
from tests.signin.browsing import account, signed_in, use
from tests.signin.realm import Realm

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture(autouse=True)
def provider(settings: Any, realm: Realm) -> None:
    settings.PROXIES = "0"
    use(settings, realm)


def test_a_group_becomes_a_role_and_the_first_login_makes_an_account(realm: Realm) -> None:
    realm.person("anna", "desk-support", "desk-viewers")
    client = signed_in(realm, "anna", wanted="/topics/")
    anna = account("anna")
    assert (anna.role, anna.has_usable_password(), anna.email) == (Role.SUPPORT, False, "anna@example.org")
    assert sorted(anna.groups.values_list("name", flat=True)) == ["desk-support", "desk-viewers"]
    assert client.get("/topics/").status_code == 200
    told = [(act.action, act.actor) for act in acts()]
    assert told == [
        ("log_in", "anna"),
        ("role_by_groups", "Keycloak (sign-in)"),
        ("manage_people", "Keycloak (sign-in)"),
    ]


def test_a_removed_group_takes_the_rights_away_at_the_next_request(realm: Realm) -> None:
    realm.person("bert", "desk-admins", "desk-viewers")
    client = signed_in(realm, "bert")
    assert client.get("/masking/").status_code != 403
    realm.leave("bert", "desk-admins")
    assert client.get("/audit/").status_code == 403
    assert account("bert").role == Role.VIEWER
    realm.leave("bert", "desk-viewers")
    answer = client.get("/topics/")
    assert answer.status_code == 403
    assert b"none of your groups there gives a role here" in answer.content
    assert client.get("/topics/").status_code == 302
    assert account("bert").role == Role.OUTSIDER
    changes = [act.details["role_after"] for act in acts(action="role_by_groups")]
    assert changes == ["no access", "viewer", "admin"]
