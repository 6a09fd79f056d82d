"""What a page shows of several topics together: everything while they have little, otherwise a sample that all of them
share."""

from typing import Any

import pytest

from eventstore.model.events import Topic
from eventstore.tail import Counts, TailSubscriber
from eventstore.tail.budget import ROWS_A_SECOND
from eventstore.tail.pieces import Piece
from eventstore.tail.subscriber.cursor import TailCursor
from eventstore.tail.topic_tail import TopicTail
from tests.unit.tail.entries import PARSER, entries

BEAT, BEATS = 0.1, 100


class Busy:
    """Topics whose chunks are sealed when the test says so."""

    def __init__(self, topics: int) -> None:
        store: Any = None
        self.tails = [
            TopicTail(store, PARSER.read, Topic(name=f"t{number}", partitions=1), lambda tail: None)
            for number in range(topics)
        ]
        self.published = [0] * topics
        self.now = 1_000.0

    def page(self, *which: int) -> TailSubscriber:
        cursors = [
            TailCursor(self.tails[number], lambda: None, rate=ROWS_A_SECOND) for number in which or range(len(self.tails))
        ]
        for cursor in cursors:
            cursor.begin_now(None)
        store: Any = None
        return TailSubscriber(store, cursors, complete=False)

    def publish(self, which: int, count: int) -> None:
        first = self.published[which]
        self.published[which] += count
        self.tails[which].ring.add(entries(range(first + 1, first + count + 1)), sealed=self.now)


def watched(page: TailSubscriber, busy: Busy, rates: dict[int, int]) -> tuple[Counts, list[Piece]]:
    """Return what a page has in the end that takes every beat, with this many events published per beat."""
    pieces: list[Piece] = []
    for _ in range(BEATS):
        for which, count in rates.items():
            busy.publish(which, count)
        pieces += page.take().pieces
        busy.now += BEAT
    last = page.take()
    while last.pieces:
        pieces += last.pieces
        last = page.take()
    counts = last.counts
    assert counts.published == counts.matched == sum(busy.published)
    assert counts.matched == counts.shown + counts.sampled + counts.slow
    assert counts.shown == sum(len(piece.entries) for piece in pieces)
    return counts, pieces


@pytest.mark.parametrize("rate", [4, 40])
def test_of_one_topic_among_many_quiet_ones_every_event_is_shown(rate: int) -> None:
    busy = Busy(20)
    counts, _ = watched(busy.page(), busy, {7: rate})
    assert (counts.shown, counts.sampled, counts.slow) == (rate * BEATS, 0, 0)


def test_several_topics_that_have_little_together_are_shown_whole() -> None:
    busy = Busy(20)
    counts, _ = watched(busy.page(), busy, dict.fromkeys(range(10), 4))
    assert counts.shown == counts.published


@pytest.mark.slow
@pytest.mark.parametrize("rates", [dict.fromkeys(range(20), 100), {0: 1_000} | dict.fromkeys(range(1, 20), 4)])
def test_of_a_flood_from_several_topics_a_page_is_shown_a_sample_of_each(rates: dict[int, int]) -> None:
    busy = Busy(20)
    counts, pieces = watched(busy.page(), busy, rates)
    seconds = BEATS * BEAT
    assert counts.shown == pytest.approx(ROWS_A_SECOND * (seconds + 1), rel=0.1)
    assert counts.slow <= sum(rates.values()), "a beat's worth, while the first burst is shown"
    of_whom = {id(entry) for piece in pieces for entry in piece.entries}
    for tail in busy.tails:
        held = [entry for chunk in tail.ring.since(0).chunks for entry in chunk.entries]
        assert any(id(entry) in of_whom for entry in held), "none is left out"


def test_what_a_page_of_several_topics_is_shown_is_made_for_all_alike() -> None:
    busy = Busy(3)
    pages = [busy.page(), busy.page(0), busy.page(0, 1)]
    busy.publish(0, 120)
    given = [page.take().pieces for page in pages]
    assert given[0] and all(one is other for pieces in given[1:] for one, other in zip(pieces, given[0], strict=True))
