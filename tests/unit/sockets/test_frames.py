"""Frames as text: none is too large, and each has the places from which its reader can continue."""

import json
from typing import Any

from dashboard.privacy import AccessProfile
from dashboard.sockets.tail.frames import FrameContent, Framing, divide_take, frame_texts
from eventstore.tail import Counts, Piece, Take
from tests.unit.tail.entries import entries

ALL = AccessProfile(name="support", sees_values=True)
EVERY_TENTH = range(10, 60, 10)


def framing() -> Framing:
    return Framing(whole_events=True, profile=ALL, topics=["t"])


def take_of(numbers: range, counts: Counts, *, size: int = 10) -> Take:
    return Take(
        pieces=[Piece(entries(numbers, size=size))],
        counts=counts,
        places={"t#0": f"{counts.published:06d}"},
        lag_ms=1,
        state="live",
    )


def read(content: FrameContent, framing: Framing) -> dict[str, Any]:
    return dict(json.loads(b"".join(frame_texts(1, content, framing, "mark"))))


def test_a_take_that_fits_is_one_frame_with_its_counts_and_places() -> None:
    ours = framing()
    counts = Counts(published=55, matched=5, shown=5)
    (content,) = divide_take(take_of(EVERY_TENTH, counts), ours)
    frame = read(content, ours)
    assert [event["id"] for event in frame["events"]] == ["10", "20", "30", "40", "50"]
    assert (content.counts, content.places) == (counts, {"t#0": "000055"})
    assert frame["count"] == 5


def test_whoever_is_cut_off_between_two_frames_of_a_take_gets_nothing_counted_twice() -> None:
    """Events are numbered from 1, and one in ten matches. A client that returns to a place counts what follows it again."""
    ours = framing()
    divide_take(take_of(range(3, 4), Counts(published=5, matched=1, shown=1)), ours)
    whole = Counts(published=58, matched=6, shown=6)
    made = divide_take(take_of(EVERY_TENTH, whole, size=300_000), ours)
    assert len(made) > 2
    given = 1
    for content in made[:-1]:
        given += content.count
        counts, behind = content.counts, int(content.places["t#0"])
        assert counts.matched == counts.shown == given
        assert given <= counts.published <= behind
    assert made[-1].counts == whole
    assert made[-1].places == {"t#0": "000058"}
    published = [content.counts.published for content in made]
    assert published == sorted(published)


def test_with_another_filter_the_counts_of_a_divided_take_begin_again_but_for_what_was_published() -> None:
    ours = framing()
    divide_take(take_of(range(1, 6), Counts(published=5, matched=5, shown=5)), ours)
    ours.begin_again()
    first = divide_take(take_of(EVERY_TENTH, Counts(published=58, matched=5, shown=5), size=300_000), ours)[0]
    assert (first.counts.shown, first.counts.matched) == (first.count, first.count)
    assert first.counts.published == 5 + first.count


def test_a_take_of_nothing_is_a_frame_of_counts() -> None:
    ours = framing()
    take = Take(pieces=[], counts=Counts(published=7, older=None), places={}, lag_ms=None, state="away")
    (content,) = divide_take(take, ours)
    frame = read(content, ours)
    assert (frame["events"], frame["count"], frame["lag_ms"], frame["state"]) == ([], 0, None, "away")
    assert frame["counts"]["skipped"]["older"] is None
