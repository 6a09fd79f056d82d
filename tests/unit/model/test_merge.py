"""Pages of several sources: walking shows everything once, in each source's own order, whatever the times say."""

import base64
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import NO_TIME, Page
from eventstore.model.merge import Item, MergeSource, decode_page_token, encode_page_token, merge, older_items

START = datetime(2024, 5, 1, tzinfo=UTC)
UNKNOWN = -1


class Log:
    """A source's events in memory. Each value is its place, which gives the order. ``most``: it is cut after this many."""

    def __init__(self, name: str, minutes: Sequence[int] = (), most: int = 1_000) -> None:
        self.name, self.most = name, most
        self.items: list[Item[str]] = []
        for minute in minutes:
            self.add(minute)

    def add(self, minute: int) -> None:
        """Add an event of this minute; of ``UNKNOWN``, one whose time nobody knows."""
        place = f"{self.name}{len(self.items):04d}"
        time = NO_TIME if minute == UNKNOWN else START + timedelta(minutes=minute)
        self.items.append(Item(place=place, time=time, value=place))

    def forward(self, place: str | None, inclusive: bool, limit: int) -> list[Item[str]]:
        limit = min(limit, self.most)
        if place is None:
            return self.items[:limit]
        return [item for item in self.items if item.place > place or (inclusive and item.place == place)][:limit]

    def backward(self, place: str | None, limit: int) -> list[Item[str]]:
        limit = min(limit, self.most)
        return [item for item in reversed(self.items) if place is None or item.place < place][:limit]

    @property
    def source(self) -> MergeSource[str]:
        return MergeSource(forward=self.forward, backward=self.backward, cut=lambda items: len(items) >= self.most)


def sources(*logs: Log) -> dict[str, MergeSource[str]]:
    return {log.name: log.source for log in logs}


def values(logs: Sequence[Log]) -> list[str]:
    return [item.value for log in logs for item in log.items]


def walk_older(logs: Sequence[Log], limit: int, page_token: str | None = None) -> list[str]:
    """Return everything from the token's page (or the newest) back to the beginning, as it was shown."""
    shown: list[str] = []
    while True:
        page = merge(sources(*logs), page_token, limit)
        assert len(page.items) <= limit
        shown += page.items
        if page.older is None:
            return shown
        page_token = page.older


def walk_newer(logs: Sequence[Log], limit: int, page_token: str) -> list[str]:
    """Return everything from the token's page up to the newest, oldest first."""
    shown: list[str] = []
    while True:
        page = merge(sources(*logs), page_token, limit)
        shown += reversed(page.items)
        if page.newer is None:
            return shown
        page_token = page.newer


def beginning(logs: Sequence[Log]) -> str:
    return encode_page_token("newer", {log.name: "^" for log in logs})


def in_each_sources_order(shown: Sequence[str], logs: Sequence[Log]) -> bool:
    return all([value for value in shown if value[0] == log.name] == [item.value for item in log.items] for log in logs)


def test_without_sources_the_page_is_empty_and_leads_nowhere() -> None:
    assert merge(dict[str, MergeSource[str]](), None, 10) == Page(items=[])


def test_of_empty_sources_the_page_is_empty_and_leads_nowhere() -> None:
    assert merge(sources(Log("a"), Log("b")), None, 10) == Page(items=[])


def test_one_event_is_a_page_of_its_own() -> None:
    assert merge(sources(Log("a", [1])), None, 10) == Page(items=["a0000"])


def test_a_page_that_holds_exactly_everything_has_no_older_one() -> None:
    page = merge(sources(Log("a", [1, 2, 3])), None, 3)
    assert list(page.items) == ["a0002", "a0001", "a0000"]
    assert page.older is None


def test_sources_are_merged_by_time_newest_first() -> None:
    page = merge(sources(Log("a", [1, 4, 5]), Log("b", [2, 3, 6])), None, 10)
    assert list(page.items) == ["b0002", "a0002", "a0001", "b0001", "b0000", "a0000"]


