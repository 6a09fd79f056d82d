"""No page shows anything of the desk to somebody of whom the provider was not asked."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as given
from django.db import DatabaseError, connections
from django.test import Client, RequestFactory

from dashboard.accounts import sessions
from dashboard.auditing.acts import acts
from dashboard.auditing.chain import RecordDamaged
from dashboard.models import LoginSession, Person, ProviderLogin, Role
from dashboard.signin import accounts, arriving, kept
from dashboard.signin.provider import Tokens
from eventstore.config.loading import parse_config
from tests.people import person
from tests.signin.browsing import GROUPS
from tests.signin.odd_provider import OddProvider, running
from tests.signin.test_odd_answers import answered, logged_in

pytestmark = pytest.mark.usefixtures("desk_databases")
NAMELESS = ("/nothing/there/", "/topics/?x=%00")
"""Addresses that no page answers."""


@pytest.fixture
def odd(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[OddProvider]:
    monkeypatch.setattr("dashboard.signin.provider.NOT_ASKED_FOR", 0.0)
    settings.PROXIES = "0"
    with running(OddProvider()) as there:
        settings.SIGN_IN = there.provider
        settings.EVENTDESK = parse_config(GROUPS, "groups.toml")
        yield there


@pytest.mark.parametrize("path", NAMELESS)
def test_the_provider_is_asked_before_a_page_that_says_there_is_none(odd: OddProvider, path: str) -> None:
    client = logged_in(odd)
    first = client.get(path)
    assert (first.status_code, b"anna" in first.content, odd.asked) == (404, True, 1)
    odd.broken = (500, b"")
    answered(3000)
    shut = client.get(path)
    assert (shut.status_code, b"anna" in shut.content) == (503, False)
    odd.broken, odd.access, odd.refresh = None, "ended", "ended"
    ended = client.get(path)
    assert (ended.status_code, b"anna" in ended.content) == (404, False)
    assert len(acts(action="log_out")) == 1


def test_pages_that_ask_nothing_show_nothing_of_the_desk_where_they_fail(odd: OddProvider, settings: Any) -> None:
    client = logged_in(odd)
    nul = client.get("/login/?x=%00")
    settings.SIGN_IN = None
    gone = client.get("/signed-out/")
    for answer in (nul, gone):
        assert (answer.status_code, b"anna" in answer.content, b"search" in answer.content) == (404, False, False)


def test_an_account_of_the_provider_without_its_mark_in_the_session_is_ended(odd: OddProvider) -> None:
    anna = person(Role.VIEWER, "anna")
    client = Client()
    client.force_login(anna)
    assert client.get("/topics/").status_code == 200
    anna.set_unusable_password()
    anna.save()
    client.force_login(anna)
    assert client.get("/topics/").status_code == 302
    assert acts(action="log_out")[0].details["reason"] == "the login is neither by a password nor by the provider"


@pytest.mark.parametrize("what", ["dashboard.signin.kept.begin", "dashboard.signin.arriving.noted"])
def test_a_sign_in_that_breaks_off_leaves_no_session(odd: OddProvider, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    client = logged_in(odd)
    request = RequestFactory().get("/sign-in/callback/")
    request.session, request.user = client.session, Person.objects.get(username="anna")
    monkeypatch.setattr(what, _fails)
    with pytest.raises(DatabaseError):
        arriving._log_in(request, Person.objects.get(username="anna"), odd.provider, "s-1", Tokens(access="a"))
    assert not request.session.items()
    assert not LoginSession.objects.exists()


def _fails(*_: object, **__: object) -> None:
    raise DatabaseError


def test_an_answer_of_a_clock_that_is_ahead_counts_for_nothing(odd: OddProvider) -> None:
    client = logged_in(odd)
    odd.claims = {"sub": "s-1", "groups": []}
    answered(-30)
    assert (client.get("/topics/").status_code, odd.asked) == (403, 1)


def test_requests_under_way_together_record_one_end_and_one_change(odd: OddProvider) -> None:
    client = logged_in(odd, refresh="")
    odd.claims = {"sub": "s-1", "groups": ["desk-support"]}
    key = client.cookies[given.SESSION_COOKIE_NAME].value

    def ask(_: int) -> int:
        browser = Client()
        browser.cookies[given.SESSION_COOKIE_NAME] = key
        try:
            return browser.get("/account/", headers={"HX-Request": "true"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(ask, range(4))) == {200}
        assert len(acts(action="role_by_groups")) == 1
        odd.access = "ended"
        list(threads.map(ask, range(4)))
    assert len(acts(action="log_out")) == 1


def test_a_change_that_cannot_be_recorded_is_told_without_the_desk(odd: OddProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    client = logged_in(odd)
    odd.claims = {"sub": "s-1", "groups": ["desk-support"]}

    def damaged(*_: object) -> None:
        raise RecordDamaged("The audit record has lost its head row.")

    monkeypatch.setattr(accounts, "noted", damaged)
    answer = client.get("/topics/")
    assert (answer.status_code >= 500, b"lost its head row" in answer.content, b"anna" in answer.content) == (
        True,
        True,
        False,
    )


@pytest.mark.parametrize(
    "metadata", [{"userinfo_endpoint": "https://login.example.org:99999/x"}, {"userinfo_endpoint": "https://\u2028.example/"}]
)
def test_an_address_at_the_provider_that_cannot_be_asked_is_no_answer(odd: OddProvider, metadata: dict[str, str]) -> None:
    client = logged_in(odd)
    odd.metadata = metadata
    assert client.get("/topics/").status_code == 200
    answered(3000)
    assert client.get("/topics/").status_code == 503


def test_a_token_that_cannot_be_sent_is_no_answer_and_a_list_that_is_none_is_read_as_none(odd: OddProvider) -> None:
    client = logged_in(odd)
    odd.access = "access-of-later"
    odd.metadata = {"token_endpoint_auth_methods_supported": None}
    assert client.get("/topics/").status_code == 200
    assert odd.refreshed == 1
    row, text = ProviderLogin.objects.get(), client.session[kept.IN_SESSION]
    ProviderLogin.objects.update(
        tokens=kept._encrypted(text, Tokens(access="\u00e9", refresh="")), asked=datetime.now(UTC) - timedelta(seconds=9)
    )
    assert (row.subject, client.get("/topics/").status_code) == ("s-1", 200)


@pytest.mark.parametrize("how", ["ended in the list", "ran out"])
def test_what_is_kept_of_a_login_goes_with_its_session_however_that_ends(odd: OddProvider, how: str) -> None:
    client = logged_in(odd)
    anna = Person.objects.get(username="anna")
    if how == "ended in the list":
        assert sessions.end(anna) == 1
    else:
        LoginSession.objects.update(expire_date=datetime.now(UTC))
        Client().force_login(person(Role.SUPPORT))
    assert not ProviderLogin.objects.exists()
    assert client.get("/topics/").status_code == 302


def test_metadata_that_cannot_be_used_is_not_asked_for_by_every_visitor(
    odd: OddProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.signin.provider.NOT_ASKED_FOR", 60.0)
    odd.not_there = "/.well-known/openid-configuration"
    for _ in range(3):
        assert Client().get("/signed-out/").status_code == 200
    assert odd.missed == 1


def test_a_mail_address_that_is_too_long_to_keep_is_left_out() -> None:
    label = ".".join(["a" * 60] * 4)
    claims = {"email": f"anna@{label}.example", "email_verified": True}
    assert accounts._mail_in(claims) == ""
