"""What the tail's websocket does not put up with: bad filters, nonsense, and somebody who acknowledges nothing."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.tail_client import Follower, closed_after, following, run
from tests.web.tail_socket.watched import TOPIC, Watched


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
    assert "masked for you" in problems[0]
    assert "role support" in problems[0]

    async def work() -> Follower:
        async with following(watched.page(by="viewer"), filter="type:x") as follower:
            await follower.say(filter=filter)
            await follower.until(lambda: bool(follower.problems))
            return follower

    assert "masked for you" in run(work).problems[0]
    entries = watched.sql("SELECT actor, via, name, details FROM dashboard_auditentry WHERE action = 'refused'")
    who = {("viewer", "page"), ("viewer (API token)", "script")}
    assert {(*one, "websocket", '{"wanted":"search_masked"}') for one in who} <= set(entries)


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
            await follower.say(ack=3, mark=follower.frames[-1]["mark"])
            await follower.until_count(8)
            return len(follower.frames), follower.ids, follower.problems

    frames, ids, problems = run(work)
    assert len(problems) == 1
    assert frames >= 4
    assert ids == [f"e{number}" for number in range(8)]


def test_a_client_that_acknowledges_without_reading_is_cut_off(watched: Watched) -> None:
    blind = [json.dumps({"ack": number, "mark": "guessed"}) for number in range(1, 4)]
    code, problems = closed_after(watched.script(), '{"begin":{"from":{"last":1}}}', *blind)
    assert code == 4400
    assert "no frame that is on its way" in problems[0]


def test_a_client_of_the_old_protocol_is_told_what_to_send(watched: Watched) -> None:
    async def work() -> tuple[int | None, Follower]:
        async with following(watched.script()) as follower:
            await follower.say(ack=1)
            return await follower.close_code(), follower

    code, follower = run(work)
    assert code == 4400
    assert follower.frames[0]["protocol"] == 2
    assert "An acknowledgement repeats the mark of its frame" in follower.problems[0]
    assert "protocol 1" in follower.problems[0]


@pytest.mark.parametrize("way", ["page", "script"])
def test_a_person_or_token_has_a_bounded_number_of_sockets(watched: Watched, way: str) -> None:
    opened = watched.page if way == "page" else watched.script

    async def work() -> tuple[int | None, list[str]]:
        async with AsyncExitStack() as stack:
            for _ in range(20):
                await stack.enter_async_context(following(opened(by="viewer")))
            async with opened(by="viewer") as connection, opened(by="support"):
                follower = Follower(connection)
                code = await follower.close_code()
        async with following(opened(by="viewer")):  # those that were closed do not count
            return code, follower.problems

    code, problems = run(work)
    assert code == 4429
    assert "You have 20 live tails open" in problems[0]
    assert ("person" if way == "page" else "token") in problems[0]


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
"""A short filter that takes a thousand times as long for each byte as others."""


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
