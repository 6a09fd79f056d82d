"""Answers that did not come from the provider to this very sign-in, against a real Keycloak."""

import logging
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.socialaccount.internal.statekit import STATES_SESSION_KEY
from django.test import Client

from dashboard.access import login_limit
from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, LoginAttempt, Person, ProviderLogin
from dashboard.signin import kept
from tests.signin.browsing import come_back, query_of, use, way_there
from tests.signin.realm import SECRET, Realm

pytestmark = pytest.mark.usefixtures("desk_databases")
EVIL = "//evil.example/"


@pytest.fixture(autouse=True)
def provider(settings: Any, realm: Realm) -> None:
    settings.PROXIES = "0"
    use(settings, realm)


@pytest.fixture(scope="module")
def anton(realm: Realm) -> str:
    return realm.person("anton", "desk-viewers")


def refused(client: Client, url: str, status: int = 400) -> None:
    answer = come_back(client, url)
    assert (answer.status_code, b"Not signed in" in answer.content) == (status, True)
    assert client.get("/topics/").status_code == 302
    assert not ProviderLogin.objects.exists()


def test_what_is_sent_to_the_provider_has_a_state_a_nonce_and_a_challenge_of_this_sign_in(realm: Realm) -> None:
    first, second = (query_of(way_there(Client())) for _ in range(2))
    assert first["code_challenge_method"] == "S256"
    assert (first["response_type"], first["redirect_uri"]) == ("code", "http://testserver/sign-in/callback/")
    assert set(first["scope"].split()) == {"openid", "profile", "email"}
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))
    assert SECRET not in str(first)


def test_a_forged_state_is_refused(realm: Realm, anton: str) -> None:
    client = Client()
    back = realm.sign_in(way_there(client), anton)
    forged = {**query_of(back), "state": "A" * 16}
    refused(client, f"/sign-in/callback/?{urlencode(forged)}")
    del forged["state"]
    refused(client, f"/sign-in/callback/?{urlencode(forged)}")


def test_a_callback_without_a_session_or_in_another_one_is_refused(realm: Realm, anton: str) -> None:
    back = realm.sign_in(way_there(Client()), anton)
    refused(Client(), back)
    other = Client()
    way_there(other)
    refused(other, back)
    assert acts(action="refused")[0].details["reason"] == "the sign-in was begun elsewhere, used already, or is too old"


def test_a_callback_is_taken_once(realm: Realm, anton: str) -> None:
    client = Client()
    back = realm.sign_in(way_there(client), anton)
    assert come_back(client, back).status_code == 302
    client.post("/logout/")
    refused(client, back)


def test_a_code_that_was_used_already_is_refused_by_the_provider(realm: Realm, anton: str) -> None:
    first, second = Client(), Client()
    back = realm.sign_in(way_there(first), anton)
    assert come_back(first, back).status_code == 302
    first.post("/logout/")
    way = query_of(way_there(second))
    refused(second, f"/sign-in/callback/?{urlencode({**query_of(back), 'state': way['state']})}")


def test_a_code_of_another_sign_in_does_not_fit_its_verifier(realm: Realm, anton: str) -> None:
    victim, attacker = Client(), Client()
    stolen = query_of(realm.sign_in(way_there(victim), anton))
    own = query_of(way_there(attacker))
    refused(attacker, f"/sign-in/callback/?{urlencode({**stolen, 'state': own['state']})}")


def changed_state(client: Client, **changes: Any) -> None:
    session = client.session
    states = session[STATES_SESSION_KEY]
    session[STATES_SESSION_KEY] = {id: [{**state, **changes}, *rest] for id, (state, *rest) in states.items()}
    session.save()


def test_an_id_token_with_another_nonce_is_refused(realm: Realm, anton: str) -> None:
    for nonce in ("another", ""):
        client = Client()
        back = realm.sign_in(way_there(client), anton)
        changed_state(client, nonce=nonce)
        refused(client, back, 502)
    assert "nonce" in acts(action="refused")[0].details["reason"]


def test_another_issuer_than_the_one_that_is_set_is_refused(realm: Realm, settings: Any) -> None:
    """An address that leads to the same provider under another name."""
    other = realm.provider.issuer.replace("127.0.0.1", "localhost")
    use(settings, realm, issuer=other)
    answer = Client().post("/sign-in/")
    assert (answer.status_code, b"cannot be used" in answer.content) == (502, True)