def test_a_sources_own_order_stands_against_its_times() -> None:
    """A producer's clock went back: the order of the log is the truth."""
    log = Log("a", [9, 1, 5])
    assert walk_older([log, Log("b", [4])], 2) == ["a0002", "b0000", "a0001", "a0000"]


def test_equal_times_give_the_same_order_in_both_directions() -> None:
    logs = [Log(name, [7, 7, 7]) for name in "abc"]
    assert walk_older(logs, 2) == list(reversed(walk_newer(logs, 2, beginning(logs))))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("seed", range(6))
def test_walking_shows_everything_once_both_ways(seed: int, limit: int) -> None:
    chance = random.Random(seed)
    logs = [Log(name, [chance.randrange(60) for _ in range(chance.randrange(20))]) for name in "abcd"]
    older = walk_older(logs, limit)
    assert sorted(older) == sorted(values(logs))
    assert in_each_sources_order(older[::-1], logs)
    newer = walk_newer(logs, limit, beginning(logs))
    assert sorted(newer) == sorted(values(logs))
    assert in_each_sources_order(newer, logs)


@pytest.mark.parametrize("limit", [1, 2, 7, 50])
@pytest.mark.parametrize("seed", range(12))
def test_walking_over_sources_that_are_cut_short_shows_the_same_in_the_same_order(seed: int, limit: int) -> None:
    chance = random.Random(seed)
    minutes = [sorted(chance.randrange(60) for _ in range(chance.randrange(20))) for _ in "abcd"]
    whole = [Log(name, of_source) for name, of_source in zip("abcd", minutes, strict=True)]
    cut = [Log(name, of_source, most=chance.choice([1, 2, 3, 1_000])) for name, of_source in zip("abcd", minutes, strict=True)]
    assert walk_older(cut, limit) == walk_older(whole, limit)
    assert walk_newer(cut, limit, beginning(cut)) == walk_newer(whole, limit, beginning(whole))


def test_a_page_ends_where_nobody_knows_what_comes_next() -> None:
    page = merge(sources(Log("a", [1, 2, 3, 4, 5, 50], most=2), Log("b", [10, 20, 30])), None, 10)
    assert page.items == ["a0005", "b0002", "b0001", "b0000", "a0004"]
    assert page.older is not None


@pytest.mark.parametrize("seed", range(12))
def test_events_that_arrive_on_the_way_are_neither_slipped_in_nor_lost(seed: int) -> None:
    """Walking back shows what was there when the walk began. Walking forward again shows everything, including new events."""
    chance = random.Random(seed)
    logs = [Log(name, [chance.randrange(60) for _ in range(chance.randrange(12))]) for name in "abc"]
    there = values(logs)
    shown: list[str] = []
    page_token: str | None = None
    last: Page[str]
    while True:
        last = merge(sources(*logs), page_token, 3)
        shown += last.items
        for log in logs:
            if chance.random() < 0.5:
                log.add(chance.randrange(60))
        if last.older is None:
            break
        page_token = last.older
    assert sorted(shown) == sorted(there)
    if last.newer is not None:
        upward = walk_newer(logs, 3, last.newer)
        assert sorted([*upward, *last.items]) == sorted(values(logs))


def test_the_page_above_and_back_again_is_the_same_page() -> None:
    logs = [Log("a", range(0, 20, 2)), Log("b", range(1, 20, 2))]
    first = merge(sources(*logs), None, 5)
    second = merge(sources(*logs), first.older, 5)
    above = merge(sources(*logs), second.newer, 5)
    assert above.items == first.items
    assert merge(sources(*logs), above.older, 5).items == second.items


def test_a_source_that_is_new_since_the_cursor_was_made_is_newer_as_a_whole() -> None:
    old = Log("a", [1, 2, 3, 4])
    first = merge(sources(old), None, 2)
    new = Log("b", [0, 9])
    second = merge(sources(old, new), first.older, 2)
    assert list(second.items) == ["a0001", "a0000"]
    assert second.newer is not None
    assert sorted(walk_newer([old, new], 10, second.newer)) == ["a0002", "a0003", "b0000", "b0001"]


