"""An installation in which nothing may be changed: what is refused, what still works, and what pages and commands say."""

import io
import re
import threading
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from django.core.management import CommandError, call_command

from dashboard.access.policy import READ_ONLY, TABLE
from dashboard.auditing.acts import acts
from dashboard.management.commands import run_jobs
from dashboard.models import Person
from dashboard.setup.switches import is_on
from dashboard.urls import urlpatterns
from dashboard.web.pages import MARK
from eventstore.model import InvalidConfiguration
from tests.people import person
from tests.web.access_table import PAGES
from tests.web.desk import NAME, TOPIC, Desk, text
from tests.web.limits import access

RESET = f"/topics/{TOPIC}/subscriptions/{NAME}/cursor-resets/"


@pytest.fixture
def frozen(desk: Desk) -> Iterator[Desk]:
    desk.publish(2)
    desk.subscribe(handled=1)
    with access(read_only=True):
        yield desk


def test_every_post_that_changes_something_is_refused_and_says_why(frozen: Desk) -> None:
    client = frozen.client("admin")
    routes = {route.name: route for route in urlpatterns}
    parts = {"topic": TOPIC, "name": NAME, "type": "patient", "id": "4711", "generation": f"{NAME}-v2"}
    refused = 0
    for row in PAGES:
        route = routes[row.route]
        action = getattr(route.callback, MARK, "")
        if row.method == "POST" and action and not TABLE[action].while_read_only:
            address = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: parts[found[1]], str(route.pattern))
            answer = client.post(f"/{address}")
            assert answer.status_code == 403, route.name
            assert READ_ONLY in text(answer), route.name
            refused += 1
    assert refused > 15


def test_looking_the_record_a_reveal_a_case_and_the_login_still_work(frozen: Desk) -> None:
    client = frozen.client("support")
    for url in ("/", f"/topics/{TOPIC}/", "/aggregates/patient/4711/", "/events/e-0/", "/audit/", "/jobs/"):
        assert client.get(url).status_code == 200, url
    why = {"reason": "asked by the patient", "ticket": "SUP-1"}
    assert client.post("/cases/openings/", why).status_code == 302
    assert [act.action for act in acts(action="open_case")] == ["open_case"]
    assert client.post("/logout/").status_code == 302
    person("viewer")
    assert client.post("/login/", {"username": "viewer", "password": "a-long-test-password"}).status_code == 302


def test_every_page_says_so_and_offers_no_button_that_would_be_refused(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe(handled=1)
    url = f"/topics/{TOPIC}/subscriptions/{NAME}/"
    before = desk.get(url)
    assert "cursor-resets" in before.content.decode()
    assert "data-read-only" not in before.content.decode()
    with access(read_only=True):
        for page in (url, "/", "/projections/", f"/topics/{TOPIC}/"):
            shown = desk.get(page).content.decode()
            assert shown.count("data-read-only") == 1, page
        frozen = desk.get(url).content.decode()
    assert "cursor-resets" not in frozen
    assert "skips/" not in frozen


def test_a_refusal_while_it_is_read_only_is_on_the_record(frozen: Desk) -> None:
    frozen.client("support").post(RESET)
    [refused] = acts(action="refused")
    assert refused.details["wanted"] == "reset_cursor"


@pytest.mark.parametrize(
    "arguments",
    [
        ("create_user", "anna", "--role", "viewer"),
        ("create_token", "export", "--role", "viewer", "--days", "1"),
        ("set_email", "support", "--email", "anna@hospital.example"),
        ("run_jobs", "--until-idle"),
    ],
)
def test_a_command_that_changes_something_refuses_for_the_shell_too(frozen: Desk, arguments: tuple[str, ...]) -> None:
    person("support")
    with pytest.raises(CommandError, match="This installation is read-only"):
        call_command(*arguments)
    assert not Person.objects.filter(username="anna").exists()


def test_a_worker_runs_no_job_and_says_so_until_it_is_stopped(frozen: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, said = threading.Event(), io.StringIO()
    stop.set()
    monkeypatch.setattr(run_jobs, "stopping_by_signal", lambda: nullcontext(stop))
    call_command("run_jobs", stdout=said)
    assert said.getvalue() == f"{READ_ONLY} Jobs wait until that has ended.\n"


@pytest.mark.parametrize("text", ["yes", "true", "on", " 1", "2"])
def test_a_mistyped_switch_stops_the_start_and_is_not_off(text: str) -> None:
    with pytest.raises(InvalidConfiguration, match="EVENTDESK_READ_ONLY is 1 or 0"):
        is_on("EVENTDESK_READ_ONLY", text)
    assert [is_on("EVENTDESK_READ_ONLY", good) for good in ("", "0", "1")] == [False, False, True]
