"""Signing in through a real Keycloak, by HTTP: groups become roles, and are asked for again at each request."""

from typing import Any

import pytest
from django.test import Client

from dashboard.auditing.acts import acts
from dashboard.models import Person, ProviderLogin, Role
from dashboard.signin import kept
from dashboard.signin.provider import Tokens
from tests import people
from tests.signin.browsing import account, come_back, signed_in, use, way_there
from tests.signin.realm import Realm

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture(autouse=True)
def provider(settings: Any, realm: Realm) -> None:
    settings.PROXIES = "0"
    use(settings, realm)


def is_open(client: Client) -> bool:
    return client.get("/topics/").status_code == 200


def test_a_group_becomes_a_role_and_the_first_login_makes_an_account(realm: Realm) -> None:
    realm.person("anna", "desk-support", "desk-viewers", "desk-privacy")
    client = signed_in(realm, "anna", wanted="/topics/")
    anna = account("anna")
    assert (anna.role, anna.has_usable_password(), anna.email) == (Role.SUPPORT, False, "anna@example.org")
    assert sorted(anna.groups.values_list("name", flat=True)) == ["desk-support", "desk-viewers"]
    assert is_open(client)
    assert [(act.action, act.actor) for act in acts()] == [
        ("log_in", "anna"),
        ("role_by_groups", "Keycloak (sign-in)"),
        ("manage_people", "Keycloak (sign-in)"),
    ]


def test_a_removed_group_takes_the_rights_away_at_the_next_request(realm: Realm) -> None:
    realm.person("bert", "desk-admins", "desk-viewers")
    client = signed_in(realm, "bert")
    assert client.get("/audit/").status_code == 200
    realm.leave("bert", "desk-admins")
    assert client.get("/audit/").status_code == 403
    assert account("bert").role == Role.VIEWER
    realm.leave("bert", "desk-viewers")
    answer = client.get("/topics/")
    assert answer.status_code == 403
    assert b"none of your groups there gives a role here" in answer.content
    assert client.get("/topics/").status_code == 302
    assert account("bert").role == Role.OUTSIDER
    assert not account("bert").groups.exists()
    assert [act.details["role_after"] for act in acts(action="role_by_groups")] == ["no access", "viewer", "admin"]


def test_an_added_group_gives_its_rights_at_the_next_request(realm: Realm) -> None:
    realm.person("berta", "desk-admins")
    realm.person("berta", "desk-viewers")  # as where the test is run again
    client = signed_in(realm, "berta")
    realm.join("berta", "desk-support")
    assert client.get("/audit/").status_code == 200


def test_a_fragment_of_somebody_without_a_group_leads_to_the_login(realm: Realm) -> None:
    realm.person("cleo", "desk-viewers")
    client = signed_in(realm, "cleo")
    realm.leave("cleo", "desk-viewers")
    answer = client.get("/topics/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login/")
    assert b"None of your groups at Keycloak gives a role here." in client.get("/login/").content


@pytest.mark.parametrize("how", ["disabled", "logged out", "deleted"])
def test_who_is_gone_at_the_provider_is_gone_here_at_the_next_request(realm: Realm, how: str) -> None:
    name = realm.person(f"dora-{how.replace(' ', '-')}", "desk-support")
    client = signed_in(realm, name)
    assert is_open(client)
    if how == "disabled":
        realm.change(name, enabled=False)
    elif how == "deleted":
        realm.delete(name)
    else:
        realm.end_sessions(name)
    answer = client.get("/topics/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/topics/")
    assert b"Your sign-in has ended. Sign in again." in client.get("/login/").content
    assert acts(action="log_out")[0].details["reason"] == "the login at the provider has ended"
    assert not ProviderLogin.objects.filter(person=account(name)).exists()


