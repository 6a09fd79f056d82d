"""Failed logins: limited by name and by address, on the record, and allowed again by an admin."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from dashboard.access import login_limit
from dashboard.access.command_actions import account, address
from dashboard.access.login_limit import PER_ADDRESS, PER_NAME, WINDOW
from dashboard.auditing.acts import acts
from dashboard.auditing.refusals import write_ended
from dashboard.auditing.verification import verify
from dashboard.models import AuditEntry, LoginAttempt, Refusal, Role, State
from tests import people
from tests.people import PASSWORD
from tests.web.test_commands import run

pytestmark = pytest.mark.usefixtures("desk_databases")
WRONG = "wrong-password-typed"


@pytest.fixture(autouse=True)
def no_proxies(settings: Any) -> None:
    settings.PROXIES = "0"


def answer(name: str, password: str = WRONG, *, came_from: str = "198.51.100.7") -> Any:
    return Client(REMOTE_ADDR=came_from).post("/login/", {"username": name, "password": password})


def use_up(name: str, *, came_from: str = "198.51.100.7") -> None:
    for _ in range(PER_NAME):
        assert answer(name, came_from=came_from).status_code == 200


def test_sixty_wrong_passwords_are_not_all_tried_and_then_the_right_one_has_to_wait_too() -> None:
    people.support()
    statuses = [answer("support").status_code for _ in range(60)]
    assert statuses == [200] * PER_NAME + [429] * (60 - PER_NAME)
    refused = answer("support", PASSWORD, came_from="203.0.113.1")
    assert refused.status_code == 429
    assert "Too many attempts. Try again in 15 minutes." in refused.content.decode()
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW.total_seconds()


def test_refused_attempts_do_not_extend_the_wait() -> None:
    people.support()
    use_up("support")
    LoginAttempt.objects.update(at=LoginAttempt.objects.earliest("at").at - WINDOW + WINDOW / 15)
    assert "Try again in 1 minute." in answer("support").content.decode()
    LoginAttempt.objects.update(at=LoginAttempt.objects.earliest("at").at - WINDOW / 15)
    assert answer("support", PASSWORD).status_code == 302


def test_a_name_that_no_account_has_is_limited_alike() -> None:
    for _ in range(PER_NAME):
        assert answer("nobody").status_code == 200
    assert answer("nobody").status_code == 429


def test_one_address_cannot_try_one_password_for_many_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_limit, "PER_ADDRESS", 3)
    people.support()
    assert [answer(f"name-{number}").status_code for number in range(4)] == [200, 200, 200, 429]
    assert answer("support", PASSWORD).status_code == 429
    assert answer("support", PASSWORD, came_from="203.0.113.1").status_code == 302
    assert answer("support", PASSWORD).status_code == 429, "a success from elsewhere lifted the limit of the address"


def test_logins_that_succeed_are_never_too_many() -> None:
    people.support()
    for _ in range(PER_ADDRESS + 1):
        assert answer("support", PASSWORD).status_code == 302
    assert not LoginAttempt.objects.exists()


def test_a_success_resets_the_name() -> None:
    people.support()
    for _ in range(PER_NAME - 1):
        answer("support")
    assert answer("support", PASSWORD).status_code == 302
    assert answer("support").status_code == 200


def test_attempts_at_the_same_moment_do_not_pass_the_limit_together() -> None:
    people.support()

    def begin(_: int) -> bool:
        try:
            return isinstance(login_limit.begin("support", "198.51.100.7"), login_limit.Attempt)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        let_in = sum(threads.map(begin, range(3 * PER_NAME)))
    assert 0 < let_in <= PER_NAME


def test_each_failure_is_recorded_with_account_and_address_and_without_what_was_typed() -> None:
    people.support()
    answer("support")
    answer("my-secret-in-the-wrong-field", came_from="203.0.113.1")
    nobody, wrong = acts()
    assert (wrong.actor, wrong.action, wrong.resource, wrong.state) == (
        "(not logged in)",
        "log_in",
        account("support"),
        State.FAILED,
    )
    assert wrong.details == {"address": "198.51.100.7"}
    assert (nobody.resource.name, nobody.details["address"]) == ("(a name that no account has)", "203.0.113.1")
    everything = "".join(str(vars(entry)) for entry in AuditEntry.objects.all())
    assert WRONG not in everything
    assert "my-secret" not in everything
    assert not LoginAttempt.objects.filter(key__contains="my-secret").exists()
    assert verify() is None


def test_the_failure_that_reaches_the_limit_says_so_and_refused_ones_are_one_entry() -> None:
    people.support()
    use_up("support")
    assert len(acts()) == PER_NAME
    assert "this name are refused for up to 15 minutes" in acts()[0].details["limit_reached"]
    assert "limit_reached" not in acts()[1].details
    for _ in range(3):
        answer("support")
    assert (acts()[0].action, len(acts())) == ("refused", PER_NAME + 1)
    client = Client()
    client.force_login(people.admin())
    assert "198.51.100.7" in client.get("/audit/?action=log_in").content.decode()


def test_made_up_names_from_unknown_addresses_cannot_fill_the_record_and_are_answered_as_accounts_are(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PROXIES, settings.BEHIND_TLS = "", True
    monkeypatch.setattr(login_limit, "RECORDED_OF_NOBODY", 3)
    people.support()
    assert [answer(f"name-{number}").status_code for number in range(6)] == [200] * 6
    recorded = acts(action="log_in")
    assert len(recorded) == 3
    assert "without an account are counted and not recorded one by one for up to 15" in recorded[0].details["limit_reached"]
    assert "limit_reached" not in recorded[1].details
    assert len(acts(action="refused")) == 1, "those after it are counted"
    assert answer("support").status_code == 200
    assert (acts()[0].resource, len(acts(action="log_in"))) == (account("support"), 4)
    assert answer("support", PASSWORD).status_code == 302
    LoginAttempt.objects.update(at=LoginAttempt.objects.earliest("at").at - WINDOW)
    answer("name-7")
    assert len(acts(action="log_in")) == 6, "the record takes them again in the next window"


def test_however_many_addresses_a_client_has_it_cannot_fill_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_limit, "RECORDED_OF_NOBODY", 4)
    for number in range(9):
        assert answer(f"name-{number}", came_from=f"2001:db8:0:{number}::1").status_code == 200
    assert AuditEntry.objects.count() == 4 * 2 + 1
    Refusal.objects.update(until=datetime.now(UTC))
    write_ended()
    assert acts(action="refused")[0].details["times"] == 4
    assert verify() is None


@pytest.mark.parametrize("option", ["--name", "--address"])
def test_an_admin_lets_a_person_or_an_address_log_in_again(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    people.support()
    people.person(Role.ADMIN, "anna")
    if option == "--address":
        monkeypatch.setattr(login_limit, "PER_ADDRESS", PER_NAME)
        monkeypatch.setattr(login_limit, "PER_NAME", 2 * PER_NAME)
    use_up("support")
    assert answer("support", PASSWORD).status_code == 429
    value = "support" if option == "--name" else "198.51.100.7"
    status, out, _ = run("allow_logins", option, value, "--as", "anna")
    assert (status, f"{value} may log in again" in out) == (0, True)
    assert answer("support", PASSWORD).status_code == 302
    newest = acts(action="allow_logins")[0]
    assert (newest.action, newest.actor) == ("allow_logins", "anna")
    assert newest.resource == (account(value) if option == "--name" else address(value))


def test_open_sessions_and_tokens_are_not_limited() -> None:
    client = Client()
    client.force_login(people.support())
    use_up("support")
    assert client.get("/topics/").status_code == 200
