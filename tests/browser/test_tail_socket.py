"""The tail's websocket as a program sees it: who gets in, what flows, and what ends it."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.desk_process import Desk
from tests.people import PASSWORD

T = TypeVar("T")
TOPIC = "documents"
PATIENCE = 20.0


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk for all of these tests, with one event in its topic."""
    with Desk(tmp_path_factory.mktemp("desk")) as running:
        for name, role in (("support", "support"), ("viewer", "viewer"), ("leaver", "viewer"), ("demoted", "viewer")):
            running.manage("create_user", name, "--role", role, "--password-stdin", stdin=PASSWORD.encode())
        publish(running, 0)
        yield running


def publish(desk: Desk, *numbers: int) -> None:
    documents = [
        {
            "specversion": "1.0",
            "id": f"e{number}",
            "type": "DocumentUploaded",
            "source": "/documents",
            "aggregatetype": "document",
            "aggregateid": f"d{number % 3}",
            "data": {"secret": f"payload-{number}"},
        }
        for number in numbers
    ]
    lines = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    desk.manage("import_events", "-", "--topic", TOPIC, stdin=lines)


def cookies_of(desk: Desk, name: str) -> tuple[str, OpenerDirector]:
    """The Cookie header of somebody who has logged in through the form."""
    processor = HTTPCookieProcessor()
    opener = build_opener(processor)
    login = f"{desk.url}login/"
    form = opener.open(login).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    fields = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    opener.open(Request(login, data=urlencode(fields).encode(), headers={"Referer": login}))
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in processor.cookiejar), opener


def socket(desk: Desk, cookie: str, *, origin: str | None = None, topic: str = TOPIC) -> connect:
    url = desk.url.replace("http:", "ws:") + f"topics/{topic}/tail/live/"
    own = desk.url.rstrip("/")
    return connect(url, additional_headers={"Cookie": cookie}, origin=origin or own)  # type: ignore[arg-type]


async def frames_until(connection: ClientConnection, rows: int, *, acknowledge: bool = True) -> list[dict[str, Any]]:
    """The frames up to the one with which so many rows have come."""
    frames: list[dict[str, Any]] = []
    while sum(frame["count"] for frame in frames) < rows:
        frame = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE))
        frames.append(frame)
        if acknowledge:
            await connection.send(json.dumps({"ack": frame["frame"]}))
    return frames


async def close_code(connection: ClientConnection) -> int | None:
    try:
        while True:
            frame = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE + 10))
            await connection.send(json.dumps({"ack": frame["frame"]}))
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def run(work: Callable[[], Awaitable[T]]) -> T:
    async def whole() -> T:
        return await work()

    return asyncio.run(whole())


def refused(desk: Desk, cookie: str, **options: str) -> bool:
    """Whether the handshake itself is refused."""

    async def work() -> bool:
        try:
            async with socket(desk, cookie, **options):
                return False
        except InvalidStatus as status:
            return status.response.status_code == 403

    return run(work)


def test_nobody_gets_in_without_a_login(desk: Desk) -> None:
    assert refused(desk, "sessionid=made-up")


def test_another_sites_page_is_refused_however_logged_in(desk: Desk) -> None:
    cookie, _ = cookies_of(desk, "support")
    assert refused(desk, cookie, origin="http://evil.example")


def test_events_arrive_escaped_and_in_order_and_a_viewer_sees_no_value(desk: Desk) -> None:
    for name, sees in (("support", True), ("viewer", False)):
        cookie, _ = cookies_of(desk, name)

        async def work(cookie: str = cookie) -> list[dict[str, Any]]:
            async with socket(desk, cookie) as connection:
                await connection.send(json.dumps({"places": {"0": ""}}))
                return await frames_until(connection, 1)

        rows = "".join(frame["rows"] for frame in run(work))
        assert 'data-event-id="e0"' in rows
        assert "payload-0" not in rows  # no story line is configured that would show it, to either
        assert sees or "secret" not in rows


def test_whoever_comes_back_with_its_places_goes_on_behind_them(desk: Desk) -> None:
    cookie, _ = cookies_of(desk, "support")

    async def first() -> dict[str, str]:
        async with socket(desk, cookie) as connection:
            await connection.send(json.dumps({"places": {"0": ""}}))
            frames = await frames_until(connection, 1)
            return dict(frames[-1]["places"])

    places = run(first)
    publish(desk, 101, 102, 103)

    async def second() -> str:
        async with socket(desk, cookie) as connection:
            await connection.send(json.dumps({"places": places}))
            return "".join(frame["rows"] for frame in await frames_until(connection, 3))

    assert re.findall(r'data-event-id="([^"]+)"', run(second)) == ["e101", "e102", "e103"]


