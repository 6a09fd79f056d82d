"""Groups positions that lie so close together that one reader reads through them."""

from collections.abc import Sequence

from eventstore.drivers.pulsar.positions import Place, place_of
from eventstore.model.events import Position

NEAR, NEAR_FIRSTS, NEAR_BATCHED = 32, 4, 1
"""Entries from one wanted message to the next up to which reading through is cheaper than a new reader: for messages
without batches, for the first messages of a batch (which may hold one message, or a thousand), and for other messages
in batches."""


def group_near(positions: Sequence[Position]) -> Sequence[Sequence[Position]]:
    """Group the sorted positions of one partition so that each group is worth reading through with one reader."""
    groups: list[list[Position]] = []
    before: Place | None = None
    for position in positions:
        place = place_of(position.token)
        if before is not None and _is_near(before, place):
            groups[-1].append(position)
        else:
            groups.append([position])
        before = place
    return groups


def _is_near(one: Place, other: Place) -> bool:
    furthest = max(one.batch, other.batch)
    reach = NEAR if furthest < 0 else NEAR_FIRSTS if furthest == 0 else NEAR_BATCHED
    return one.ledger == other.ledger and other.first_entry[1] - one.entry <= reach
