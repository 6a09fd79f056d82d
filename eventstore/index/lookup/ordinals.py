"""From positions to ordinals: what lies between two places is counted by subtracting, never by counting rows."""

from collections.abc import Iterable

from eventstore.index.lookup.pointers import last_ordinals, ordinals_at
from eventstore.index.models import IndexedPartition
from eventstore.model.events import Position

TOKENS_A_STATEMENT = 5_000
"""So many are looked up in one statement."""


def ordinal_after(partition: IndexedPartition, position: Position | None, *, inclusive: bool = False) -> int:
    """The ordinal of the first event behind (``inclusive``: at or behind) a position, existing or not; 0 for none."""
    if position is None:
        return 0
    (last,) = last_ordinals(partition.pk, [position.token])
    at = inclusive and ordinals_at(partition.pk, [position.token]).get(position.token) == last
    return last if at else last + 1


def ordinals_after(partition: IndexedPartition, positions: Iterable[Position]) -> dict[Position, int]:
    """As ``ordinal_after``, for many positions of the partition at once: few queries for each 5,000."""
    asked = list(dict.fromkeys(positions))
    found: dict[Position, int] = {}
    for start in range(0, len(asked), TOKENS_A_STATEMENT):
        some = asked[start : start + TOKENS_A_STATEMENT]
        last = last_ordinals(partition.pk, [position.token for position in some])
        found |= {position: last[number] + 1 for number, position in enumerate(some)}
    return found
