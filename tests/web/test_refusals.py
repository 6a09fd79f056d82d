"""Refusals, logins and logouts are on the record, and no client can fill it with them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.test.utils import override_settings

from dashboard.access.policy import TABLE
from dashboard.auditing import refusals
from dashboard.auditing.acts import Act, acts
from dashboard.auditing.refusals import write_ended
from dashboard.auditing.verification import verify
from dashboard.models import Refusal, State
from dashboard.rendering.audit_text import RIGHTS, right_text
from eventstore.actions import action_named
from tests import people
from tests.people import PASSWORD
from tests.web.desk import Desk, opened_desk, text

REFUSED = "refused"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with override_settings(PROXIES="0"), opened_desk() as opened:
        yield opened


def refused() -> list[tuple[str, str, Any]]:
    return [(act.actor, act.resource.name, act.details.get("wanted")) for act in acts(action=REFUSED)]


def the_time_is_over() -> None:
    Refusal.objects.update(until=datetime.now(UTC) - timedelta(seconds=1))


def test_a_page_that_somebody_may_not_see_is_on_the_record_by_its_name_alone(desk: Desk) -> None:
    assert desk.get("/audit/?actor=secret-of-somebody", "viewer").status_code == 403
    (act,) = acts(action=REFUSED)
    assert (act.actor, act.resource.name, act.state) == ("viewer", "audit", State.FAILED)
    assert dict(act.details) == {"wanted": "read_audit", "address": "127.0.0.1"}
    assert verify() is None
    page = text(desk.get("/audit/"))
    assert "Refused: Audit" in page
    assert re.search(r"Wanted to ?read the audit record", page)


def test_every_right_of_the_table_has_words_on_the_record() -> None:
    """An auditor knows no names of the program."""
    assert all(name in RIGHTS or action_named(name) is not None for name in TABLE)
    assert not any("_" in right_text(name) for name in TABLE)


def test_more_of_the_same_are_counted_and_become_one_entry(desk: Desk) -> None:
    for _ in range(5):
        desk.get("/audit/", "viewer")
    desk.get("/audit/", "")
    assert len(refused()) == 2
    assert write_ended() == 0, "the time is not over"
    the_time_is_over()
    assert write_ended() == 1
    assert write_ended() == 0
    newest: Act = acts(action=REFUSED)[0]
    assert (newest.actor, newest.details["times"], newest.details["within_minutes"]) == ("viewer", 4, 10)
    assert len(refused()) == 3
    assert verify() is None


def test_the_next_time_begins_anew_when_the_first_is_over(desk: Desk) -> None:
    for _ in range(2):
        desk.get("/audit/", "viewer")
        the_time_is_over()
    assert refused() == [("viewer", "audit", "read_audit")] * 2


def test_all_without_a_login_are_one_however_many_they_are(desk: Desk) -> None:
    for place in range(20):
        client = Client(enforce_csrf_checks=True, REMOTE_ADDR=f"203.0.113.{place}")
        assert client.post("/login/", {"username": f"x{place}", "password": "y"}).status_code == 403
    assert refused() == [("(not logged in)", "page", None)]
    the_time_is_over()
    write_ended()
    assert len(refused()) == 2


def test_who_is_only_sent_to_the_login_is_not_refused(desk: Desk) -> None:
    assert Client().get("/audit/").status_code == 302
    assert refused() == []


def test_a_form_that_is_not_from_here_is_refused(desk: Desk) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.support())
    assert client.post("/logout/").status_code == 403
    assert refused() == [("support", "logout", None)]


def test_a_command_for_somebody_who_may_not_is_refused(desk: Desk) -> None:
    people.viewer()
    with pytest.raises(CommandError, match="may not do this"):
        call_command("create_user", "eve", "--role", "admin", "--as", "viewer", password_stdin=False)
    (act,) = acts(action=REFUSED)
    assert (act.actor, act.via, act.resource.name, act.details["wanted"]) == ("viewer", "command line", "eve", "manage_people")


def test_logins_and_logouts_are_on_the_record(desk: Desk) -> None:
    people.support()
    client = Client()
    client.post("/login/", {"username": "support", "password": PASSWORD})
    client.post("/logout/")
    client.post("/logout/")
    told = [(act.actor, act.action, act.state, act.details["address"]) for act in acts()]
    assert told == [("support", what, State.DONE, "127.0.0.1") for what in ("log_out", "log_in")]
    assert PASSWORD not in str([dict(act.details) for act in acts()])


def test_logins_that_the_limit_refuses_are_counted(desk: Desk) -> None:
    people.support()
    for _ in range(14):
        Client().post("/login/", {"username": "support", "password": "wrong"})
    assert len(acts(action="log_in")) == 10
    assert refused() == [("(not logged in)", "support", "log_in")]
    the_time_is_over()
    write_ended()
    assert acts(action=REFUSED)[0].details["times"] == 3


def test_a_count_is_written_by_one_of_those_who_find_it_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        desk.get("/audit/", "viewer")
    the_time_is_over()
    (row,) = Refusal.objects.all()
    assert refusals._write(row) == 1
    assert refusals._write(row) == 0
    assert len(refused()) == 2
