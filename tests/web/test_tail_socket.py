"""The tail's websocket as a program sees it: who gets in, what flows, and what ends it."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.contract.helpers import eventually
from tests.desk_process import ROOT, Desk
from tests.logging_in import header_of, log_out, session_of
from tests.publisher import Publisher
from tests.tail_client import Follower, address, closed_after, following, refused, run, socket

PASSWORD = "a-long-test-password"
TOPIC = "documents"
ROLES = {
    "support": "support",
    "viewer": "viewer",
    "leaver": "viewer",
    "demoted": "support",
    "promoted": "viewer",
    "expiring": "support",
    "nobody": "",
}


@dataclass
class Watched:
    """A desk, its publisher, the cookies of its people and the texts of its tokens."""

    desk: Desk
    publisher: Publisher
    cookies: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def page(self, topic: str = TOPIC, *, by: str = "support", **options: Any) -> Any:
        return socket(self.desk, topic, cookie=self.cookies[by], **options)

    def script(self, topic: str = TOPIC, *, by: str = "support") -> Any:
        return socket(self.desk, topic, token=self.tokens[by])

    def sql(self, statement: str, *values: Any) -> None:
        with sqlite3.connect(self.desk.data / "desk.sqlite3", timeout=20) as database:
            database.execute(statement, values)


class SmallDesk(Desk):
    """One whose tails keep no more than ``HELD`` events."""

    application = "tests.web.small_ring:application"


HELD = 2_000


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One desk for all of these tests, with an event in its topic; its story lines show a value of the payload."""
    folder = tmp_path_factory.mktemp("desk")
    config = folder / "desk.toml"
    config.write_text('[stories]\n"Document*" = "<i>{data.secret}"\n', encoding="utf-8")
    with SmallDesk(folder, {"EVENTDESK_CONFIG": str(config)}) as desk:
        made = Watched(desk=desk, publisher=Publisher(desk))
        desk.manage("shell", "-c", MAKE.format(people=ROLES, tokens=TOKENS, password=PASSWORD))
        made.cookies, made.tokens = json.loads((desk.data / "made.json").read_text())
        made.publisher.publish(TOPIC, 0)
        yield made


MAKE = """
import json
from django.conf import settings
from django.test import Client
from dashboard.access import tokens
from dashboard.models import Person, Role

def cookie_of(person):
    client = Client()
    client.force_login(person)
    return "sessionid=" + client.cookies["sessionid"].value

people = {{name: Person.objects.create(username=name, role=role) for name, role in {people}.items()}}
cookies = {{name: cookie_of(person) for name, person in people.items()}}
people["leaver"].set_password("{password}")
people["leaver"].save()
made = {{name: tokens.make(name, Role.VIEWER if name == "viewer" else Role.SUPPORT, 1)[1] for name in {tokens}}}
(settings.DATA_DIR / "made.json").write_text(json.dumps([cookies, made]))
"""
TOKENS = ["support", "viewer", "revoked", "ended", "open", "expiring"]


# -- who gets in


def test_nobody_gets_in_without_a_login(watched: Watched) -> None:
    assert refused(lambda: socket(watched.desk, TOPIC, cookie="sessionid=made-up"))
    assert refused(lambda: socket(watched.desk, TOPIC))
    assert refused(lambda: socket(watched.desk, TOPIC, cookie="sessionid=made-up", for_scripts=True))


def test_somebody_without_the_right_is_refused(watched: Watched) -> None:
    assert refused(lambda: watched.page(by="nobody"))


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example"])
def test_another_sites_page_is_refused_however_logged_in_and_with_a_token_too(watched: Watched, origin: str) -> None:
    assert refused(lambda: watched.page(origin=origin))
    assert refused(lambda: socket(watched.desk, TOPIC, token=watched.tokens["support"], origin=origin))


def test_a_page_of_another_program_on_the_same_host_is_refused(watched: Watched) -> None:
    port = watched.desk.port
    other_ports = [f"http://127.0.0.1:{port + 1}", "http://127.0.0.1"]
    other_schemes = [f"https://127.0.0.1:{port}", f"ftp://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"]
    others = [f"http://localhost:{port}", f"http://user@127.0.0.1:{port}", f"http://127.0.0.1:{port}/path"]
    for origin in other_ports + other_schemes + others:
        assert refused(partial(watched.page, origin=origin)), origin
        assert refused(partial(watched.page, origin=origin, for_scripts=True)), origin
    assert not refused(lambda: watched.page(origin=f"http://127.0.0.1:{port}"))


