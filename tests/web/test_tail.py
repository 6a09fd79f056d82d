"""The tail's page: what the address chooses, what the script gets to know, and that its socket leaves nothing behind."""

import asyncio
import json
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from dashboard import gateway
from dashboard.models import Person
from dashboard.sockets.tail.begin import Begin
from dashboard.sockets.tail.consumer import TailSocket
from dashboard.sockets.tail.opening import AggregateNotIndexed, topics_of
from eventstore.drivers.database.models import MessageRow, TopicRow
from eventstore.model.errors import UnknownTopic
from eventstore.model.events import NewMessage
from eventstore.tail import Hub, Start, TailSubscriber
from tests.contract.helpers import soon
from tests.hostile import NAMES
from tests.web.desk import Answer, Desk, attribute, opened_desk, text

TOPIC = "patients"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as made:
        made.log.create_topic(TOPIC)
        yield made


def begin(response: Answer) -> Any:
    """The ``begin`` message that the page gives to its script."""
    return json.loads(attribute(response, "data-begin")[0])


def test_a_topics_tail_begins_with_the_last_events_over_the_topics_own_socket(desk: Desk) -> None:
    page = desk.get(f"/topics/{TOPIC}/tail/")
    assert begin(page) == {"from": {"last": 50}, "filter": ""}
    assert attribute(page, "data-live") == [f"/topics/{TOPIC}/tail/live/"]
    assert "<tr data-event-id" not in page.content.decode()
    assert attribute(page, "data-refused") == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("from=now", "now"),
        ("from=last&last=1", {"last": 1}),
        ("from=last&last=10000", {"last": 10_000}),
        ("from=time&time=2026-11-22T21:10", {"time": "2026-11-22T21:10:00+00:00"}),
        ("from=time&time=2026-11-22T22:10%2B01:00", {"time": "2026-11-22T21:10:00+00:00"}),
        ("from=position&position=0118@0@patients", {"position": "0118@0@patients"}),
    ],
)
def test_where_it_begins_is_in_the_address(desk: Desk, asked: str, told: object) -> None:
    page = desk.get(f"/topics/{TOPIC}/tail/?{asked}&filter=type:a")
    assert page.status_code == 200
    assert begin(page) == {"from": told, "filter": "type:a"}


@pytest.mark.parametrize(
    "asked",
    [
        "from=last&last=0",
        "from=last&last=10001",
        "from=last&last=-5",
        "from=last&last=%D9%A3",
        "from=time&time=",
        "from=time&time=yesterday",
        "from=time&time=0001-01-01",
        "from=position&position=0118@0@another-topic",
        "from=position&position=../x",
        "from=the-moon",
    ],
)
def test_a_beginning_that_cannot_be_is_said_and_nothing_is_watched(desk: Desk, asked: str) -> None:
    page = desk.get(f"/topics/{TOPIC}/tail/?{asked}")
    assert page.status_code == 400
    assert attribute(page, "data-refused") == ["start"]
    assert 'id="start-problem"' in page.content.decode()


@pytest.mark.parametrize(("role", "filter", "status"), [("support", "type:(", 400), ("viewer", "data.name:Erika", 403)])
def test_a_filter_that_is_refused_says_why_and_nothing_is_watched(desk: Desk, role: str, filter: str, status: int) -> None:
    page = desk.get(f"/topics/{TOPIC}/tail/?filter={quote(filter)}", role)
    assert page.status_code == status
    assert attribute(page, "data-refused") == ["filter"]
    assert 'id="filter-problem"' in page.content.decode()


def test_several_topics_are_followed_in_one_tail_each_once(desk: Desk) -> None:
    desk.log.create_topic("scans")
    page = desk.get("/tail/?topic=patients&topic=scans&topic=patients&from=now")
    assert begin(page) == {"topics": ["patients", "scans"], "from": "now", "filter": ""}
    assert attribute(page, "data-live") == ["/tail/live/"]
    assert desk.get("/tail/?topic=patients&topic=no-such-topic").status_code == 404


def test_an_aggregate_is_followed_from_now_wherever_the_index_knows_it(desk: Desk) -> None:
    desk.publish(2, topic=TOPIC)
    desk.publish(1, topic="scans")
    page = desk.get("/tail/?aggregate_type=patient&aggregate_id=4711")
    assert begin(page) == {"aggregate": {"type": "patient", "id": "4711"}, "from": "now", "filter": ""}
    assert 'href="/topics/scans/" data-topic-page' in page.content.decode()
    own = desk.get("/aggregates/patient/4711/").content.decode()
    assert 'href="/tail/?aggregate_type=patient&amp;aggregate_id=4711"' in own
    unknown = desk.get("/tail/?aggregate_type=patient&aggregate_id=nobody")
    assert unknown.status_code == 400
    assert "Choose its topics" in text(unknown)
    assert begin(desk.get("/tail/?aggregate_type=patient&aggregate_id=nobody&topic=patients"))["topics"] == [TOPIC]


