"""Remove the searchable values of one aggregate from the index, beside writers that go on.

Every block that holds events of the aggregate is written again without their values, and the keys by which these were found
are deleted, a few blocks in one transaction under the lock on their partition's row. A writer that keeps the last block in
memory sees by ``IndexedPartition.rewritten`` that it has to read it again.

Remember the aggregate as forgotten first (``eventstore.forgotten``). Removing can be stopped at any moment, and done again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import F

from eventstore.index.lookup.stream_keys import Place, Stretch, places_of, stretches_everywhere
from eventstore.index.models import BlockRow, IndexedPartition
from eventstore.index.segments.holding import wait_for_writers
from eventstore.index.segments.numbers import segments_under
from eventstore.index.tables.blocks import FULL, Columns, decoded, encoded
from eventstore.index.tables.database import atomic
from eventstore.index.tables.keys import Key, value_hash
from eventstore.index.tables.secret import index_key
from eventstore.index.writing.value_keys import ValueKey, delete_value_keys

BLOCKS_AT_ONCE = 40
"""Blocks that are written again in one transaction: some 40 milliseconds on SQLite where each holds one event of the
aggregate, 170 where each is full of them."""

OnBlocks = Callable[[int], object]
"""Called with the number of events looked at since the last call, and between two transactions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """``values`` that were removed, of so many ``events``."""

    values: int = 0
    events: int = 0


def remove_values(type: str, id: str, on_blocks: OnBlocks) -> Removed:
    """Remove every searchable value of the aggregate's events, in every build of every topic."""
    wait_for_writers()  # they may not know yet that the aggregate is forgotten
    key = index_key()
    values = events = 0
    for stretch in stretches_everywhere(type, id):
        for places in _pieces(stretch):
            removed = _remove(stretch.partition, places, key)
            values, events = values + removed.values, events + removed.events
            on_blocks(len(places))
    return Removed(values=values, events=events)


def _pieces(stretch: Stretch) -> Iterator[Sequence[Place]]:
    """Yield the stream's places, those of at most ``BLOCKS_AT_ONCE`` blocks at a time."""
    for places in places_of(stretch):
        blocks = [list(of_block) for _, of_block in groupby(places, lambda place: place.ordinal // FULL)]
        for start in range(0, len(blocks), BLOCKS_AT_ONCE):
            yield [place for of_block in blocks[start : start + BLOCKS_AT_ONCE] for place in of_block]


def _remove(partition: int, places: Sequence[Place], key: Key) -> Removed:
    """Remove the values of these events of one partition row, in one transaction."""
    firsts = {place.ordinal - place.ordinal % FULL for place in places}
    by_block = {first: [place for place in places if place.ordinal - place.ordinal % FULL == first] for first in firsts}
    gone: list[ValueKey] = []
    events = 0
    with atomic():
        _lock(partition)
        rows = BlockRow.objects.filter(partition_id=partition)
        for block in list(rows.filter(first_ordinal__in=sorted(firsts))):
            columns = decoded(bytes(block.data))
            taken = _taken_out(columns, block, by_block[block.first_ordinal], key)
            if taken:
                rows.filter(first_ordinal=block.first_ordinal).update(data=encoded(columns))
            gone += taken
            events += len({taken_key.ordinal for taken_key in taken})
        if gone:
            delete_value_keys(gone)
            IndexedPartition.objects.filter(pk=partition).update(rewritten=F("rewritten") + 1)
    return Removed(values=len(gone), events=events)


def _lock(partition: int) -> None:
    list(IndexedPartition.objects.select_for_update().filter(pk=partition).values_list("pk"))


def _taken_out(columns: Columns, block: BlockRow, places: Sequence[Place], key: Key) -> list[ValueKey]:
    """Take the values of these events out of their block, and return the key of each."""
    return [
        ValueKey(segments_under(at.number)[0], block.segment, value_hash(key, name, text), block.partition_id, at.ordinal)
        for at in places
        for name, text in columns.values.pop(at.ordinal - block.first_ordinal, ())
    ]
