"""Pages that stand at the same place share what they take, and each gets and counts what it would get alone."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.privacy import AccessProfile
from dashboard.sockets.tail.frames import Framing, divide_take
from eventstore.model.events import Topic
from eventstore.search import Filter, parse_filter
from eventstore.tail import TailSubscriber, Take
from eventstore.tail.budget import ROWS_A_SECOND
from eventstore.tail.subscriber import common_take, subscriber
from eventstore.tail.subscriber.cursor import TailCursor
from eventstore.tail.topic_tail import TopicTail
from tests.unit.tail.entries import PARSER, entries, numbers_of

PROFILE = AccessProfile(name="support", sees_values=True)


class Watched:
    """A topic that nothing reads: its chunks are what the test says."""

    def __init__(self) -> None:
        nothing: Any = None
        self.tail = TopicTail(nothing, PARSER.read, Topic(name="t", partitions=1), lambda tail: None)
        self.published = 0

    def seal(self, count: int, *, size: int = 10) -> None:
        numbers = range(self.published, self.published + count)
        self.tail.ring.add(entries(numbers, size=size), sealed=time.monotonic())
        self.published += count

    def page(self, filter: Filter | None = None) -> TailSubscriber:
        cursor = TailCursor(self.tail, lambda: None, rate=ROWS_A_SECOND)
        self.tail.join(cursor)
        cursor.begin_now(filter)
        nothing: Any = None
        return TailSubscriber(nothing, [cursor], complete=False)


def shown(take: Take) -> list[int]:
    return [number for piece in take.pieces for number in numbers_of(piece.entries)]


def test_pages_at_the_same_place_take_the_same_and_send_the_same_bytes() -> None:
    watched = Watched()
    pages = [watched.page() for _ in range(3)]
    for count in (3, 1, 60):
        watched.seal(count)
    takes = [page.take() for page in pages]
    assert [shown(take) for take in takes] == 3 * [list(range(64))]
    assert takes[0].common is not None and all(take.common is takes[0].common for take in takes)
    texts = [divide_take(take, Framing(whole_events=False, profile=PROFILE))[0].texts for take in takes]
    assert len(texts[0]) == 1 and all(text[0] is texts[0][0] for text in texts)


def test_who_has_another_filter_or_place_takes_something_else() -> None:
    watched = Watched()
    one, other = watched.page(), watched.page(parse_filter("type:t1"))
    watched.seal(3)
    late = watched.page()
    watched.seal(3)
    takes = [page.take() for page in (one, other, late)]
    assert [shown(take) for take in takes] == [[0, 1, 2, 3, 4, 5], [1, 4], [3, 4, 5]]
    assert len({id(take.common) for take in takes}) == 3


def test_people_of_another_access_level_get_a_text_of_their_own() -> None:
    watched = Watched()
    pages = [watched.page() for _ in range(2)]
    watched.seal(3)
    levels = (PROFILE, AccessProfile(name="outsider", sees_values=False))
    texts = [
        divide_take(page.take(), Framing(whole_events=False, profile=profile))[0].texts
        for page, profile in zip(pages, levels, strict=True)
    ]
    assert texts[0][0] is not texts[1][0]


def test_what_is_kept_is_bounded_and_dropped_with_the_next_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    page = watched.page()
    watched.seal(2, size=common_take.MOST_BYTES)
    assert page.take().common is None
    monkeypatch.setattr(common_take, "MOST_KEPT", 1)
    pages = [watched.page()]
    watched.seal(1)
    pages.append(watched.page())
    watched.seal(1)
    first = pages[0].take()
    assert first.common is not None and pages[1].take().common is None
    watched.seal(1)
    assert pages[1].take().common is not first.common


def a_story(chance: random.Random) -> list[object]:
    """What pages with and without a filter took while chunks of all sizes came, some with little room."""
    watched = Watched()
    pages = [watched.page(filter) for filter in (None, None, parse_filter("type:t1"), parse_filter("type:none"))]
    told: list[object] = []
    for _ in range(60):
        for _ in range(chance.choice([1, 1, 2, 5])):
            watched.seal(chance.choice([1, 2, 20, 70, 400]), size=chance.choice([10, 10, 5_000]))
        for page in pages:
            if chance.random() < 0.6:
                take = page.take(chance.choice([None, None, 20_000]))
                told.append((shown(take), take.counts, take.places, take.state))
        if chance.random() < 0.1:
            pages[0].set_filter(chance.choice([None, parse_filter("type:t2")]))
    return told


@pytest.mark.parametrize("seed", range(4))
def test_each_page_gets_and_counts_what_it_would_alone(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr("eventstore.tail.filter_result.RowBudget.at", lambda budget, now: 50)  # by the clock, it may differ
    common: list[object] = []
    usual: Callable[..., Any] = common_take.common_take

    def noted(*arguments: Any) -> Any:
        common.append(usual(*arguments))
        return common[-1]

    monkeypatch.setattr(subscriber, "common_take", noted)
    together = a_story(random.Random(seed))
    monkeypatch.setattr(subscriber, "common_take", lambda *_: None)
    assert together == a_story(random.Random(seed))
    assert 10 < len([take for take in common if take is not None]) < len(common)