def test_without_an_origin_a_cookie_opens_nothing(watched: Watched) -> None:
    assert refused(lambda: watched.page(origin=""))
    assert refused(lambda: watched.page(origin="", for_scripts=True))


def test_a_token_opens_only_the_form_for_scripts(watched: Watched) -> None:
    assert refused(lambda: socket(watched.desk, TOPIC, token=watched.tokens["support"], for_scripts=False))
    assert not refused(watched.script)


@pytest.mark.parametrize("token", ["wrong", "edk_" + "x" * 43, "ü", "x" * 5_000])
def test_a_wrong_token_is_refused(watched: Watched, token: str) -> None:
    assert refused(lambda: socket(watched.desk, TOPIC, token=token.encode().decode("latin-1")))


def test_a_token_that_has_ended_or_was_revoked_is_refused(watched: Watched) -> None:
    past = datetime(2024, 5, 1, tzinfo=UTC).isoformat(sep=" ")
    watched.sql("UPDATE dashboard_apitoken SET ends = ? WHERE name = 'ended'", past)
    watched.sql("UPDATE dashboard_apitoken SET revoked = ? WHERE name = 'revoked'", past)
    assert refused(lambda: watched.script(by="ended"))
    assert refused(lambda: watched.script(by="revoked"))


# -- what flows


def test_rows_arrive_escaped_and_in_order_and_a_viewer_sees_no_value(watched: Watched) -> None:
    watched.publisher.publish("rows", 0, 3)

    async def rows(name: str) -> str:
        async with following(watched.page("rows", by=name), **{"from": {"last": 3}}) as follower:
            await follower.until_count(3)
            assert follower.frames[0]["topics"] == ["rows"]
            assert all("topics" not in frame for frame in follower.frames[1:])
            return follower.rows

    whole, masked = run(lambda: rows("support")), run(lambda: rows("viewer"))
    for shown in (whole, masked):
        assert re.findall('data-event-id="(.*?)"', shown) == ["e0", "e1", "e2"]
        assert "<b>" not in shown
        assert "<i>" not in shown
    assert [f"&lt;b&gt;payload-{number}&lt;/b&gt;" in whole for number in range(3)] == [True] * 3
    assert "payload-" not in masked


def test_a_script_gets_whole_events_by_token_and_by_session_alike_and_a_viewer_masked_ones(watched: Watched) -> None:
    async def first_event(opened: Any) -> dict[str, Any]:
        async with following(opened, **{"from": {"last": 1}}) as follower:
            await follower.until_count(1)
            return dict(follower.frames[-1]["events"][0])

    async def work() -> list[dict[str, Any]]:
        return [
            await first_event(opened)
            for opened in (watched.script(), watched.page(for_scripts=True), watched.script(by="viewer"))
        ]

    by_token, by_session, masked = run(work)
    assert by_token == by_session
    assert (by_token["id"], by_token["topic"], by_token["data"]) == ("e0", TOPIC, {"n": 0, "secret": "<b>payload-0</b>"})
    assert masked["masked"] == ["source", "attributes", "data"]
    assert "payload-0" not in json.dumps(masked)


def test_whoever_comes_back_with_its_places_goes_on_behind_them(watched: Watched) -> None:
    async def follow(**begin: Any) -> Follower:
        async with following(watched.script("back"), **begin) as follower:
            await follower.until_count(3)
            return follower

    watched.publisher.publish("back", 0, 3, partitions=2)
    first = run(lambda: follow(**{"from": {"last": 10}}))
    watched.publisher.publish("back", 100, 3)
    second = run(lambda: follow(**{"from": {"places": first.places}}))
    assert sorted(first.ids) == ["e0", "e1", "e2"]
    assert sorted(second.ids) == ["e100", "e101", "e102"]
    again = run(lambda: follow(**{"from": {"places": {"back#0": first.places.get("back#0", "")}}}))
    assert set(again.ids) >= {"e100", "e101", "e102"}  # a partition that is not named begins at its beginning


