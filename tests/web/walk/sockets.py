"""What a websocket of the table sends to a person, up to its end or until it has nothing more to say."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec
from asgiref.sync import async_to_sync
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client
from django.urls import URLPattern

from dashboard.models import Person
from dashboard.rendering.url_segments import segment
from dashboard.sockets.routing import urlpatterns
from tests.web.desk import TOPIC
from tests.web.letters import DEAD
from tests.web.walk.planted import MAPPED, ODD, REPLAYS

ROUTES: Sequence[URLPattern] = list(urlpatterns)
TOPICS = (TOPIC, ODD, MAPPED, DEAD, REPLAYS)
BEGINS: Sequence[dict[str, Any]] = (
    {"from": {"last": 50}},
    {"from": {"last": 50}, "filter": "type:health.*"},
    {"from": {"last": 50}, "filter": "data.name~z"},
    {"from": {"last": 50}, "filter": "(("},
    {"from": {"position": "nonsense"}},
    {"from": "never"},
)
"""How a client begins: rightly, and in ways that are refused."""
SCRIPTS = "eventdesk.json"


def paths(route: URLPattern) -> list[tuple[str, dict[str, Any]]]:
    """The route's addresses, each with what ``begin`` has to say there. ``KeyError`` for a part that nothing stands for."""
    pattern, parts = f"/{route.pattern}", list(route.pattern.converters)
    if not parts:
        return [(pattern, {"topics": list(TOPICS)}), (pattern, {"topics": ["nowhere"]})]
    assert parts == ["topic"], f"nothing stands for {parts}: add it"
    return [(pattern.replace("<segment:topic>", segment(topic)), {}) for topic in TOPICS]


@async_to_sync
async def said_to(person: Person, cookie: str, *, script: bool) -> list[str]:
    """Everything that every socket of the table says to this person, however a client begins."""
    return [
        text
        for route in ROUTES
        for path, whole in paths(route)
        for begin in BEGINS
        for text in await heard(person, cookie, path, {**whole, **begin}, script=script)
    ]


async def heard(person: Person, cookie: str, path: str, begin: dict[str, Any], *, script: bool) -> list[str]:
    """Every text that the socket sends until its first events have come, or it ends. With a filter, up to its first frame:
    there may be no such event."""
    socket = WebsocketCommunicator(URLRouter(ROUTES), path, subprotocols=[SCRIPTS] if script else None)
    socket.scope |= {"user": person, "session": import_module(settings.SESSION_ENGINE).SessionStore(cookie)}
    connected, _ = await socket.connect()
    assert connected
    await socket.send_json_to({"begin": begin})
    texts: list[str] = []
    enough = False
    while not enough:
        said = await socket.receive_output(20)
        texts.append(str(said))
        frame = _decoded(said) if said["type"] == "websocket.send" else {}
        enough = said["type"] == "websocket.close" or frame.get("count", 0) > 0 or ("mark" in frame and "filter" in begin)
        if "mark" in frame:
            await socket.send_json_to({"ack": frame["frame"], "mark": frame["mark"]})
    await socket.disconnect(timeout=20)
    return texts


def _decoded(said: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(said["text"])
    return found


def cookie_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)
