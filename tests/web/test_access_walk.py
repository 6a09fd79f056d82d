"""Asks every route of Django's own URL table, by every method, for every role, a token and nobody, inside and outside of the
scope. The answers are those of ``access_table``."""

from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern

from dashboard import urls
from dashboard.access import policy, tokens
from dashboard.models import Role
from dashboard.web.pages import MARK
from tests.people import person
from tests.web.access_table import ANYBODY, GET, PAGES, PARAMETERS, POST, SAME, Asked
from tests.web.desk import Desk, opened_desk
from tests.web.walked import ROLES, Walked, walked

ROUTES: dict[str, URLPattern] = {str(route.name): route for route in urls.urlpatterns}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
GUARDED = [row for row in PAGES if row.who != ANYBODY]
BY_ROW = {(row.route, row.method): row for row in PAGES}


@pytest.fixture
def store(desk_databases: dict[str, str]) -> Iterator[Walked]:
    with opened_desk() as desk, walked(desk) as found:
        yield found


def ask(client: Client, method: str, url: str, **headers: str) -> HttpResponse:
    return client.generic(method, url, headers=headers)  # type: ignore[return-value]


def shown(answer: HttpResponse) -> str:
    """What the page itself shows: what is around it tells the time and the state of the index."""
    body = answer.content.decode()
    return body[body.find("<main") : body.find("</main>")]


def of_role(desk: Desk, role: str) -> Client:
    client = Client()
    client.force_login(person(role))
    return client


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert {row.route for row in PAGES} == ROUTES.keys()
    assert len(BY_ROW) == len(PAGES)
    assert len(ROUTES) == len(urls.urlpatterns)


def test_every_guarded_page_names_an_action_of_the_table_and_no_other_does() -> None:
    for name, route in ROUTES.items():
        guarded = any(row.route == name for row in GUARDED)
        assert (getattr(route.callback, MARK, None) in policy.TABLE) is guarded, name


@pytest.mark.parametrize("role", ["outsider", *ROLES])
def test_each_role_gets_exactly_what_is_written_inside_of_its_scope(store: Walked, role: str) -> None:
    client = of_role(store.desk, "" if role == "outsider" else role)
    wrong = []
    for row in GUARDED:
        answer = ask(client, row.method, store.inside.address(ROUTES[row.route])).status_code
        if answer != (row.inside if role in row.who.split() else 403):
            wrong.append((row.route, row.method, answer))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("role", ROLES)
def test_outside_of_the_scope_every_role_gets_what_is_written_and_the_same_as_for_what_does_not_exist(
    store: Walked, role: str
) -> None:
    client = of_role(store.desk, role)
    wrong = []
    for row in GUARDED:
        if row.outside == SAME or role not in row.who.split():
            continue
        route = ROUTES[row.route]
        urls_of = [things.address(route) for things in (store.outside, store.missing)]
        there, nowhere = (ask(client, row.method, url) for url in urls_of)
        same = shown(there) == shown(nowhere)
        if (there.status_code, nowhere.status_code) != (row.outside, row.outside) or not same:
            wrong.append((row.route, row.method, there.status_code, nowhere.status_code, same))
    assert not wrong, "\n".join(map(str, wrong))


def test_whoever_may_not_is_told_so_whatever_they_name(store: Walked) -> None:
    client = of_role(store.desk, Role.VIEWER)
    for row in GUARDED:
        if row.outside != SAME and "viewer" not in row.who.split():
            for things in (store.outside, store.missing):
                assert ask(client, row.method, things.address(ROUTES[row.route])).status_code == 403, row.route


@pytest.mark.parametrize("asked", PARAMETERS, ids=lambda asked: f"{asked.route}?{asked.query}")
def test_a_parameter_is_held_to_the_scope_as_the_address_is(store: Walked, asked: Asked) -> None:
    client = of_role(store.desk, Role.ADMIN)
    answers = [
        ask(client, GET, f"{things.address(ROUTES[asked.route])}?{things.query(asked.query)}")
        for things in (store.inside, store.outside, store.missing)
    ]
    assert [answer.status_code for answer in answers] == [asked.inside, asked.outside, asked.outside]


@pytest.mark.parametrize("token", [False, True])
def test_nobody_gets_past_the_login_and_a_token_opens_no_page(store: Walked, token: bool) -> None:
    client = Client()
    headers = {"Authorization": f"Bearer {tokens.make('export', Role.ADMIN, 1)[1]}"} if token else {}
    for name, route in ROUTES.items():
        for method in METHODS:
            row = BY_ROW.get((name, method))
            if any(one.who == ANYBODY for one in PAGES if one.route == name):
                if row is not None and not token:
                    assert ask(client, method, store.inside.address(route)).status_code == row.inside, name
                continue
            answer = ask(client, method, store.inside.address(route), **headers)
            assert answer.status_code in (302, 403), (name, method)
            assert b"4711" not in answer.content
            assert answer.headers.get("Location", "/login/?next=").startswith("/login/?next="), name
    assert ask(client, GET, "/", **{"HX-Request": "true"}).status_code == 401


def test_a_method_without_a_row_is_refused_and_a_head_is_answered_like_a_get(store: Walked) -> None:
    client = of_role(store.desk, Role.ADMIN)
    for row in GUARDED:
        if "admin" not in row.who.split():
            continue
        methods = {one.method for one in GUARDED if one.route == row.route}
        for method in METHODS:
            answer = ask(client, method, store.inside.address(ROUTES[row.route])) if method not in methods else None
            if answer is None:
                continue
            like_a_get = method == "HEAD" and GET in methods
            assert (answer.status_code == 405) is not like_a_get, (row.route, method)


def test_every_post_needs_the_token_against_forged_requests(store: Walked) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("admin"))
    for row in PAGES:
        if row.method == POST and row.inside != 404:
            assert ask(client, POST, store.inside.address(ROUTES[row.route])).status_code == 403, row.route


def test_a_path_that_leads_nowhere_says_so_to_everybody(store: Walked) -> None:
    for url in ("/nowhere/", "/topics/~zz/", "/aggregates/a/b/c/", "/events/%00/"):
        assert store.desk.get(url).status_code == 404
        assert Client().get(url).status_code in (302, 404)