def test_a_tail_begins_at_a_time_at_a_position_and_some_events_ago(watched: Watched) -> None:
    watched.publisher.publish("starts", 0, 10)

    async def ids(begin: Any, count: int) -> tuple[list[str], Follower]:
        async with following(watched.script("starts"), **{"from": begin}) as follower:
            await follower.until_count(count)
            return follower.ids, follower

    everything, follower = run(lambda: ids({"last": 10}, 10))
    assert everything == [f"e{number}" for number in range(10)]
    events = [event for frame in follower.frames for event in frame["events"]]
    assert run(lambda: ids({"position": events[7]["position"]}, 3))[0] == everything[7:]
    assert run(lambda: ids({"time": events[0]["published"]}, 10))[0] == everything
    assert run(lambda: ids({"last": 4}, 4))[0] == everything[6:]
    assert run(lambda: ids("now", 0))[0] == []


def test_several_topics_come_in_one_tail(watched: Watched) -> None:
    watched.publisher.publish("one", 0)
    watched.publisher.publish("two", 1)

    async def work() -> Follower:
        async with following(watched.script(""), topics=["one", "two", "one"], **{"from": {"last": 10}}) as follower:
            await follower.until_count(2)
            await asyncio.to_thread(watched.publisher.publish, "two", 2)
            await follower.until_count(3)
            return follower

    follower = run(work)
    assert follower.frames[0]["topics"] == ["one", "two"]
    assert set(follower.places) == {"one#0", "two#0"}
    assert follower.ids[2] == "e2"
    assert follower.frames[-1]["counts"]["published"] == 3


def test_the_documented_example_runs_as_it_stands(watched: Watched) -> None:
    page = (ROOT / "docs" / "tail-for-scripts.md").read_text()
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found
    assert len(found[1].splitlines()) <= 10
    assert "```python" not in (ROOT / "docs" / "tail.md").read_text()  # one page, one example
    watched.publisher.publish("exampled", 0, 3)
    environment = {
        **watched.desk.environment,
        "DESK_TAIL": address(watched.desk, "exampled"),
        "DESK_TOKEN": watched.tokens["support"],
    }
    command = [sys.executable, "-c", found[1]]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as example:
        assert example.stdout
        lines = [example.stdout.readline() for _ in range(3)]
        watched.publisher.publish("exampled", 3)
        lines.append(example.stdout.readline())
        example.terminate()
    assert lines == ["DocumentScanned e0\n", *(f"DocumentUploaded e{number}\n" for number in (1, 2, 3))]


def test_events_too_large_for_one_frame_come_in_several_each_with_its_own_places(watched: Watched) -> None:
    watched.publisher.publish("large", 0, 6, size=400_000)

    async def follow(begin: Any, count: int) -> Follower:
        async with following(watched.script("large"), **{"from": begin}) as follower:
            await follower.until_count(count)
            return follower

    some = run(lambda: follow({"last": 6}, 1))
    others = run(lambda: follow({"places": some.places}, 6 - some.count))
    assert len(others.frames) > 1
    assert some.ids + others.ids == [f"e{number}" for number in range(6)]
    assert 0 < some.frames[-1]["counts"]["shown"] == len(some.ids) < 6
    assert some.frames[-1]["counts"]["published"] == len(some.ids)


def test_one_aggregate_is_followed_across_topics(watched: Watched) -> None:
    watched.publisher.publish("left", 0, 6)
    watched.publisher.publish("right", 6, 6)

    async def work() -> Follower:
        opened, begin = watched.script(""), {"aggregate": {"type": "document", "id": "d1"}, "topics": ["left", "right"]}
        async with following(opened, **begin, **{"from": {"last": 12}}) as follower:
            await follower.until_count(4)
            await follower.say(filter="id:e7")
            await asyncio.to_thread(watched.publisher.publish, "left", 7)
            await asyncio.to_thread(watched.publisher.publish, "left", 10)
            await follower.until(lambda: follower.frames[-1]["counts"]["published"] == 14)
            return follower

    follower = run(work)
    assert sorted(follower.ids[:4]) == ["e1", "e10", "e4", "e7"]
    assert follower.ids[4:] == ["e7"]
    assert follower.frames[-1]["filter"] == "id:e7"


def test_an_aggregates_topics_are_those_that_the_index_knows(watched: Watched) -> None:
    watched.publisher.publish("indexed", 0, 3)

    async def topics() -> list[str]:
        try:
            async with following(watched.script(""), aggregate={"type": "document", "id": "d2"}) as follower:
                return list(follower.frames[0]["topics"])
        except ConnectionClosed:
            return []  # not indexed yet

    assert eventually(lambda: "indexed" in run(topics))


