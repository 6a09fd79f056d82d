"""The tail's page and what its socket leaves behind; the socket as a program sees it is in ``tests/browser``."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from html import unescape
from importlib import import_module

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from dashboard import wiring
from dashboard.models import Person
from dashboard.sockets.tail import TailSocket
from eventstore import Hub, NewMessage, Viewer
from tests.contract.helpers import eventually
from tests.web.desk import Desk, opened_desk

TOPIC = "patients"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as made:
        yield made


def test_the_page_begins_with_the_last_events_and_says_where_it_stands(desk: Desk) -> None:
    desk.publish(3, topic=TOPIC)
    body = unescape(desk.get(f"/topics/{TOPIC}/tail/").content.decode())
    assert re.findall(r'<tr data-event-id="([^"]+)"', body) == ["e-2", "e-1", "e-0"]
    found = re.search(r'id="tail" data-places="([^>]+)">', body)
    assert found
    last = desk.gateway.storage.ends(TOPIC)[0].last
    assert last is not None
    assert json.loads(found[1]) == {"0": last.token}


def test_an_empty_topic_says_that_events_will_appear(desk: Desk) -> None:
    desk.gateway.storage.create_topic("quiet")
    body = desk.get("/topics/quiet/tail/").content.decode()
    assert "No event yet" in body
    assert "<tr data-event-id" not in body


def test_a_page_that_leaves_while_its_tail_opens_leaves_no_viewer_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.gateway.storage.create_topic(TOPIC)
    desk.gateway.storage.append(TOPIC, [NewMessage(payload=b"{}", key="k")])
    opening, go_on = threading.Event(), threading.Event()
    opened: list[Viewer] = []
    plainly = Hub.open

    def slowly(hub: Hub, *arguments: object) -> Viewer:
        opening.set()
        assert go_on.wait(20)
        opened.append(plainly(hub, *arguments))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr(Hub, "open", slowly)
    scope = scope_of(desk)

    async def come_and_go() -> None:
        socket = WebsocketCommunicator(TailSocket.as_asgi(), f"/topics/{TOPIC}/tail/live/")
        socket.scope.update(scope)
        connected, _ = await socket.connect()
        assert connected
        await socket.send_json_to({"places": {"0": ""}})
        assert await asyncio.to_thread(opening.wait, 20)
        await socket.disconnect()
        go_on.set()

    try:
        async_to_sync(come_and_go)()
        assert eventually(lambda: bool(opened) and not opened[0].tail.watched)
    finally:
        wiring.close()


def scope_of(desk: Desk) -> dict[str, object]:
    """As the session middleware makes it, for somebody who has logged in."""
    person = Person.objects.create_user(username="watcher", password="a-long-test-password", role="support")
    client = Client()
    client.force_login(person)
    session = import_module(settings.SESSION_ENGINE).SessionStore(client.cookies["sessionid"].value)
    return {"user": person, "session": session, "url_route": {"kwargs": {"topic": TOPIC}}}
