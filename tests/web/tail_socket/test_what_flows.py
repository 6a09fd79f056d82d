"""What flows through the tail's websocket: rows for pages, events for scripts, from one topic or several."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.contract.helpers import eventually
from tests.desk_process import ROOT
from tests.tail_client import Follower, address, following, run
from tests.web.tail_socket.watched import HELD, TOPIC, Watched

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
    assert masked["masked"] == ["source", "orderingkey", "attributes", "data"]
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
    assert set(follower.places) == {"one#0", "two#0", "incarnation one#0", "incarnation two#0"}
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
    """The aggregate's first event there is sent once, and nothing that the topic held before."""
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
            await follower.say(ack=follower.frames[-1]["frame"], mark=follower.frames[-1]["mark"])
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
