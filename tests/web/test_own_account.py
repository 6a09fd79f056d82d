"""One's own account: its logins and their ends, signing out everywhere, and the password."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.sessions.backends.base import UpdateError
from django.core.management import CommandError
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboard.accounts.session_store import BEGUN
from dashboard.accounts.sessions import browser_words
from dashboard.auditing.acts import acts
from dashboard.models import LoginSession, Person, Reveal, Role
from dashboard.setup.sign_in import Provider
from dashboard.signin import kept
from dashboard.signin.provider import Tokens
from tests import people
from tests.people import PASSWORD
from tests.web.desk import Desk, text
from tests.web.revealing import masked_desk, of_event, reveal
from tests.web.second_factor import enters, key_of, needing, with_password
from tests.web.test_commands import run

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW = "another-long-password"
pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture(autouse=True)
def no_proxies(settings: Any) -> None:
    settings.PROXIES = "0"


@pytest.fixture
def masked(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with masked_desk() as opened:
        yield opened


def row_of(client: Client) -> LoginSession:
    return LoginSession.objects.get(session_key=key_of(client))


def aged(client: Client, **by: int) -> None:
    """As if this login had been begun and used so much earlier."""
    row, earlier = row_of(client), timedelta(**by)
    data = row.get_decoded()
    data[BEGUN] = (datetime.fromisoformat(data[BEGUN]) - earlier).isoformat()
    encoded = type(client.session)().encode(data)
    LoginSession.objects.filter(pk=row.pk).update(last_used=row.last_used - earlier, session_data=encoded)


def numbers(client: Client) -> list[str]:
    return re.findall(r'data-session="([0-9a-f]+)"', client.get("/account/").content.decode())


def test_the_list_says_of_each_login_since_when_from_where_and_by_which_browser() -> None:
    here = with_password(people.support(), REMOTE_ADDR="203.0.113.9", headers={"user-agent": FIREFOX})
    with_password(people.support(), REMOTE_ADDR="198.51.100.7", headers={"user-agent": "curl/8"})
    with_password(people.viewer())
    page = here.get("/account/")
    assert "2 sessions" in text(page)
    assert "Firefox on Linux" in text(page) and "203.0.113.9" in text(page) and "A program that is not known" in text(page)
    assert page.content.decode().count(">this one<") == 1
    assert key_of(here) not in page.content.decode()
    assert row_of(here).pk not in page.content.decode()


@pytest.mark.parametrize("role", [str(role) for role in Role])
def test_everybody_with_an_account_has_this_page_and_it_leads_to_tokens_for_admins_alone(role: str) -> None:
    page = with_password(people.person(role)).get("/account/")
    assert page.status_code == 200
    assert ('href="/tokens/"' in page.content.decode()) is (role == "admin")


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("<script>alert(1)</script>", "A program that is not known"),
        ("", "A program that is not known"),
        ("X" * 100_000 + "Firefox/1", "A program that is not known"),
    ],
)
def test_a_browser_is_named_in_words_and_never_by_what_it_sent(agent: str, words: str) -> None:
    assert browser_words(agent) == words


def test_ending_one_login_ends_that_one_and_nobody_elses() -> None:
    here, other, ben = with_password(people.support()), with_password(people.support()), with_password(people.viewer())
    (_, of_other), (of_ben,) = numbers(here), numbers(ben)
    assert here.post("/account/session-ends/", {"session": of_ben}).status_code == 302
    assert enters(ben), "another person's"
    here.post("/account/session-ends/", {"session": of_other})
    assert (enters(here), enters(other), enters(ben)) == (True, False, True)
    assert len(numbers(here)) == 1
    assert acts(action="end_sessions")[0].outcome["sessions_ended"] == 1
    here.post("/account/session-ends/", {"session": numbers(here)[0]})
    assert not enters(here)


@pytest.mark.parametrize("number", ["", "x", "\x00", "0" * 5_000])
def test_a_login_that_there_is_not_ends_nothing(number: str) -> None:
    here = with_password(people.support())
    assert here.post("/account/session-ends/", {"session": number}).status_code == 302
    assert enters(here)


def test_signing_out_everywhere_ends_every_login_of_this_person_and_what_was_revealed(masked: Desk) -> None:
    here, other, ben = with_password(people.support()), with_password(people.support()), with_password(people.viewer())
    assert reveal(other, of_event(0)).status_code == 302
    assert here.post("/account/session-ends/", {"session": "everywhere"}).headers["Location"] == "/login/"
    assert (enters(here), enters(other), enters(ben)) == (False, False, True)
    assert not LoginSession.objects.filter(person__username="support").exists()
    assert Reveal.objects.get().how_ended == "logout"


def test_a_request_that_was_under_way_does_not_bring_an_ended_login_back() -> None:
    here, other = with_password(people.support()), with_password(people.support())
    under_way = other.session
    assert under_way[BEGUN]
    here.post("/account/session-ends/", {"session": "everywhere"})
    under_way["something"] = 1
    with pytest.raises(UpdateError):
        under_way.save()
    assert not LoginSession.objects.exists()


def test_the_list_after_logging_out_has_that_login_no_more() -> None:
    here, other = with_password(people.support()), with_password(people.support())
    other.post("/logout/")
    assert len(numbers(here)) == 1


def test_a_login_that_is_not_used_ends_and_one_that_is_used_goes_on_until_its_hours_are_over() -> None:
    with needing(idle_minutes=30, session_hours=2):
        client = with_password(people.support())
        assert timedelta(minutes=29) < row_of(client).expire_date - datetime.now(UTC) <= timedelta(minutes=30)
        aged(client, minutes=20)
        LoginSession.objects.update(expire_date=datetime.now(UTC) + timedelta(minutes=10))
        assert enters(client)
        assert row_of(client).expire_date > datetime.now(UTC) + timedelta(minutes=29), "its use has kept it alive"
        aged(client, minutes=90)
        assert enters(client)
        assert row_of(client).expire_date <= datetime.now(UTC) + timedelta(minutes=10), "two hours after it was begun"
        LoginSession.objects.update(expire_date=datetime.now(UTC))
        assert not enters(client)


def test_a_page_that_refreshes_itself_keeps_no_login_alive() -> None:
    client = with_password(people.support())
    aged(client, minutes=20)
    used = row_of(client).last_used
    client.get("/subscriptions/", headers={"HX-Request": "true", "HX-Trigger": "live", "HX-Target": "live"})
    client.get("/reveals/in-force/")
    assert row_of(client).last_used == used
    client.get("/aggregates/", headers={"HX-Request": "true", "HX-Trigger": "prefix", "HX-Target": "list"})
    assert row_of(client).last_used > used


def test_use_is_written_once_a_minute_and_a_request_that_cannot_write_it_is_answered() -> None:
    client = with_password(people.support())

    def writes() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert enters(client)
        return sum(query["sql"].startswith("UPDATE") for query in captured)

    assert writes() == 0
    aged(client, minutes=2)
    assert (writes(), writes()) == (1, 0)
    aged(client, minutes=2)

    def refuse(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("database is locked")
        return execute(sql, *arguments)

    with connection.execute_wrapper(refuse):
        assert enters(client)


def test_a_login_gives_the_session_another_key_and_clears_those_that_have_ended(settings: Any) -> None:
    client = Client()
    client.force_login(people.support())
    planted = key_of(client)
    gone = with_password(people.viewer())
    LoginSession.objects.filter(pk=row_of(gone).pk).update(expire_date=datetime.now(UTC) - timedelta(days=1))
    client.post("/logout/")
    client.cookies[settings.SESSION_COOKIE_NAME] = planted
    client.post("/login/", {"username": "support", "password": PASSWORD})
    assert key_of(client) != planted
    first = key_of(client)
    client.force_login(people.support())
    assert key_of(client) != first and not LoginSession.objects.filter(session_key=first).exists(), "the same person again"
    assert not LoginSession.objects.filter(session_key__in=[planted, key_of(gone)]).exists()


def test_a_changed_password_ends_the_other_logins_and_keeps_this_one_under_another_key() -> None:
    here, other = with_password(people.support()), with_password(people.support())
    before = key_of(here)
    given = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert here.post("/account/password-changes/", given).status_code == 302
    assert (enters(here), enters(other)) == (True, False)
    assert key_of(here) != before
    assert Person.objects.get(username="support").check_password(NEW)
    (act,) = acts(action="change_password")
    assert act.outcome["other_sessions_ended"] == 1
    assert NEW not in str(act)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"old_password": "wrong"}, "This is not your password."),
        ({"new_password1": "short", "new_password2": "short"}, "at least 10 characters"),
        ({"new_password2": "something-else"}, "match"),
        ({"new_password1": "password123", "new_password2": "password123"}, "too common"),
        ({"old_password": "", "new_password1": "", "new_password2": ""}, "Give the password that you have now."),
        ({"new_password1": "x" * 5_000, "new_password2": "x" * 5_000}, "at most"),
    ],
)
def test_a_password_that_is_not_taken_changes_nothing_and_is_shown_nowhere(given: dict[str, str], said: str) -> None:
    here = with_password(people.support())
    whole = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW} | given
    answer = here.post("/account/password-changes/", whole)
    assert answer.status_code == 422
    assert said in text(answer)
    assert not any(f'value="{value}"' in answer.content.decode() for value in whole.values() if value)
    assert Person.objects.get(username="support").check_password(PASSWORD)


def test_who_has_a_login_of_somebody_cannot_try_passwords_there_without_end() -> None:
    here = with_password(people.support())
    given = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    pages = [text(here.post("/account/password-changes/", given)) for _ in range(12)]
    assert "Too many attempts" in pages[-1]
    assert "Too many attempts" in text(here.post("/account/password-changes/", given | {"old_password": PASSWORD}))
    assert acts(action="log_in", actor="support")[0].outcome["reason"] == "Change password: wrong password"


def test_an_account_of_the_provider_has_no_password_and_no_factor_here(settings: Any) -> None:
    settings.SIGN_IN = by = Provider(issuer="https://login.example.org", client_id="eventdesk", name="Login", max_age=300)
    person = people.support()
    person.set_unusable_password()
    person.save()
    client = Client()
    client.force_login(person)
    session = client.session
    kept.begin(session, person, issuer=by.issuer, subject="s", tokens=Tokens(access="not asked within max_age"))
    session.save()
    assert "sign-in provider" in text(client.get("/account/"))
    for url in ("/account/password/", "/account/second-factor/"):
        assert client.get(url).status_code == 404
    assert client.post("/account/password-changes/", {}).status_code == 404


def test_an_admin_ends_the_sessions_of_a_person_with_a_reason() -> None:
    people.person(Role.ADMIN, "anna")
    here = with_password(people.support())
    with pytest.raises(CommandError, match="support may not"):
        run("end_sessions", "support", "--as", "support", "--reason", "x")
    with pytest.raises(CommandError, match="no account"):
        run("end_sessions", "nobody", "--as", "anna", "--reason", "x")
    assert enters(here)
    assert "1." in run("end_sessions", "support", "--as", "anna", "--reason", "Laptop stolen")[1]
    assert not enters(here)
    assert acts(action="end_sessions_of_person")[0].details["reason"] == "Laptop stolen"


def test_the_update_leaves_no_session_of_before_in_the_table_that_nothing_clears_any_more() -> None:
    empty = import_module("dashboard.migrations.0014_no_old_sessions").empty
    with connection.cursor() as cursor, connection.schema_editor() as editor:
        assert "django_session" not in connection.introspection.table_names(), "new installations have none"
        empty(apps, editor)
        cursor.execute("CREATE TABLE django_session (session_key varchar(40))")
        cursor.execute("INSERT INTO django_session VALUES ('of somebody')")
        try:
            empty(apps, editor)
            assert cursor.execute("SELECT count(*) FROM django_session").fetchone() == (0,)
        finally:
            cursor.execute("DROP TABLE django_session")
