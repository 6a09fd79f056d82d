"""From positions to ordinals. Events between two places are counted by subtracting ordinals, never by counting rows."""

from collections.abc import Iterable

from eventstore.index.lookup.pointers import last_ordinals, ordinals_at
from eventstore.index.models import IndexedPartition
from eventstore.model.events import Position

TOKENS_A_STATEMENT = 5_000
"""Tokens that are looked up in one statement."""


def ordinal_after(partition: IndexedPartition, position: Position | None, *, inclusive: bool = False) -> int:
    """Return the ordinal of the first event after a position (``inclusive``: at or after it), which need not exist.

    Without a position, return 0.
    """
    if position is None:
        return 0
    (last,) = last_ordinals(partition.pk, [position.token])
    at = inclusive and ordinals_at(partition.pk, [position.token]).get(position.token) == last
    return last if at else last + 1


def ordinals_after(partition: IndexedPartition, positions: Iterable[Position]) -> dict[Position, int]:
    """Do as ``ordinal_after``, for many positions of one partition: a few queries for each 5,000."""
    asked = list(dict.fromkeys(positions))
    found: dict[Position, int] = {}
    for start in range(0, len(asked), TOKENS_A_STATEMENT):
        some = asked[start : start + TOKENS_A_STATEMENT]
        last = last_ordinals(partition.pk, [position.token for position in some])
        found |= {position: last[number] + 1 for number, position in enumerate(some)}
    return found
