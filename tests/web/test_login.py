"""Logging in: who may and who may not, and logging out."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests import people
from tests.people import PASSWORD

LOGIN = "/login/"
pytestmark = pytest.mark.usefixtures("desk_databases")


def log_in(client: Client, name: str, password: str = PASSWORD, **more: str) -> int:
    return client.post(LOGIN, {"username": name, "password": password, **more}).status_code


def test_the_right_password_leads_to_the_overview() -> None:
    people.support()
    client = Client()
    answer = client.post(LOGIN, {"username": "support", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("overview")


def test_whoever_was_sent_to_the_door_comes_back_to_where_they_wanted() -> None:
    people.support()
    client = Client()
    sent = client.get("/topics/?x=1").headers["Location"]
    page = client.get(sent)
    assert 'name="next" value="/topics/?x=1"' in page.content.decode()
    answer = client.post(LOGIN, {"username": "support", "password": PASSWORD, "next": "/topics/?x=1"})
    assert answer.headers["Location"] == "/topics/?x=1"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_door_leads_to_no_other_house(elsewhere: str) -> None:
    people.support()
    answer = Client().post(LOGIN, {"username": "support", "password": PASSWORD, "next": elsewhere})
    assert answer.headers["Location"] == reverse("overview")


def test_wrong_names_and_wrong_passwords_are_told_apart_by_nothing() -> None:
    people.support()
    people.person("admin", "gone", active=False)
    for name, password in (("support", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("a\x00b", PASSWORD)):
        answer = Client().post(LOGIN, {"username": name, "password": password})
        assert answer.status_code == 200
        assert "Wrong name or password." in answer.content.decode() or "\x00" in name
        assert PASSWORD not in answer.content.decode()


def test_a_name_comes_back_escaped_and_a_password_not_at_all() -> None:
    body = Client().post(LOGIN, {"username": '"><script>x', "password": "secret-typed"}).content.decode()
    assert "<script>x" not in body
    assert "secret-typed" not in body


def test_after_a_failure_the_name_stays_and_the_password_has_the_focus_and_the_reason() -> None:
    first = Client().get(LOGIN).content.decode()
    failed = Client().post(LOGIN, {"username": "support", "password": "wrong"}).content.decode()
    name, password = (re.compile(f'<input id="id_{field}"[^>]*>') for field in ("username", "password"))
    assert "autofocus" in name.findall(first)[0]
    assert "autofocus" not in password.findall(first)[0]
    assert 'value="support"' in name.findall(failed)[0]
    assert "autofocus" not in name.findall(failed)[0]
    assert all(
        said in password.findall(failed)[0] for said in (" autofocus", 'aria-describedby="login-error"', 'aria-invalid="true"')
    )
    assert re.search(r'id="login-error" role="alert"><p>.*Wrong name or password', failed)


def test_without_the_token_nobody_logs_in() -> None:
    people.support()
    client = Client(enforce_csrf_checks=True)
    assert log_in(client, "support") == 403


def test_logging_out_is_a_post_and_ends_the_session() -> None:
    client = Client()
    client.force_login(people.support())
    assert client.get("/logout/").status_code == 405
    assert client.get("/topics/").status_code == 200
    assert client.post("/logout/").headers["Location"] == LOGIN
    assert client.get("/topics/").status_code == 302


def test_an_account_without_a_role_is_told_so_on_every_page() -> None:
    client = Client()
    client.force_login(people.outsider())
    answer = client.get("/topics/")
    assert answer.status_code == 403
    assert "Requires role viewer, support, approver, privacy officer, auditor or admin." in answer.content.decode()


def test_a_person_made_inactive_is_out_at_once() -> None:
    person = people.support()
    client = Client()
    client.force_login(person)
    person.is_active = False
    person.save()
    assert client.get("/topics/").status_code == 302


def test_pages_are_framed_by_nobody_run_nothing_foreign_and_stay_in_no_cache() -> None:
    client = Client()
    client.force_login(people.support())
    for answer in (client.get("/topics/"), Client().get(LOGIN)):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    people.support()
    client = Client()
    log_in(client, "support")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
