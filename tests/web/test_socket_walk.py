"""Opens every websocket address with each role, with tokens and as nobody, inside and outside of the scope. The answers are
those of ``access_table``."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from django.urls import URLPattern
from websockets.asyncio.client import connect

from dashboard.models import Role
from dashboard.sockets.routing import urlpatterns
from tests.desk_process import Desk
from tests.tail_client import refused, run
from tests.web.access_table import CLOSED_OUTSIDE, SOCKETS

ROUTES: list[URLPattern] = list(urlpatterns)
EVIL = "http://evil.example"

MAKE = """
import json
from django.conf import settings
from django.test import Client
from dashboard.access import tokens
from dashboard.gateway import desk
from dashboard.models import Person, Purpose, Role

def cookie_of(person):
    client = Client()
    client.force_login(person)
    return "sessionid=" + client.cookies["sessionid"].value

people = {str(role): Person.objects.create(username=str(role) or "outsider", role=role) for role in Role}
made = {str(role): tokens.make(role.value, role, 1)[1] for role in Role if role}
ended, text = tokens.make("ended", Role.ADMIN, 1)
tokens.revoke("ended")
metrics = tokens.make("metrics", Role.ADMIN, 1, tokens.Narrowed(purpose=Purpose.METRICS))[1]
cookies = {role: cookie_of(person) for role, person in people.items()}
(settings.DATA_DIR / "made.json").write_text(json.dumps([cookies, made, [text, metrics]]))
for topic in ("documents", "orders"):
    desk().log.create_topic(topic)
"""


@dataclass(frozen=True)
class Door:
    """A desk's address for websockets, and a cookie for each role. The outsider's is empty."""

    url: str
    origin: str
    cookies: dict[str, str]
    tokens: dict[str, str]
    useless: list[str]
    """A token that has ended, and one for metrics."""

    def opened(
        self,
        route: URLPattern,
        *,
        cookie: str = "",
        token: str = "",
        origin: str | None = None,
        script: bool = False,
        topic: str = "documents",
    ) -> connect:
        headers = {"Cookie": cookie} if cookie else {"Authorization": f"Bearer {token}"} if token else {}
        sent = "" if token else self.origin if origin is None else origin
        return connect(
            self.url + re.sub(r"<(?:\w+:)?(\w+)>", topic, str(route.pattern)),
            additional_headers=headers,
            origin=sent or None,  # type: ignore[arg-type]
            subprotocols=["eventdesk.json"] if script else None,  # type: ignore[list-item]
        )


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("desk")
    config = folder / "desk.toml"
    roles = [str(role) for role in Role if role]
    config.write_text(f'[[access.scope]]\nroles = {json.dumps(roles)}\ntopics = ["documents"]\naggregate_types = ["*"]\n')
    with Desk(folder, {"EVENTDESK_CONFIG": str(config)}) as desk:
        desk.manage("shell", "-c", MAKE)
        cookies, made, useless = json.loads((desk.data / "made.json").read_text())
        url, origin = desk.url.replace("http:", "ws:"), desk.url.rstrip("/")
        yield Door(url=url, origin=origin, cookies=cookies, tokens=made, useless=useless)


def test_the_table_has_the_sockets_that_this_walk_is_about() -> None:
    assert {row.route for row in SOCKETS} == {str(route.name) for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
@pytest.mark.parametrize("script", [False, True])
def test_every_socket_is_open_to_exactly_the_roles_that_may_and_from_here(door: Door, route: URLPattern, script: bool) -> None:
    viewer = door.cookies[str(Role.VIEWER)]
    assert refused(lambda: door.opened(route, script=script)), "nobody has logged in"
    assert refused(lambda: door.opened(route, cookie="sessionid=made-up", script=script))
    assert refused(lambda: door.opened(route, cookie=viewer, origin=EVIL, script=script))
    assert refused(lambda: door.opened(route, cookie=viewer, origin="", script=script)), "a cookie needs an Origin"
    row = next(row for row in SOCKETS if row.route == route.name)
    for role, cookie in door.cookies.items():
        let_in = not refused(lambda: door.opened(route, cookie=cookie, script=script))  # noqa: B023 - called at once
        assert let_in is (role in row.who.split()), role or "outsider"
    for role, token in door.tokens.items():
        let_in = not refused(lambda: door.opened(route, token=token, script=script))  # noqa: B023 - called at once
        assert let_in is (script and role in row.tokens.split()), role
    for token in door.useless:
        assert refused(lambda: door.opened(route, token=token, script=script))  # noqa: B023 - called at once


@pytest.mark.parametrize("by_token", [False, True])
def test_a_tail_outside_of_the_scope_closes_like_one_of_a_topic_that_does_not_exist(door: Door, by_token: bool) -> None:
    told = {topic: run(partial(_told, door, topic, by_token)) for topic in ("documents", "orders", "nowhere")}
    assert told["orders"] == told["nowhere"]
    assert told["orders"][0] == CLOSED_OUTSIDE
    assert told["documents"] == (None, "")


async def _told(door: Door, topic: str, by_token: bool) -> tuple[int | None, str]:
    """The code with which a tail of this topic closes, and why it says it does; ``None`` while it stays open."""
    route = next(route for route in ROUTES if route.name == "tail_live")
    who = {"token": door.tokens["admin"]} if by_token else {"cookie": door.cookies["admin"]}
    async with door.opened(route, topic=topic, script=by_token, **who) as socket:
        await socket.send(json.dumps({"begin": {"from": "now"}}))
        message = json.loads(await socket.recv())
        if "problem" not in message:
            return None, ""
        await socket.wait_closed()
        return socket.close_code, message["problem"]
