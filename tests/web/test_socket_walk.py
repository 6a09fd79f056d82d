"""Opens every websocket address of the table with each role. New ones are included."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.urls import URLPattern
from websockets.asyncio.client import connect

from dashboard.access import policy
from dashboard.models import Role
from dashboard.sockets.routing import urlpatterns
from tests.desk_process import Desk
from tests.tail_client import refused

PARTS = {"topic": "documents"}
ROUTES: list[URLPattern] = list(urlpatterns)
EVIL = "http://evil.example"

MAKE = """
import json
from django.conf import settings
from django.test import Client
from dashboard.models import Person, Role

def cookie_of(person):
    client = Client()
    client.force_login(person)
    return "sessionid=" + client.cookies["sessionid"].value

people = {str(role): Person.objects.create(username=str(role) or "outsider", role=role) for role in Role}
(settings.DATA_DIR / "cookies.json").write_text(json.dumps({role: cookie_of(person) for role, person in people.items()}))
"""


@dataclass(frozen=True)
class Door:
    """A desk's address for websockets, and a cookie for each role. The outsider's is empty."""

    url: str
    origin: str
    cookies: dict[str, str]

    def opened(self, route: URLPattern, *, cookie: str = "", origin: str | None = None, script: bool = False) -> connect:
        return connect(
            self.url + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: PARTS[found[1]], str(route.pattern)),
            additional_headers={"Cookie": cookie} if cookie else {},
            origin=(self.origin if origin is None else origin) or None,  # type: ignore[arg-type]
            subprotocols=["eventdesk.json"] if script else None,  # type: ignore[list-item]
        )


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with Desk(tmp_path_factory.mktemp("desk")) as desk:
        desk.manage("shell", "-c", MAKE)
        cookies = json.loads((desk.data / "cookies.json").read_text())
        yield Door(url=desk.url.replace("http:", "ws:"), origin=desk.url.rstrip("/"), cookies=cookies)


def test_the_table_has_the_sockets_that_this_walk_is_about() -> None:
    assert {"tail_live", "tails_live"} <= {route.name for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
@pytest.mark.parametrize("script", [False, True])
def test_every_socket_is_open_to_exactly_the_roles_that_may_and_from_here(door: Door, route: URLPattern, script: bool) -> None:
    viewer = door.cookies[str(Role.VIEWER)]
    assert refused(lambda: door.opened(route, script=script)), "nobody has logged in"
    assert refused(lambda: door.opened(route, cookie="sessionid=made-up", script=script))
    assert refused(lambda: door.opened(route, cookie=viewer, origin=EVIL, script=script))
    assert refused(lambda: door.opened(route, cookie=viewer, origin="", script=script)), "a cookie needs an Origin"
    for role, cookie in door.cookies.items():
        let_in = not refused(lambda: door.opened(route, cookie=cookie, script=script))  # noqa: B023 - called at once
        assert let_in is (role in policy.TABLE["tail"].roles), role or "outsider"
