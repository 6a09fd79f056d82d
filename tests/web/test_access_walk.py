"""Requests every route of the URL table without a login, and with each role and method. New pages are included."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern

from dashboard import urls
from dashboard.access import policy
from dashboard.models import Role
from dashboard.web.pages import MARK
from tests.people import person
from tests.web.desk import NAME, TOPIC, Desk, opened_desk

OPEN = {"login", "healthz", "readyz", "robots"}
BY_PROVIDER = {"sign_in", "sign_in_callback", "signed_out"}
"""Not there, unless people sign in by a provider: see tests.signin."""
JOB_POSTS = {"job_pauses", "job_resumptions", "job_cancellations", "job_approvals", "job_throttles"}
REPLAY_POSTS = {"replay_confirmations", "replay_approvals"}
LETTER_POSTS = {"burials", "letter_keepers", "letter_exports", "redrives"}
GENERATION_POSTS = {"generation_promotions", "generation_discards"}
MOVE_POSTS = {"cursor_resets", "cursor_undos", "skips"}
ERASURE_POSTS = {"forgettings", "erasure_exports"}
REVEAL_POSTS = {"reveal_confirmations", "emergency_reveals", "reveal_ends", "reveal_exports", "reveal_acknowledgements"}
CASE_POSTS = {"case_openings", "case_notes", "case_closings", "case_exports"}
ACCOUNT_POSTS = {"session_ends", "password_changes", "second_factor_enrolments", "recovery_codes", "second_factor_removals"}
TOKEN_POSTS = {"token_makings", "token_revocations"}
POSTED = (
    {"search_stops"}
    | ERASURE_POSTS
    | REVEAL_POSTS
    | CASE_POSTS
    | MOVE_POSTS
    | JOB_POSTS
    | LETTER_POSTS
    | REPLAY_POSTS
    | GENERATION_POSTS
    | ACCOUNT_POSTS
    | TOKEN_POSTS
)
METRICS = "metrics"
"""For programs on this machine and tokens: tests/web/test_metrics.py."""
HALF = {"second_step"}
"""Pages of a login that is not whole yet. Everybody else is led to the login page."""
WITHOUT_ACTION = OPEN | BY_PROVIDER | HALF | {"logout", METRICS}
PARTS = {"topic": TOPIC, "name": NAME, "type": "patient", "id": "4711", "kind": "unreadable", "patient": "4711"} | {
    "generation": f"{NAME}-v2"
}
ROUTES: list[URLPattern] = list(urls.urlpatterns)
NAMES = [str(route.name) for route in ROUTES]


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        opened.publish(1)
        opened.subscribe()
        yield opened


def address(route: URLPattern) -> str:
    """The route with names of things that exist."""
    parts = {**PARTS, "id": "e-0"} if "events/" in str(route.pattern) else PARTS
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: parts[found[1]], str(route.pattern))


def test_the_table_has_the_pages_that_this_walk_is_about() -> None:
    assert {"overview", "topics", "topic", "tail", "aggregates", "aggregate", "event", "subscriptions", "audit"} <= set(NAMES)
    assert {"search", "search_stops", "anomalies", "anomalies_of_kind", "indexing"} <= set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_every_page_names_the_action_that_opens_it() -> None:
    for route in ROUTES:
        action = getattr(route.callback, MARK, None)
        assert (action in policy.TABLE) is (route.name not in WITHOUT_ACTION), route.name


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_nobody_gets_past_the_door(desk: Desk, method: str) -> None:
    for route in ROUTES:
        answer = getattr(Client(), method)(address(route))
        if route.name in OPEN:
            assert answer.status_code in (200, 405), route.name
        elif route.name in BY_PROVIDER:
            assert answer.status_code == 404
        elif route.name in HALF | {"logout"}:
            assert answer.status_code in (200, 302, 405)
        elif route.name == METRICS:
            assert answer.status_code in (401, 405)
        else:
            assert answer.status_code in (302, 401, 403), (route.name, method)
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith("/login/?next=")
            assert b"e-0" not in answer.content


def test_a_fragment_for_nobody_sends_the_browser_to_the_door(desk: Desk) -> None:
    for route in ROUTES:
        if route.name not in WITHOUT_ACTION:
            answer = Client().get(address(route), headers={"HX-Request": "true"})
            assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login/")


def test_nothing_that_changes_anything_answers_a_get(desk: Desk) -> None:
    for route in ROUTES:
        if route.name in POSTED | {"logout"}:
            for role in (Role.VIEWER, Role.ADMIN):
                assert desk.get(address(route), str(role)).status_code == 405, (route.name, role)


def test_pages_that_only_show_take_nothing_but_a_look(desk: Desk) -> None:
    for route in ROUTES:
        if route.name not in POSTED | WITHOUT_ACTION:
            for method in ("post", "put", "patch", "delete"):
                answer = getattr(desk.client("admin"), method)(address(route))
                assert answer.status_code == 405, (route.name, method)


@pytest.mark.parametrize("role", [str(role) for role in Role])
def test_every_route_is_open_to_exactly_the_roles_of_its_action(desk: Desk, role: str) -> None:
    client = Client()
    client.force_login(person(role))
    for route in ROUTES:
        action = getattr(route.callback, MARK, None)
        if action is None:
            continue
        method = client.post if route.name in POSTED else client.get
        refused = method(address(route)).status_code == 403
        assert refused is (role not in policy.TABLE[action].roles), (route.name, role)


def test_every_post_needs_the_token(desk: Desk) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("admin"))
    for route in ROUTES:
        if route.name in POSTED | {"logout", "login"}:
            assert client.post(address(route)).status_code == 403, route.name


def test_a_path_that_leads_nowhere_says_so_to_everybody(desk: Desk) -> None:
    for url in ("/nowhere/", "/topics/~zz/", "/aggregates/a/b/c/", "/events/%00/"):
        assert desk.get(url).status_code == 404
        assert Client().get(url).status_code in (302, 404)