def test_an_aggregate_is_followed_into_a_topic_in_which_it_is_new(watched: Watched) -> None:
    """Its first event there is given once, and nothing that the topic held before."""
    watched.publisher.publish("known", 0, document="mover")
    watched.publisher.publish("elsewhere", 100, 20)
    aggregate = {"type": "document", "id": "mover"}

    async def follow(begin: Any, done: Callable[[Follower], bool]) -> tuple[Follower, int | None]:
        async with following(watched.script(""), aggregate=aggregate, **{"from": begin}) as follower:
            if follower.frames[0]["topics"] == ["known"]:
                await asyncio.to_thread(watched.publisher.publish, "elsewhere", 1, document="mover")
                return follower, await follower.close_code()
            await asyncio.to_thread(watched.publisher.publish, "elsewhere", 2, document="mover")
            await follower.until(lambda: done(follower))
            return follower, None

    def is_indexed() -> bool:
        try:
            return run(knows)
        except ConnectionClosed:
            return False

    async def knows() -> bool:
        async with following(watched.script(""), aggregate=aggregate):
            return True

    assert eventually(is_indexed)
    before, code = run(lambda: follow("now", lambda follower: True))
    assert (before.ids, code) == ([], 4012)
    after, _ = run(lambda: follow({"places": before.places}, lambda follower: "e2" in follower.ids))
    assert after.ids == ["e1", "e2"]
    assert after.frames[-1]["counts"]["published"] == 2
    assert after.frames[-1]["counts"]["skipped"]["older"] == 0


def test_of_a_burst_that_no_buffer_holds_a_script_gets_every_event(watched: Watched) -> None:
    count = 5 * HELD  # the window takes three frames of 2,000 at the most

    async def work() -> Follower:
        async with following(watched.script("burst")) as follower:
            publishing = asyncio.create_task(asyncio.to_thread(watched.publisher.publish, "burst", 1, count))
            await follower.next(acknowledge=False)  # and is slow to begin with
            await publishing
            await follower.say(ack=follower.frames[-1]["frame"])
            await follower.until_count(count)
            return follower

    watched.publisher.publish("burst", 0)
    follower = run(work)
    assert follower.ids == [f"e{number}" for number in range(1, count + 1)]
    assert "catching up" in [frame["state"] for frame in follower.frames[1:]]  # it was behind what is in memory
    assert follower.frames[-1]["counts"] == {
        "published": count,
        "matched": count,
        "shown": count,
        "skipped": {"sampled": 0, "slow": 0, "older": 0},
    }
    assert [frame["frame"] for frame in follower.frames] == list(range(1, len(follower.frames) + 1))


def test_of_a_burst_a_page_is_told_of_every_event_that_it_is_not_shown(watched: Watched) -> None:
    count = 3_000

    async def work() -> Follower:
        async with following(watched.page("crowded")) as follower:
            publishing = asyncio.create_task(asyncio.to_thread(watched.publisher.publish, "crowded", 1, count))
            await follower.until(lambda: accounted(follower) == count)
            await publishing
            return follower

    watched.publisher.publish("crowded", 0)
    follower = run(work)
    counts = follower.frames[-1]["counts"]
    assert (counts["published"], counts["matched"]) == (count, count)
    assert counts["shown"] == follower.count == len(re.findall("<tr ", follower.rows))
    assert 0 < follower.count < count
    assert f'data-event-id="e{count}"' in follower.rows


def accounted(follower: Follower) -> int:
    counts = follower.frames[-1]["counts"]
    return int(counts["shown"] + sum(counts["skipped"].values()))


def test_the_filter_changes_without_a_new_connection_and_a_bad_one_changes_nothing(watched: Watched) -> None:
    watched.publisher.publish("filtered", 0)

    async def work() -> Follower:
        async with following(watched.script("filtered"), filter="type:DocumentScanned") as follower:
            assert follower.frames[0]["filter"] == "type:DocumentScanned"
            await asyncio.to_thread(watched.publisher.publish, "filtered", 1, 20)
            await follower.until(lambda: follower.frames[-1]["counts"]["published"] == 20)
            await follower.say(filter="type:(")
            await follower.until(lambda: bool(follower.problems))
            await follower.say(filter="data.n>=29")
            await follower.until(lambda: follower.frames[-1]["filter"] == "data.n>=29")
            await asyncio.to_thread(watched.publisher.publish, "filtered", 21, 10)
            await follower.until(lambda: follower.frames[-1]["counts"]["published"] == 30)
            return follower

    follower = run(work)
    assert follower.ids == ["e10", "e20", "e29", "e30"]
    assert len(follower.problems) == 1
    assert follower.frames[-1]["counts"]["matched"] == follower.frames[-1]["counts"]["shown"]