def test_a_sign_in_that_takes_too_long_is_refused(realm: Realm, anton: str) -> None:
    client = Client()
    back = realm.sign_in(way_there(client), anton)
    session = client.session
    session[STATES_SESSION_KEY] = {id: [state, 0, who] for id, (state, _, who) in session[STATES_SESSION_KEY].items()}
    session.save()
    refused(client, back)


@pytest.mark.parametrize(
    "wanted", [EVIL, "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "\t//evil.example", "x"]
)
def test_a_sign_in_leads_to_pages_of_this_installation_alone(realm: Realm, anton: str, wanted: str) -> None:
    client = Client()
    answer = come_back(client, realm.sign_in(way_there(client, wanted), anton))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_a_path_that_was_planted_into_the_state_is_checked_again(realm: Realm, anton: str) -> None:
    client = Client()
    back = realm.sign_in(way_there(client), anton)
    changed_state(client, next=EVIL)
    assert come_back(client, back).headers["Location"] == "/"


def test_nothing_of_a_request_changes_what_is_asked_of_the_provider(realm: Realm) -> None:
    client = Client()
    way = "/sign-in/?process=connect&scope=admin&auth_params=redirect_uri%3Dhttps%3A%2F%2Fevil.example&next=//evil.example"
    told = query_of(client.post(way, {"next": ""}).headers["Refresh"])
    assert told["redirect_uri"] == "http://testserver/sign-in/callback/"
    assert "admin" not in told["scope"]
    assert next(iter(client.session[STATES_SESSION_KEY].values()))[0]["process"] == "login"


def test_a_cancelled_sign_in_and_any_other_error_are_told_in_our_own_words(realm: Realm) -> None:
    for error, status in (("access_denied", 200), ("<script>alert(1)</script>", 400)):
        client = Client()
        state = query_of(way_there(client))["state"]
        query = urlencode({"state": state, "error": error, "error_description": "<b>call 555</b>"})
        answer = client.get(f"/sign-in/callback/?{query}")
        assert (answer.status_code, b"Not signed in" in answer.content) == (status, True)
        assert b"555" not in answer.content
        assert b"alert(1)" not in answer.content


def test_sign_ins_that_are_begun_and_not_completed_are_limited_by_address(
    realm: Realm, anton: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_limit, "PER_ADDRESS", 3)
    client = Client()
    assert come_back(client, realm.sign_in(way_there(client), anton)).status_code == 302
    assert not LoginAttempt.objects.exists()
    for _ in range(3):
        assert Client().post("/sign-in/").status_code == 200
    answer = Client().post("/sign-in/")
    assert (answer.status_code, b"Too many sign-ins were begun" in answer.content) == (429, True)
    assert acts(action="refused")[0].details["reason"] == "too many attempts"
    assert "Retry-After" in answer.headers
    assert Client(REMOTE_ADDR="198.51.100.9").post("/sign-in/").status_code == 200


def test_no_token_secret_or_code_is_in_a_page_a_cookie_a_row_or_a_line_of_the_log(
    realm: Realm, anton: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client()
    back = realm.sign_in(way_there(client), anton)
    caplog.set_level(logging.DEBUG)
    pages = [come_back(client, back), client.get("/"), client.get("/topics/")]
    tokens = kept.tokens_in(ProviderLogin.objects.get(), client.session[kept.IN_SESSION])
    assert tokens is not None
    secrets = [tokens.access, tokens.refresh, tokens.access.split(".")[2], SECRET, query_of(back)["code"]]
    rows = [str(list(model.objects.values())) for model in (AuditEntry, ProviderLogin, Person)]
    session = str(dict(client.session))
    told = [page.content.decode() + str(page.headers) + str(page.cookies) for page in pages] + [caplog.text, *rows, session]
    assert [secret[:8] for secret in secrets for text in told if secret in text] == []
    client.post("/logout/")
    assert SECRET not in caplog.text


def test_of_allauth_nothing_but_the_tables_is_reachable() -> None:
    from django.urls import get_resolver

    assert [str(pattern.pattern) for pattern in get_resolver().url_patterns if "allauth" in pattern.callback.__module__] == []
    tried = (
        "login",
        "signup",
        "logout",
        "password/reset",
        "password/change",
        "email",
        "inactive",
        "3rdparty",
        "social/signup",
    )
    for path in (*tried, "oidc/x/login", "openid_connect/login", "sign-in/x", "openid"):
        for prefix in ("/", "/accounts/", "/sign-in/"):
            if prefix + path not in ("/login", "/logout"):
                assert Client().get(f"{prefix}{path}/").status_code == 404, prefix + path