def test_an_aggregate_in_more_topics_than_one_tail_follows_has_the_fullest_ones_chosen(desk: Desk) -> None:
    desk.publish(3, topic="scans")
    for number in range(21):
        desk.publish(1, topic=f"letters-{number:02}", start=10 + number)
    page = desk.get("/tail/?aggregate_type=patient&aggregate_id=4711")
    assert page.status_code == 200
    assert "It has events in 22 topics; a tail follows at most 20." in text(page)
    chosen = [line for line in page.content.decode().split("<div") if " checked" in line and 'name="topic"' in line]
    assert len(chosen) == 20
    assert any('value="scans"' in line for line in chosen)


def test_an_aggregate_is_followed_though_a_topic_of_it_is_gone(desk: Desk) -> None:
    desk.publish(1, topic=TOPIC)
    desk.publish(1, topic="scans")
    asked = "/tail/?aggregate_type=patient&aggregate_id=4711"
    aggregate = Begin(aggregate=("patient", "4711"), start=Start())
    assert [topic.name for topic in topics_of(aggregate)] == [TOPIC, "scans"]
    delete("scans")
    assert [topic.name for topic in topics_of(aggregate)] == [TOPIC]
    page = desk.get(asked)
    assert page.status_code == 200
    assert 'href="/topics/patients/" data-topic-page' in page.content.decode()
    assert 'href="/topics/scans/" data-topic-page' not in page.content.decode()
    with pytest.raises(UnknownTopic):
        topics_of(Begin(topics=(TOPIC, "scans"), start=Start()))  # what is asked for by its name must be there
    delete(TOPIC)
    assert desk.get(asked).status_code == 400
    assert "are gone" in text(desk.get(asked))
    with pytest.raises(AggregateNotIndexed, match="are gone"):
        topics_of(aggregate)


@pytest.mark.parametrize("name", ["aggregate_type", "aggregate_id"])
def test_an_aggregate_of_too_long_a_name_is_refused_and_not_cut(desk: Desk, name: str) -> None:
    named = {"aggregate_type": "patient", "aggregate_id": "4711", name: "x" * 1_025}
    for more in ("", f"&topic={TOPIC}", "&choose=1"):
        page = desk.get(f"/tail/?{urlencode(named)}{more}")
        assert page.status_code == 400
        assert "more than 1,024 characters" in text(page)
        assert "xxx" not in text(page)


def test_without_a_choice_the_page_asks_for_one(desk: Desk) -> None:
    page = desk.get("/tail/")
    assert page.status_code == 200
    assert attribute(page, "value").count(TOPIC) == 1
    many = desk.get("/tail/?" + "&".join(f"topic=t{number}" for number in range(21)))
    assert many.status_code == 400
    assert "at most 20 topics" in text(many)
    assert "checked" in desk.get(f"/tail/?topic={TOPIC}&choose=1").content.decode()


@pytest.mark.parametrize("name", [name for name in NAMES if "\x00" not in name and name.isprintable()])
def test_hostile_names_stand_in_the_page_as_text(desk: Desk, name: str) -> None:
    page = desk.get(f"/tail/?topic={TOPIC}&aggregate_type={quote(name, safe='')}&aggregate_id={quote(name, safe='')}")
    if name:
        assert begin(page)["aggregate"] == {"type": name, "id": name}
    body = page.content.decode()
    assert "<script>" not in body
    assert "<img" not in body


def test_the_event_page_leads_to_the_tail_from_there(desk: Desk) -> None:
    place = desk.publish(1, topic=TOPIC)[0]
    link = f"/topics/{TOPIC}/tail/?from=position&amp;position={quote(place.encode(), safe='')}"
    assert link in desk.get("/events/e-0/").content.decode()


def test_a_page_that_leaves_while_its_tail_opens_leaves_no_viewer_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="k")])
    opening, go_on = threading.Event(), threading.Event()
    opened: list[TailSubscriber] = []
    plainly = Hub.open

    def slowly(hub: Hub, *arguments: Any, **named: Any) -> TailSubscriber:
        opening.set()
        assert go_on.wait(20)
        opened.append(plainly(hub, *arguments, **named))
        return opened[-1]

    monkeypatch.setattr(Hub, "open", slowly)
    scope = scope_of(desk)

    async def come_and_go() -> None:
        socket = WebsocketCommunicator(TailSocket.as_asgi(), f"/topics/{TOPIC}/tail/live/")
        socket.scope.update(scope)
        connected, _ = await socket.connect()
        assert connected
        await socket.send_json_to({"begin": {}})
        assert await asyncio.to_thread(opening.wait, 20)
        await socket.disconnect()
        go_on.set()

    try:
        async_to_sync(come_and_go)()
        assert soon(lambda: bool(opened) and not any(tail.watched for tail in opened[0].tails))
    finally:
        gateway.close()


def delete(topic: str) -> None:
    """Delete the topic as an operator does. The index still knows it."""
    found = TopicRow.objects.get(name=topic)
    MessageRow.objects.filter(partition__topic=found).delete()
    found.delete()


def scope_of(desk: Desk) -> dict[str, object]:
    """The scope of a logged-in person, as the session middleware makes it."""
    person = Person.objects.create_user(username="watcher", password="a-long-test-password", role="support")
    client = Client()
    client.force_login(person)
    session = import_module(settings.SESSION_ENGINE).SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)
    return {"user": person, "session": session, "url_route": {"kwargs": {"topic": TOPIC}}}
