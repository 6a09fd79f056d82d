"""Batches whose messages have several keys, among a topic's latest events.

A broker gives a batch as a whole to one consumer of a key_shared subscription: that of its first key. So the order of the
other keys is lost. Producers make such batches unless they batch by key, or not at all.
"""

from collections.abc import Callable, Hashable, Sequence

from eventstore.diagnosis.findings import MixedBatch
from eventstore.model.events import Position
from eventstore.model.pointers import Pointer
from eventstore.streams import Row

LATEST = 200
"""Events of a topic that are looked at in the index."""
MOST_READ = 3
"""Batches that are read from the store."""


def mixed_batch(
    pointers: Sequence[Pointer],
    entry_of: Callable[[Position], Hashable],
    rows_of: Callable[[Sequence[Pointer]], Sequence[Row]],
) -> MixedBatch | None:
    """Return the first batch of several keys. ``pointers`` come newest first; ``entry_of`` is equal for what the store keeps
    as one. The keys are the messages' own, which are read from the store: the index knows aggregates."""
    batches: dict[Hashable, list[Pointer]] = {}
    for pointer in pointers:
        batches.setdefault((pointer.position.partition, entry_of(pointer.position)), []).append(pointer)
    of_several = [found for found in batches.values() if len({pointer.position.message for pointer in found}) > 1]
    differing = [found for found in of_several if len({(one.aggregate_type, one.aggregate_id) for one in found}) > 1]
    for found in differing[:MOST_READ]:
        messages = [row.event.message for row in rows_of(found) if row.event]
        keys = {message.ordering_key or message.key for message in messages}
        if len(keys) > 1:
            first = min(found, key=lambda pointer: pointer.position)
            return MixedBatch(
                keys=len(keys),
                messages=len(messages),
                partition=first.position.partition,
                place=first.position.label,
                published=first.published,
            )
    return None