@pytest.mark.parametrize("filter", ["data.secret:payload-0", "payload", "key:d0", "property.ce_id:e0", "source:/documents"])
def test_who_sees_no_values_may_not_find_them_out_by_filters(watched: Watched, filter: str) -> None:
    code, problems = closed_after(watched.script(by="viewer"), json.dumps({"begin": {"filter": filter}}))
    assert code == 4400
    assert "Your role sees ids, types and times" in problems[0]
    assert "role support" in problems[0]

    async def work() -> Follower:
        async with following(watched.page(by="viewer"), filter="type:x") as follower:
            await follower.say(filter=filter)
            await follower.until(lambda: bool(follower.problems))
            return follower

    assert "Your role sees ids, types and times" in run(work).problems[0]


# -- what ends it


def test_who_acknowledges_nothing_gets_three_frames_and_no_more(watched: Watched) -> None:
    watched.publisher.publish("unread", 0)

    async def work() -> tuple[int, list[str], list[str]]:
        async with watched.script("unread") as connection:
            follower = Follower(connection)
            await follower.say(begin={"from": {"places": {"unread#0": ""}}})
            for number in range(1, 8):
                await asyncio.to_thread(watched.publisher.publish, "unread", number)
                await asyncio.sleep(0.25)
            for _ in range(3):
                await follower.next(acknowledge=False)
            for number in range(20):  # nor is it told of each filter that is refused
                await follower.say(filter="type:(" + "x" * number)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.recv(), 1)
            assert follower.problems == []
            await follower.say(ack=3)
            await follower.until_count(8)
            return len(follower.frames), follower.ids, follower.problems

    frames, ids, problems = run(work)
    assert len(problems) == 1
    assert frames >= 4
    assert ids == [f"e{number}" for number in range(8)]


NONSENSE = [
    "not json",
    "",
    "[]",
    "null",
    "[" * 5_000,
    '{"ack":true}',
    '{"ack":"1"}',
    '{"places":{"0":""}}',
    '{"filter":"type:a"}',
    '{"begin":{},"ack":1}',
    '{"begin":null}',
    '{"begin":{"from":"yesterday"}}',
    '{"begin":{"from":{"places":{"documents#0":"../../x"}}}}',
    '{"begin":{"from":{"position":"07@0@another-topic"}}}',
    '{"begin":{"filter":"type:("}}',
    '{"begin":{"filter":"\\ud800"}}',
    json.dumps({"begin": {"filter": "x" * 600_000}}),
    b"bytes",
]