def test_a_page_that_acknowledges_nothing_gets_three_frames_and_no_more(desk: Desk) -> None:
    cookie, _ = cookies_of(desk, "support")

    async def work() -> int:
        async with socket(desk, cookie) as connection:
            await connection.send(json.dumps({"places": {"0": ""}}))
            for number in range(200, 206):
                await asyncio.to_thread(publish, desk, number)
            frames = 0
            while True:
                try:
                    await asyncio.wait_for(connection.recv(), 8)
                except TimeoutError:
                    return frames
                frames += 1

    assert run(work) == 3


@pytest.mark.parametrize("count", [2_000, pytest.param(50_000, marks=pytest.mark.soak)])
def test_of_a_burst_every_event_is_either_shown_or_counted_as_skipped(desk: Desk, count: int) -> None:
    cookie, _ = cookies_of(desk, "support")

    async def work() -> tuple[int, int, int]:
        async with socket(desk, cookie) as connection:
            await connection.send(json.dumps({"places": {"0": last_place(desk)}}))
            frames = await frames_until(connection, 0)
            publishing = asyncio.create_task(asyncio.to_thread(publish, desk, *range(10_000, 10_000 + count)))
            while not frames or frames[-1]["published"] < count:
                frame = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE * 4))
                await connection.send(json.dumps({"ack": frame["frame"]}))
                frames.append(frame)
            await publishing
            return frames[-1]["published"], sum(frame["count"] for frame in frames), frames[-1]["skipped"]

    published, shown, skipped = run(work)
    assert published == count
    assert shown + skipped == count
    assert shown > 0


def last_place(desk: Desk) -> str:
    """The last event of the topic, as a freshly loaded page of the tail knows it."""
    _, opener = cookies_of(desk, "support")
    page = unescape(opener.open(f"{desk.url}topics/{TOPIC}/tail/").read().decode())
    found = re.search(r'data-places="([^>]+)">', page)
    assert found
    return str(json.loads(found[1])["0"])


@pytest.mark.parametrize(
    "message",
    ["not json", "[]", '{"ack":true}', '{"places":{"0":5}}', '{"places":{"-1":""}}', '{"places":{"0":"../../x"}}', "[" * 5000],
)
def test_nonsense_closes_the_socket_and_nothing_else(desk: Desk, message: str) -> None:
    cookie, _ = cookies_of(desk, "support")

    async def work() -> int | None:
        async with socket(desk, cookie) as connection:
            await connection.send(message)
            return await close_code(connection)

    assert run(work) == 4400


def test_an_unknown_topic_is_said_to_be_unknown(desk: Desk) -> None:
    cookie, _ = cookies_of(desk, "support")

    async def work() -> int | None:
        async with socket(desk, cookie, topic="no-such-topic") as connection:
            await connection.send(json.dumps({"places": {}}))
            return await close_code(connection)

    assert run(work) == 4404


def test_logging_out_closes_the_open_socket(desk: Desk) -> None:
    cookie, opener = cookies_of(desk, "leaver")

    async def work() -> int | None:
        async with socket(desk, cookie) as connection:
            await connection.send(json.dumps({"places": {"0": ""}}))
            await frames_until(connection, 1)
            await asyncio.to_thread(log_out, desk, opener)
            return await close_code(connection)

    assert run(work) == 4403


def test_a_role_taken_away_closes_the_open_socket(desk: Desk) -> None:
    cookie, _ = cookies_of(desk, "demoted")

    async def work() -> int | None:
        async with socket(desk, cookie) as connection:
            await connection.send(json.dumps({"places": {"0": ""}}))
            await frames_until(connection, 1)
            await asyncio.to_thread(take_role_away, desk.data, "demoted")
            return await close_code(connection)

    assert run(work) == 4403


def log_out(desk: Desk, opener: OpenerDirector) -> None:
    form = opener.open(desk.url).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    fields = urlencode({"csrfmiddlewaretoken": token[1]}).encode()
    opener.open(Request(f"{desk.url}logout/", data=fields, headers={"Referer": desk.url}))


def take_role_away(data: Path, name: str) -> None:
    with sqlite3.connect(data / "desk.sqlite3", timeout=20) as database:
        database.execute("UPDATE dashboard_person SET role = '' WHERE username = ?", (name,))