def test_a_source_that_is_gone_since_the_cursor_was_made_is_left_out() -> None:
    first = merge(sources(Log("a", [1, 2, 3]), Log("b", [1, 2, 3])), None, 2)
    assert set(walk_older([Log("a", [1, 2, 3])], 2, first.older)) <= {"a0000", "a0001", "a0002"}


def test_an_event_that_arrives_between_two_reads_of_a_source_does_not_slip_into_an_older_page() -> None:
    """The page's upper boundary lies just after the source's last event when one more is appended."""
    log = Log("a", [1, 2, 3])

    def backward(place: str | None, limit: int) -> list[Item[str]]:
        if place is None and len(log.items) == 3:
            log.add(4)
        return log.backward(place, limit)

    page_token = encode_page_token("older", {"a": "+a0002"})
    page = merge({"a": MergeSource(forward=log.forward, backward=backward)}, page_token, 2)
    assert list(page.items) == ["a0002", "a0001"]
    assert walk_older([log], 2, page.older) == ["a0000"]


def test_sources_read_in_parallel_give_the_same_page() -> None:
    logs = [Log(name, range(number, 40, 3)) for number, name in enumerate("abcdef")]
    alone = merge(sources(*logs), None, 20)
    assert merge(sources(*logs), None, 20, max_parallel=4) == alone


def test_a_page_asks_each_source_for_no_more_than_it_can_show_and_one() -> None:
    log = Log("a", range(1000))
    asked: list[int] = []

    def backward(place: str | None, limit: int) -> list[Item[str]]:
        asked.append(limit)
        return log.backward(place, limit)

    merge({"a": MergeSource(forward=log.forward, backward=backward)}, None, 5)
    assert asked == [6]


def test_a_cursor_survives_its_way_through_a_url() -> None:
    boundaries = {"0": "-a@b/ü", "1": "^", "2": "$", "\U0001f9be": "+x"}
    page_token = encode_page_token("older", boundaries)
    assert set(page_token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert decode_page_token(page_token) == ("older", boundaries)


def packed(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "damaged",
    [
        "x",
        "ünicode",
        "AAAA",
        "_" * 4000,
        packed([]),
        packed(["older"]),
        packed(["sideways", {}]),
        packed(["older", ["^"]]),
        packed(["older", {"0": 7}]),
        packed(["older", {"0": ""}]),
        packed(["older", {"0": "-"}]),
        packed(["older", {"0": "p"}]),
        packed(["older", {}, {}]),
        base64.urlsafe_b64encode(b"[" * 20_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_damaged_cursor_is_refused_in_words(damaged: str) -> None:
    with pytest.raises(InvalidPosition, match="damaged"):
        merge(sources(Log("a", [1])), damaged, 5)


def test_a_page_may_end_within_a_piece_whatever_arrives_meanwhile() -> None:
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    for _ in range(100):
        logs = [Log(name, [rng.randrange(50) for _ in range(rng.randrange(9))]) for name in "abc"[: rng.randrange(1, 4)]]
        before, shown, page_token = values(logs), list[str](), None
        while True:
            items, behind = older_items(sources(*logs), page_token, rng.randrange(1, 8))
            if not items:
                break
            looked = rng.randrange(1, len(items) + 1)
            shown += items[:looked]
            for log in logs:
                log.add(rng.randrange(100))
            page_token = behind(looked)
            if page_token is None:
                break
        assert sorted(shown) == sorted(before), f"seed {seed}"
        assert all(
            [v for v in shown if v[0] == log.name] == sorted((v for v in shown if v[0] == log.name), reverse=True)
            for log in logs
        )


def test_an_event_without_a_time_holds_up_nothing_that_lies_behind_it() -> None:
    logs = [Log("a", [10, UNKNOWN, 30]), Log("b", [5, 20, 40])]
    newest_first = list(merge(sources(*logs), None, 10).items)
    assert newest_first == ["b0002", "a0002", "a0001", "b0001", "a0000", "b0000"]
    from_beginning = encode_page_token("newer", {"a": "^", "b": "^"})
    assert list(merge(sources(*logs), from_beginning, 10).items) == ["b0002", "a0002", "b0001", "a0001", "a0000", "b0000"]