@pytest.mark.parametrize("said", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_closes_the_socket_and_nothing_else(watched: Watched, said: str | bytes) -> None:
    code, problems = closed_after(watched.page(), said)
    assert code == 4400
    assert len(problems) == 1


HOSTILE = {
    "deep nesting": "(" * 2_000 + "a" + ")" * 2_000,
    "a huge number": "data.a>" + "9" * 4_000,
    "repetitions of repetitions": 'text~"((a{100}){100}){100}"',
    "a good deal of text": "a" * 400_000,
    "a megabyte": "a" * 1_000_000,
}
DEAR = 'text~".{0,500}Q"'
"""Small, and it takes a thousand times what others take on each byte."""


@pytest.mark.parametrize("form", ["page", "script"])
@pytest.mark.parametrize("filter", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_filter_beyond_the_limits_is_refused_at_the_beginning_and_on_the_way(
    watched: Watched, form: str, filter: str
) -> None:
    opened = getattr(watched, form)
    code, problems = closed_after(opened(), json.dumps({"begin": {"filter": filter}}))
    assert (code, len(problems)) == (4400, 1)

    async def work() -> Follower:
        async with following(opened()) as follower:
            await follower.say(filter=filter)
            await follower.until(lambda: bool(follower.problems))
            return follower

    if len(filter) < 500_000:  # of more, nothing is read
        assert "The filter cannot be used" in run(work).problems[0]


@pytest.mark.parametrize("form", ["page", "script"])
@pytest.mark.parametrize("start", ["now", {"last": 900}], ids=["live", "catching up"])
def test_a_filter_that_is_too_dear_ends_its_own_tail_and_no_other(watched: Watched, form: str, start: Any) -> None:
    topic = f"dear-{form}-{'live' if start == 'now' else 'past'}"
    watched.publisher.publish(topic, 0, 1 if start == "now" else 900, size=2_000)

    async def work() -> tuple[int | None, Follower, Follower]:
        begin: dict[str, Any] = {"from": start}
        async with following(watched.script(topic), **begin) as other, getattr(watched, form)(topic) as connection:
            dear = Follower(connection)
            await dear.say(begin={**begin, "filter": DEAR})
            if start == "now":
                await dear.next()
                await asyncio.to_thread(watched.publisher.publish, topic, 1, 900, size=2_000)
            code = await dear.close_code()
            await other.until_count(900)
            return code, dear, other

    code, dear, other = run(work)
    assert code == 4400
    assert "simpler" in dear.problems[-1]
    assert (other.count, other.problems) == (900, [])


def test_nobody_begins_twice(watched: Watched) -> None:
    assert closed_after(watched.page(), '{"begin":{}}', '{"begin":{}}')[0] == 4400


def test_what_is_not_there_is_said_to_be_unknown(watched: Watched) -> None:
    assert closed_after(watched.page("no-such-topic"), '{"begin":{}}')[0] == 4404
    assert closed_after(watched.page(""), json.dumps({"begin": {"topics": [TOPIC, "no-such-topic"]}}))[0] == 4404
    code, problems = closed_after(watched.page(""), json.dumps({"begin": {"aggregate": {"type": "x", "id": "none"}}}))
    assert code == 4404
    assert "The index knows no event of this aggregate" in problems[0]


def test_a_login_role_or_token_that_ends_closes_the_open_socket(watched: Watched) -> None:
    opener, cookies = session_of(watched.desk, "leaver", PASSWORD)
    leaving = socket(watched.desk, TOPIC, cookie=header_of(cookies))

    async def work() -> list[int | None]:
        async with (
            following(leaving) as left,
            following(watched.page(by="demoted")) as demoted,
            following(watched.page(by="promoted")) as promoted,
            following(watched.script(by="open")) as revoked,
        ):
            await asyncio.to_thread(log_out, watched.desk, opener)
            change_role = "UPDATE dashboard_person SET role = ? WHERE username = ?"
            await asyncio.to_thread(watched.sql, change_role, "", "demoted")
            await asyncio.to_thread(watched.sql, change_role, "support", "promoted")
            await asyncio.to_thread(watched.sql, "UPDATE dashboard_apitoken SET revoked = ends WHERE name = 'open'")
            return list(await asyncio.gather(*(each.close_code() for each in (left, demoted, promoted, revoked))))

    assert run(work) == [4403, 4403, 4012, 4403]


def test_a_login_and_a_token_that_expire_close_the_open_socket(watched: Watched) -> None:
    async def work() -> tuple[list[int | None], float]:
        async with (
            following(watched.page(by="expiring")) as person,
            following(watched.page(by="expiring", for_scripts=True)) as page_for_scripts,
            following(watched.script(by="expiring")) as script,
        ):
            expires = datetime.now(UTC) + timedelta(seconds=3)
            at, key = expires.strftime("%Y-%m-%d %H:%M:%S.%f"), watched.cookies["expiring"].partition("=")[2]
            session = "UPDATE django_session SET expire_date = ? WHERE session_key = ?"
            await asyncio.to_thread(watched.sql, session, at, key)
            await asyncio.to_thread(watched.sql, "UPDATE dashboard_apitoken SET ends = ? WHERE name = 'expiring'", at)
            codes = list(await asyncio.gather(*(each.close_code() for each in (person, page_for_scripts, script))))
            return codes, (datetime.now(UTC) - expires).total_seconds()

    codes, after = run(work)
    assert codes == [4403, 4403, 4403]
    assert after > 0  # not before
    assert refused(lambda: watched.page(by="expiring"))
    assert refused(lambda: watched.script(by="expiring"))


def test_the_server_has_nothing_to_report_of_all_this(watched: Watched) -> None:
    """Last in this file: nothing that a client did was an error of ours."""
    log = (Path(watched.desk.data) / "web.log").read_text()
    assert "Traceback" not in log
    assert "exception was never retrieved" not in log