def test_without_a_fitting_group_there_is_no_login_and_no_account(realm: Realm) -> None:
    realm.person("emil", "desk-privacy")
    client = Client()
    answer = come_back(client, realm.sign_in(way_there(client), "emil"))
    assert answer.status_code == 403
    assert b"none of your groups there gives a role here" in answer.content
    assert not is_open(client)
    refused = acts(action="refused")[0]
    assert refused.resource.name == "emil (at Keycloak)"
    assert refused.details["reason"] == "none of the person's groups gives a role"
    assert not Person.objects.exists()


def test_neither_a_name_nor_a_mail_address_takes_over_an_account_that_was_there(realm: Realm) -> None:
    there = people.admin()
    there.email = "admin@example.org"
    there.save()
    people.person(Role.SUPPORT, "Frida")
    realm.person("admin", "desk-viewers", mail="admin@example.org")
    realm.person("frida", "desk-viewers")
    client = signed_in(realm, "admin")
    signed_in(realm, "frida")
    assert client.get("/audit/").status_code == 403
    assert (account("admin").role, account("admin").pk) == (Role.ADMIN, there.pk)
    assert (account("admin-2").role, account("frida-2").role, account("Frida").role) == ("viewer", "viewer", "support")
    assert not ProviderLogin.objects.filter(person=there).exists()


def test_the_same_person_comes_back_to_the_same_account_under_another_name(realm: Realm) -> None:
    realm.person("gerd", "desk-viewers")
    signed_in(realm, "gerd")
    realm.change("gerd", email="other@example.org", firstName="Other")
    client = signed_in(realm, "gerd")
    assert is_open(client)
    assert [act.resource.name for act in acts(action="manage_people")] == ["gerd"]


def test_an_account_that_is_disabled_here_is_not_let_in(realm: Realm) -> None:
    realm.person("hugo", "desk-viewers")
    client = signed_in(realm, "hugo")
    hugo = account("hugo")
    hugo.is_active = False
    hugo.save()
    assert not is_open(client)
    again = Client()
    answer = come_back(again, realm.sign_in(way_there(again), "hugo"))
    assert (answer.status_code, b"Your account is disabled" in answer.content) == (403, True)
    assert not is_open(again)


def test_a_logout_ends_the_login_here_and_offers_to_end_that_of_the_provider(realm: Realm) -> None:
    realm.person("ines", "desk-viewers")
    client = signed_in(realm, "ines")
    answer = client.post("/logout/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/signed-out/")
    assert not ProviderLogin.objects.exists()
    page = client.get("/signed-out/").content.decode()
    assert f"{realm.provider.issuer}/protocol/openid-connect/logout?client_id=eventdesk" in page
    assert "id_token" not in page
    assert not is_open(client)


def test_an_ended_access_token_is_replaced_by_the_refresh_token(realm: Realm) -> None:
    realm.person("jana", "desk-viewers")
    client = signed_in(realm, "jana")
    text = client.session["signed_in_by"]
    row = ProviderLogin.objects.get()
    before = kept.tokens_in(row, text)
    assert before is not None
    row.tokens = kept._encrypted(text, Tokens(access="ended", refresh=before.refresh))
    row.save()
    assert is_open(client)
    after = kept.tokens_in(ProviderLogin.objects.get(), text)
    assert after is not None
    assert after.access not in ("ended", before.access)
    realm.leave("jana", "desk-viewers")
    assert not is_open(client)


def test_a_password_of_the_installation_opens_nothing_where_it_is_turned_off(realm: Realm, settings: Any) -> None:
    there = people.support()
    by_password = Client()
    by_password.force_login(there)
    assert is_open(by_password)
    settings.LOCAL_LOGIN = False
    assert not is_open(by_password)
    page = Client().get("/login/").content
    assert b"Sign in with Keycloak" in page
    assert b"Password" not in page
    answer = Client().post("/login/", {"username": "support", "password": people.PASSWORD})
    assert (answer.status_code, b"takes no passwords" in answer.content) == (403, True)
    realm.person("karl", "desk-viewers")
    assert is_open(signed_in(realm, "karl"))
