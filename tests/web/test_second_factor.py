"""The second factor: what a login without it reaches, codes that are taken once and tried seldom, and enrolling a device."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import CommandError
from django.db import connections
from django.test import Client

from dashboard.access.login_limit import PER_CODE
from dashboard.accounts import second_factor
from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, LoginSession, RecoveryCode, Role
from dashboard.signin import kept
from dashboard.signin.provider import Tokens
from tests import people
from tests.web.second_factor import (
    STEP,
    code_of,
    device_of,
    enters,
    key_of,
    logged_in,
    needing,
    reached,
    with_password,
    wrong_code,
)
from tests.web.test_commands import run

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture(autouse=True)
def no_proxies(settings: Any) -> None:
    settings.PROXIES = "0"


def test_the_password_alone_of_somebody_with_a_device_opens_the_second_step_and_nothing_else() -> None:
    person = people.viewer()
    device_of(person)
    client = with_password(person)
    assert reached(client) == {"second_step"}
    fragment = client.get("/topics/", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (401, "/login/")
    assert client.get("/login/?next=/topics/").headers["Location"] == f"{STEP}?next=%2Ftopics%2F"


def test_the_password_alone_of_a_role_that_needs_a_factor_opens_enrolment_and_nothing_else() -> None:
    with needing("admin"):
        client = with_password(people.admin())
        assert reached(client) == {"second_step"}
        assert b"Set up your second factor" in client.get(STEP).content
        assert enters(with_password(people.support())), "another role"


def test_the_right_code_lets_in_leads_on_and_is_recorded_and_the_session_gets_another_key() -> None:
    person = people.support()
    device = device_of(person)
    client = with_password(person)
    before = key_of(client)
    assert acts(action="log_in") == [], "it is no login yet"
    answer = client.post(STEP, {"code": code_of(device.key), "next": "/topics/?x=1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/topics/?x=1")
    assert key_of(client) != before
    assert not LoginSession.objects.filter(session_key=before).exists()
    assert enters(client)
    (act,) = acts(action="log_in")
    assert (act.actor, act.details) == ("support", {"address": "127.0.0.1", "second_factor": "code"})


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_second_step_leads_to_no_other_house(elsewhere: str) -> None:
    device = device_of(people.support())
    client = with_password(people.support())
    assert client.post(STEP, {"code": code_of(device.key), "next": elsewhere}).headers["Location"] == "/"


def test_a_code_that_was_used_is_not_accepted_again() -> None:
    person = people.support()
    code = code_of(device_of(person).key)
    assert with_password(person).post(STEP, {"code": code}).status_code == 302
    again = with_password(person)
    answer = again.post(STEP, {"code": code})
    assert answer.status_code == 200
    assert b"it was used before" in answer.content
    assert not enters(again)


def test_one_code_that_is_sent_many_times_at_once_lets_in_once() -> None:
    person = people.support()
    device = device_of(person)
    code = code_of(device.key)
    clients = [with_password(person) for _ in range(4)]

    def send(client: Client) -> int:
        try:
            return client.post(STEP, {"code": code}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(send, clients)) == [200, 200, 200, 302]


def test_wrong_codes_at_once_do_not_pass_the_limit_together_and_then_the_right_one_has_to_wait() -> None:
    person = people.support()
    device = device_of(person)
    wrong = wrong_code(device.key)
    clients = [with_password(person) for _ in range(6)]

    def guess(client: Client) -> bytes:
        try:
            return b"".join(client.post(STEP, {"code": wrong}).content for _ in range(3))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        tried = sum(page.count(b"Wrong code") for page in threads.map(guess, clients))
    assert 0 < tried <= PER_CODE
    for _ in range(PER_CODE):  # however few of them were counted
        clients[0].post(STEP, {"code": wrong})
    refused = clients[0].post(STEP, {"code": code_of(device.key)})
    assert (refused.status_code, b"Too many attempts" in refused.content) == (429, True)
    assert not enters(clients[0])
    assert not enters(with_password(person)), "the password does not lift the limit of codes"


def test_each_wrong_code_is_recorded_without_the_code_and_the_limit_too_until_an_admin_lifts_it() -> None:
    person = people.support()
    device = device_of(person)
    client = with_password(person)
    for _ in range(PER_CODE):
        client.post(STEP, {"code": wrong_code(device.key)})
    failed = acts(action="log_in")
    assert len(failed) == PER_CODE
    assert (failed[0].actor, failed[0].resource.name) == ("(not logged in)", "support")
    assert failed[0].outcome["reason"] == "the password was right, the code of the second factor was not"
    assert "codes for this name are refused" in failed[0].details["limit_reached"]
    assert wrong_code(device.key) not in str(list(AuditEntry.objects.values_list("details")))
    assert run("allow_logins", "--name", "support")[0] == 0
    assert client.post(STEP, {"code": code_of(device.key)}).status_code == 302


@pytest.mark.parametrize(
    "code", ["", " ", "12345", "1234567", "+12345", "１２３４５６", "1_2345", "x" * 5000, "\x00", "\ud800"]
)
def test_what_is_no_code_is_wrong_and_breaks_nothing(code: str) -> None:
    person = people.support()
    device_of(person)
    client = with_password(person)
    body = "code=" + quote(code, errors="surrogatepass")
    assert client.post(STEP, body, content_type="application/x-www-form-urlencoded").status_code == 200
    assert not enters(client)


def test_a_recovery_code_lets_in_once_however_it_is_spelled_and_is_recorded() -> None:
    person = people.support()
    device_of(person)
    first, second, *_ = second_factor.new_codes(person)
    assert not RecoveryCode.objects.filter(hash__contains=first.replace("-", "")).exists()
    client = with_password(person)
    assert client.post(STEP, {"code": f" {first.upper().replace('-', ' ')} "}).status_code == 302
    assert enters(client)
    assert acts(action="log_in")[0].details["second_factor"] == "recovery code"
    assert acts(action="log_in")[0].details["recovery_codes_left"] == second_factor.CODES - 1
    assert with_password(person).post(STEP, {"code": first}).status_code == 200
    stranger = people.person(Role.SUPPORT, "stranger")
    device_of(stranger)
    assert with_password(stranger).post(STEP, {"code": second}).status_code == 200, "of another person"


def test_a_person_who_is_raised_to_a_role_that_needs_a_factor_is_led_to_enrolment_at_the_next_request() -> None:
    with needing("approver"):
        person = people.support()
        client = with_password(person)
        assert enters(client)
        person.role = Role.APPROVER
        person.save()
        assert reached(client) == {"second_step"}
        assert client.get("/topics/", follow=True).redirect_chain[-1][0].startswith(STEP)


def test_a_person_who_is_disabled_between_the_two_steps_gets_no_further() -> None:
    person = people.support()
    device = device_of(person)
    client = with_password(person)
    person.is_active = False
    person.save()
    answer = client.post(STEP, {"code": code_of(device.key)})
    assert answer.headers["Location"] == "/login/"
    assert not enters(client)


def test_who_logs_in_by_the_provider_is_not_asked_for_a_factor_of_ours() -> None:
    with needing("admin"):
        client = Client()
        client.force_login(people.admin())
        assert not enters(client)
        session = client.session
        kept.begin(session, people.admin(), issuer="https://idp.example", subject="1", tokens=Tokens(access="x"))
        session.save()
        assert second_factor.step_of(people.admin(), session) is None


def test_a_half_login_gets_no_further_once_the_installation_takes_no_passwords(settings: Any) -> None:
    person = people.support()
    device_of(person)
    (code, *_) = second_factor.new_codes(person)
    client = with_password(person)
    settings.LOCAL_LOGIN = False
    answer = client.post(STEP, {"code": code})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/")
    assert second_factor.codes_left(person) == second_factor.CODES, "no code was used up"
    assert not LoginSession.objects.filter(person=person).exists()


def test_a_half_login_ends_soon_and_may_be_left_for_another_account() -> None:
    person = people.support()
    device_of(person)
    client = with_password(person)
    row = LoginSession.objects.get(person=person)
    assert 0 < (row.expire_date - row.last_used).total_seconds() <= 15 * 60
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert not LoginSession.objects.filter(person=person).exists()


def test_an_admin_removes_a_lost_device_with_a_reason_and_the_sessions_end() -> None:
    person = people.support()
    people.person(Role.ADMIN, "anna")
    device_of(person)
    second_factor.new_codes(person)
    client = logged_in(person)
    for refused in (("support", "--as", "support", "--reason", "lost"), ("support", "--as", "anna", "--reason", " ")):
        with pytest.raises(CommandError):
            run("remove_totp", *refused)
    assert second_factor.has_device(person)
    status, out, _ = run("remove_totp", "support", "--as", "anna", "--reason", "Phone lost, SUP-1")
    assert (status, "Sessions ended: 1" in out) == (0, True)
    assert not second_factor.has_device(person) and not RecoveryCode.objects.exists()
    assert not enters(client)
    (act,) = acts(action="remove_second_factor", actor="anna")
    assert (act.resource.name, act.details["reason"]) == ("support", "Phone lost, SUP-1")
    assert "Nothing was changed" in run("remove_totp", "support", "--as", "anna", "--reason", "again")[1]
    assert len(acts(action="remove_second_factor", actor="anna")) == 1
