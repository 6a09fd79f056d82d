"""What two looks at a Pulsar cursor prove about a reset between them."""

import pytest

from eventstore.drivers.pulsar.ledgers import Layout
from eventstore.drivers.pulsar.subscriptions.cursor_reset import Standing, Target, judge
from eventstore.model.cursor_moves import MoveResult

MOVED, NOT_MOVED, UNKNOWN = MoveResult.MOVED, MoveResult.NOT_MOVED, MoveResult.UNKNOWN
LEDGERS = Layout(ledgers=((5, 10), (8, 10)))
"""Twenty entries in two ledgers."""


def at(
    ledger: int,
    entry: int,
    *holes: tuple[tuple[int, int], tuple[int, int]],
    delivered: int | None = 100,
    layout: Layout = LEDGERS,
) -> Standing:
    return Standing(layout=layout, mark=(ledger, entry), holes=holes, delivered=delivered)


@pytest.mark.parametrize(
    ("before", "after", "target", "result"),
    [
        # back
        (at(8, 5), at(5, 2), (5, 3), MOVED),
        (at(8, 5), at(5, -1), "earliest", MOVED),
        (at(8, 5), at(8, 5), (5, 3), NOT_MOVED),
        (at(8, 5), at(8, 5), "earliest", NOT_MOVED),
        (at(8, 5), at(8, 7), (5, 3), NOT_MOVED),
        (at(8, 5), at(8, -1), (8, 0), MOVED),
        (at(8, 5), at(5, 9), (8, 0), MOVED),
        # back, and consumers have handled some of it again, or all
        (at(8, 5), at(5, 6, delivered=104), (5, 3), MOVED),
        (at(8, 5), at(8, 4, delivered=112), (5, 3), MOVED),
        (at(8, 5), at(8, 5, delivered=112), (5, 3), NOT_MOVED),
        (at(8, 5), at(8, 5, delivered=113), (5, 3), UNKNOWN),
        (at(8, 5), at(8, 9, delivered=130), (5, 3), UNKNOWN),
        # the broker has loaded the topic anew, or does not count
        (at(8, 5), at(8, 5, delivered=3), (5, 3), UNKNOWN),
        (at(8, 5, delivered=None), at(8, 5), (5, 3), UNKNOWN),
        (at(8, 5), at(8, 5, delivered=None), (5, 3), UNKNOWN),
        # forward
        (at(5, 2), at(8, 4), (8, 5), MOVED),
        (at(5, 2), at(8, 9), "latest", MOVED),
        (at(5, 2), at(5, 2), (8, 5), NOT_MOVED),
        (at(5, 2), at(5, 4), (8, 5), NOT_MOVED),
        (at(5, 2), at(5, 2), "latest", NOT_MOVED),
        # where it stands already
        (at(5, 2), at(5, 2), (5, 3), MOVED),
        (at(5, -1), at(5, -1), "earliest", MOVED),
        (at(8, 9), at(8, 9), "latest", MOVED),
        # where it stands, with acknowledgements beyond that are to be forgotten
        (at(5, 2, ((5, 4), (5, 6))), at(5, 2), (5, 3), MOVED),
        (at(5, 2, ((5, 4), (5, 6))), at(5, 2, ((5, 4), (5, 6))), (5, 3), NOT_MOVED),
        (at(5, 2, ((5, 4), (5, 6))), at(5, 2, ((5, 4), (5, 5))), (5, 3), MOVED),
        (at(5, 2, ((5, 4), (5, 6))), at(5, 6, delivered=104), (5, 3), UNKNOWN),
    ],
)
def test_the_two_looks_prove(before: Standing, after: Standing, target: Target, result: MoveResult) -> None:
    assert judge(before, after, target) is result


def test_a_ledger_that_was_trimmed_or_begun_in_between_shifts_nothing() -> None:
    trimmed = Layout(ledgers=((8, 10), (9, 3)))
    assert judge(at(8, 5), at(8, -1, layout=trimmed), "earliest") is MOVED
    assert judge(at(8, 5), at(8, 5, layout=trimmed), "earliest") is NOT_MOVED
    assert judge(at(5, 2), at(8, 9, layout=trimmed), "latest") is MOVED, "what came later is not yet to be skipped"


def test_of_a_topic_without_events_nothing_has_to_move() -> None:
    empty = Layout(ledgers=())
    assert judge(at(5, -1, layout=empty), at(5, -1, layout=empty), "earliest") is MOVED


def test_fifty_thousand_ranges_are_judged_in_one_walk() -> None:
    """Compared each with each, they would take half an hour."""
    layout = Layout(ledgers=tuple((ledger, 500) for ledger in range(300)))
    holes = [(layout.at(3 * number), layout.at(3 * number + 1)) for number in range(1, 49_999)]
    before, missing = at(0, 0, *holes, layout=layout), at(0, 0, *holes[:-1], layout=layout)
    assert judge(before, before, "earliest") is NOT_MOVED
    assert judge(before, missing, "earliest") is MOVED


def test_a_layout_counts_over_its_ledgers_and_finds_each_entry_again() -> None:
    assert [LEDGERS.at(place) for place in (0, 9, 10, 19)] == [(5, 0), (5, 9), (8, 0), (8, 9)]
    assert [LEDGERS.count_up_to(*LEDGERS.at(place)) for place in range(20)] == list(range(1, 21))
    assert [LEDGERS.count_up_to(*place) for place in ((4, 7), (5, -1), (6, 3), (8, -1), (8, 99), (9, 0))] == [
        0,
        0,
        10,
        10,
        20,
        20,
    ]
    with pytest.raises(IndexError):
        LEDGERS.at(20)
