"""Pages that stand at the same place share what they take, and each gets and counts what it would get alone."""

import gc
import random
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from dashboard.privacy import AccessProfile
from dashboard.sockets.tail.frames import Framing, divide_take
from eventstore.config.loading import parse_config
from eventstore.model.events import Topic
from eventstore.search import Filter, parse_filter
from eventstore.tail import TailSubscriber, Take
from eventstore.tail.budget import ROWS_A_SECOND
from eventstore.tail.pieces import Entry
from eventstore.tail.ring import Ring
from eventstore.tail.subscriber import common_take, subscriber
from eventstore.tail.subscriber.cursor import TailCursor
from eventstore.tail.topic_tail import TopicTail
from tests.unit.tail.entries import PARSER, entries, message, numbers_of

PROFILE = AccessProfile(name="support", sees_values=True)


class Entries(list[Entry]):
    """A list that tells whether it is still held."""


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

    def seal_one_of(self, payload: bytes) -> None:
        one = structs.replace(message(self.published), payload=payload)
        self.tail.ring.add([Entry(one, PARSER)], sealed=time.monotonic())
        self.published += 1

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
    one, *others = watched.page(), watched.page(parse_filter("type:t1")), watched.page(parse_filter("type:t1"))
    watched.seal(3)
    late = watched.page()
    watched.seal(3)
    takes = [page.take() for page in (one, late, *others)]
    assert [shown(take) for take in takes] == [[0, 1, 2, 3, 4, 5], [3, 4, 5], [1, 4], [1, 4]]
    assert takes[2].common is takes[3].common
    assert None not in {take.common for take in takes} and len({id(take.common) for take in takes}) == 3


def test_nothing_is_kept_for_a_filter_that_one_page_uses_or_that_only_one_still_uses() -> None:
    watched = Watched()
    alone, *both = watched.page(parse_filter("type:t1")), watched.page(), watched.page()
    watched.seal(3)
    assert alone.take().common is None and both[0].take().common is not None
    both[1].close()
    watched.seal(3)
    ring_filter = both[0]._cursors[0].ring_filter
    assert both[0].take().common is None and ring_filter.common is None
    assert shown(alone.take()) == [4]


@pytest.mark.parametrize("sees_values", [(True, False), (False, True)])
def test_what_is_masked_for_some_is_shown_to_others_only_whoever_comes_first(
    settings: Any, sees_values: tuple[bool, bool]
) -> None:
    settings.EVENTDESK = parse_config('[stories]\n"t*" = "of {data.name}"\n', "desk.toml")
    watched = Watched()
    pages = [watched.page() for _ in sees_values]
    watched.seal_one_of(b'{"name":"Mustermann"}')
    for page, sees in zip(pages, sees_values, strict=True):
        take = page.take()
        (content,) = divide_take(take, Framing(whole_events=False, profile=AccessProfile(name="one", sees_values=sees)))
        assert isinstance(take.common, common_take.CommonTake) and len(content.texts) == 1
        assert (b"Mustermann" in content.texts[0]) is sees


def test_a_text_that_is_too_large_is_joined_by_nobody_and_kept_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    pages = [watched.page() for _ in range(2)]
    for _ in range(2):
        watched.seal(3)
    monkeypatch.setattr(common_take, "MOST_BYTES", 100)
    takes = [page.take() for page in pages]
    assert isinstance(takes[0].common, common_take.CommonTake) and takes[0].common is takes[1].common
    texts = [divide_take(take, Framing(whole_events=False, profile=PROFILE))[0].texts for take in takes]
    assert len(texts[0]) == 2 and texts[0] == texts[1]
    assert list(takes[0].common._made.values()) == [None]


def test_what_pages_have_in_common_keeps_no_chunk_that_the_ring_has_dropped() -> None:
    watched = Watched()
    watched.tail.ring = Ring({}, most_events=1)
    pages = [watched.page(parse_filter("type:none")) for _ in range(2)]
    of_chunk = Entries(entries(range(3)))
    held = weakref.ref(of_chunk)
    watched.tail.ring.add(of_chunk, sealed=time.monotonic())
    del of_chunk
    takes = [page.take() for page in pages]
    assert takes[0].common is not None and takes[0].counts.published == 3
    watched.seal(3)
    gc.collect()
    assert held() is None


def test_a_ring_is_dropped_with_what_pages_have_in_common_though_they_never_left() -> None:
    watched = Watched()
    pages = [watched.page() for _ in range(2)]
    watched.seal(3)
    assert pages[0].take().common is not None
    ring = weakref.ref(watched.tail.ring)
    del watched, pages
    gc.collect()
    assert ring() is None


def test_what_is_kept_is_bounded_and_dropped_with_the_next_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    pages = [watched.page() for _ in range(2)]
    watched.seal(2, size=common_take.MOST_BYTES)
    assert [page.take().common for page in pages] == [None, None]
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
    some, none = parse_filter("type:t1"), parse_filter("type:none")
    pages = [watched.page(filter) for filter in (None, None, some, some, none, none)]
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
