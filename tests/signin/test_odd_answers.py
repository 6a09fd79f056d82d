"""What becomes of a login when its provider is away, slow, or says what it should not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from dashboard.models import Person, ProviderLogin, Role
from dashboard.signin import checking, kept
from dashboard.signin.provider import Tokens
from eventstore.config.loading import parse_config
from tests.people import person
from tests.signin.browsing import GROUPS
from tests.signin.odd_provider import OddProvider, running

pytestmark = pytest.mark.usefixtures("desk_databases")
NOT_USABLE = {
    "html": (200, b"<html>"),
    "list": (200, b"[]"),
    "cut": (200, b'{"sub"'),
    "redirect": (302, b""),
    "missing": (404, b""),
    "busy": (429, b""),
    "long": (200, b'{"a": "' + b"x" * 1_000_000 + b'"}'),
}


@pytest.fixture
def odd(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[OddProvider]:
    monkeypatch.setattr("dashboard.signin.provider.NOT_ASKED_FOR", 0.0)
    with running(OddProvider()) as there:
        settings.SIGN_IN = there.provider
        settings.EVENTDESK = parse_config(GROUPS, "groups.toml")
        yield there


def logged_in(odd: OddProvider, *, refresh: str = "refresh-1") -> Client:
    client = Client()
    anna = person(Role.VIEWER, "anna")
    client.force_login(anna)
    session = client.session
    kept.begin(session, anna, issuer=odd.url, subject="s-1", tokens=Tokens(access=odd.access, refresh=refresh))
    session.save()
    return client


def page(client: Client) -> tuple[int, str]:
    answer = client.get("/topics/")
    return answer.status_code, answer.content.decode()


def answered(seconds_ago: float) -> None:
    ProviderLogin.objects.update(asked=datetime.now(UTC) - timedelta(seconds=seconds_ago))


def test_while_the_provider_is_away_the_last_answer_holds_for_its_grace_and_each_page_says_so(odd: OddProvider) -> None:
    client = logged_in(odd)
    odd.broken = (500, b"")
    answered(200)
    status, text = page(client)
    assert status == 200
    assert "Odd does not answer." in text
    assert "nothing is shown until it does" in text
    answered(301)
    status, text = page(client)
    assert (status, "Odd does not answer" in text, "anna" in text) == (503, True, False)
    assert client.get("/topics/", headers={"HX-Request": "true"}).status_code == 503
    odd.broken = None
    status, text = page(client)
    assert (status, "does not answer" in text) == (200, False)


def test_without_a_grace_a_provider_that_is_away_closes_the_desk_at_once(odd: OddProvider, settings: Any) -> None:
    client = logged_in(odd)
    settings.SIGN_IN = replace(odd.provider, grace=0)
    odd.broken = (503, b"")
    assert page(client)[0] == 503


def test_a_logout_goes_through_while_the_provider_is_away(odd: OddProvider) -> None:
    client = logged_in(odd)
    odd.broken = (500, b"")
    answered(3000)
    assert client.post("/logout/").status_code == 302
    assert not ProviderLogin.objects.exists()


def test_a_provider_that_did_not_answer_is_left_alone_for_a_while(odd: OddProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.signin.provider.NOT_ASKED_FOR", 60.0)
    client = logged_in(odd)
    odd.broken = (500, b"")
    for _ in range(3):
        assert page(client)[0] == 200
    assert odd.asked == 1


@pytest.mark.parametrize("broken", list(NOT_USABLE.values()), ids=list(NOT_USABLE))
def test_an_answer_that_cannot_be_used_is_none(odd: OddProvider, broken: tuple[int, bytes]) -> None:
    client = logged_in(odd)
    odd.broken = broken
    assert page(client)[0] == 200
    answered(3000)
    assert page(client)[0] == 503


@pytest.mark.parametrize("claims", [{"sub": "s-2", "groups": ["desk-admins"]}, {"groups": ["desk-admins"]}, {"sub": ["s-1"]}])
def test_what_is_said_of_somebody_else_ends_the_login(odd: OddProvider, claims: dict[str, Any]) -> None:
    client = logged_in(odd)
    odd.claims = claims
    assert page(client)[0] == 302
    assert not ProviderLogin.objects.exists()
    assert Person.objects.get(username="anna").role == Role.VIEWER


@pytest.mark.parametrize(
    "groups", [None, [], {}, {"desk-viewers": 1}, 7, [["desk-viewers"]], "desk viewers", ["DESK-VIEWERS"]]
)
def test_a_claim_that_names_no_known_group_gives_no_role(odd: OddProvider, groups: object) -> None:
    client = logged_in(odd)
    odd.claims = {"sub": "s-1", "groups": groups}
    assert page(client)[0] == 403


def test_a_refresh_token_is_used_once_however_many_requests_need_it(odd: OddProvider) -> None:
    client = logged_in(odd)
    odd.access, odd.refresh_takes = "access-of-later", 0.2
    text = client.session[kept.IN_SESSION]

    def ask() -> checking.State:
        try:
            return checking.standing_of(text, Person.objects.get(username="anna")).state
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        states = [future.result() for future in [threads.submit(ask) for _ in range(6)]]
    assert set(states) == {checking.State.GOOD}
    assert odd.refreshed == 1


def test_a_request_that_was_killed_while_it_refreshed_does_not_hold_the_others_for_ever(odd: OddProvider) -> None:
    client = logged_in(odd)
    odd.access = "access-of-later"
    ProviderLogin.objects.update(busy_until=datetime.now(UTC) - timedelta(seconds=1))
    assert page(client)[0] == 200


def test_without_a_refresh_token_the_login_ends_with_its_access_token(odd: OddProvider) -> None:
    client = logged_in(odd, refresh="")
    odd.access = "access-of-later"
    assert page(client)[0] == 302


def test_an_answer_may_be_as_old_as_the_settings_say(odd: OddProvider, settings: Any) -> None:
    client = logged_in(odd)
    settings.SIGN_IN = replace(odd.provider, max_age=30)
    assert [page(client)[0] for _ in range(3)] == [200] * 3
    assert odd.asked == 0
    answered(31)
    assert [page(client)[0] for _ in range(3)] == [200] * 3
    assert odd.asked == 1
    settings.SIGN_IN = odd.provider
    assert [page(client)[0] for _ in range(3)] == [200] * 3
    assert odd.asked == 4


def test_static_files_the_login_page_and_health_ask_nothing(odd: OddProvider) -> None:
    client = logged_in(odd)
    for path in ("/static/dashboard/style.css", "/login/", "/healthz", "/readyz", "/robots.txt"):
        client.get(path)
    assert odd.asked == 0


@pytest.mark.parametrize("change", ["another issuer", "none", "another secret key", "the row is gone", "another person's row"])
def test_a_login_that_does_not_belong_to_the_provider_of_now_ends(odd: OddProvider, settings: Any, change: str) -> None:
    client = logged_in(odd)
    if change == "another issuer":
        settings.SIGN_IN = replace(odd.provider, issuer="https://login.example.org")
    elif change == "none":
        settings.SIGN_IN = None
    elif change == "another secret key":
        ProviderLogin.objects.update(tokens=kept._encrypted("another text", Tokens(access=odd.access)))
    elif change == "the row is gone":
        ProviderLogin.objects.all().delete()
    else:
        ProviderLogin.objects.update(person=person(Role.ADMIN))
    assert page(client)[0] == 302
    assert odd.asked == 0


def test_an_open_socket_of_a_session_asks_at_most_each_few_seconds(odd: OddProvider) -> None:
    client = logged_in(odd)
    anna = Person.objects.get(username="anna")
    answered(10)
    assert [checking.still_holds(client.session, anna) for _ in range(4)] == [True] * 4
    assert odd.asked == 1
    answered(10)
    odd.claims = {"sub": "s-1", "groups": []}
    assert not checking.still_holds(client.session, anna)


def test_for_all_sockets_of_a_session_it_is_asked_now_and_its_answer_before_counts_no_more(odd: OddProvider) -> None:
    client = logged_in(odd)
    anna = Person.objects.get(username="anna")
    assert checking.says_provider(Client().session), "no login by the provider"
    assert odd.asked == 0
    assert checking.says_provider(client.session) and checking.still_holds(client.session, anna)
    assert odd.asked == 1
    odd.claims = {"sub": "somebody else", "groups": []}
    assert not checking.says_provider(client.session)
    assert not checking.still_holds(client.session, anna)


def test_metadata_that_leads_elsewhere_without_tls_is_refused(odd: OddProvider) -> None:
    for name in ("token_endpoint", "userinfo_endpoint", "authorization_endpoint", "jwks_uri"):
        odd.metadata = {name: "http://login.example.org/x"}
        assert Client().post("/sign-in/").status_code == 502
