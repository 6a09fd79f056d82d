"""The events that a move takes from a subscription, or gives it again: page by page, and by name for the record."""

from collections.abc import Sequence
from itertools import islice

from eventstore.actions.resource import AggregateName
from eventstore.index.lookup.pointers import pointers_at
from eventstore.model.pointers import Pointer
from eventstore.subscriptions.progress import Reached

MOST_NAMED = 100
"""Events that are named on the record. Their number is beside them."""


def named(reached: Reached, most: int) -> Sequence[dict[str, str]]:
    """Return the first of these events by their ids, never by a value of theirs: partition by partition, at most ``most``."""
    places = [
        (there.partition.pk, ordinal) for there in reached.values() for ordinal in islice(there.waiting.ordinals(), most)
    ]
    return [_name(pointer) for pointer in pointers_at(places[:most])]


def by_aggregate(pointers: Sequence[Pointer]) -> Sequence[Pointer]:
    """Return these events with each aggregate's beside each other: the aggregate of the first one comes first."""
    first: dict[tuple[str, str], int] = {}
    for number, pointer in enumerate(pointers):
        first.setdefault((pointer.aggregate_type, pointer.aggregate_id), number)
    return sorted(pointers, key=lambda pointer: first[pointer.aggregate_type, pointer.aggregate_id])


def _name(pointer: Pointer) -> dict[str, str]:
    name = {"event": pointer.event_id, "partition": str(pointer.position.partition)}
    if pointer.aggregate_id:
        name = {"aggregate": AggregateName(pointer.aggregate_type, pointer.aggregate_id), **name}
    return name
