"""From positions to ordinals. Events between two places are counted by subtracting ordinals, never by counting rows."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from eventstore.index.lookup.pointers import last_ordinals, last_ordinals_in, open_blocks, ordinals_at
from eventstore.index.models import IndexedPartition
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, UNREADABLE, Columns
from eventstore.model.events import Position

TOKENS_A_STATEMENT = 5_000
"""Tokens that are looked up in one statement."""
BLOCKS_AT_ONCE = 8


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
    return ordinals_in((partition, position) for position in positions)


def ordinals_in(places: Iterable[tuple[IndexedPartition, Position]]) -> dict[Position, int]:
    """Do as ``ordinal_after``, for many positions, each in its partition: a few queries for each 5,000.

    A position at the end of what is indexed, or behind it, costs none: there is the cursor of whoever has caught up.
    """
    asked = {position: partition for partition, position in places}
    found = {at: partition.next_ordinal for at, partition in asked.items() if at.token >= partition.checkpoint}
    inside = [(position, partition.pk) for position, partition in asked.items() if position not in found]
    for start in range(0, len(inside), TOKENS_A_STATEMENT):
        some = inside[start : start + TOKENS_A_STATEMENT]
        last = last_ordinals_in([(partition, position.token) for position, partition in some])
        found |= {position: last[number] + 1 for number, (position, _) in enumerate(some)}
    return found


class Ranges:
    """Ranges of a partition's ordinals, (first, behind the last), apart from each other. Empty ones are left out."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._parts = sorted((first, end) for first, end in ranges if first < end)
        self._firsts = [first for first, _ in self._parts]

    def __len__(self) -> int:
        """Return how many ordinals they hold."""
        return sum(end - first for first, end in self._parts)

    def __contains__(self, ordinal: int) -> bool:
        place = bisect_right(self._firsts, ordinal) - 1
        return place >= 0 and ordinal < self._parts[place][1]

    @property
    def parts(self) -> Sequence[tuple[int, int]]:
        """The ranges in order, (first, behind the last)."""
        return self._parts

    @property
    def edges(self) -> tuple[int, ...]:
        """Their first and last ordinal; nothing if they are empty."""
        return (self._parts[0][0], self._parts[-1][1] - 1) if self._parts else ()

    def ordinals(self, start: int = 0) -> Iterator[int]:
        """Yield the ordinals from ``start`` on, in order."""
        for first, end in self._parts[max(0, bisect_right(self._firsts, start) - 1) :]:
            yield from range(max(first, start), end)

    def ordinals_back(self, before: int | None = None) -> Iterator[int]:
        """Yield the ordinals before ``before`` (``None``: from the end), newest first."""
        parts = self._parts if before is None else self._parts[: bisect_left(self._firsts, before)]
        for first, end in reversed(parts):
            yield from range((end if before is None else min(end, before)) - 1, first - 1, -1)

    def blocks(self, *, newest_first: bool = False) -> Iterator[int]:
        """Yield where each block begins that holds some of them."""
        last = -1
        for first, end in reversed(self._parts) if newest_first else self._parts:
            numbers = range(first // FULL, (end - 1) // FULL + 1)
            for number in reversed(numbers) if newest_first else numbers:
                if number != last:
                    yield number * FULL
                last = number

    def below(self, end: int) -> "Ranges":
        """Return what they hold below this ordinal."""
        return Ranges((first, min(behind, end)) for first, behind in self._parts)

    def since(self, start: int) -> "Ranges":
        """Return what they hold from this ordinal on."""
        return Ranges((max(first, start), behind) for first, behind in self._parts)

    def nth(self, count: int) -> int | None:
        """Return the ordinal with ``count - 1`` others before it; ``None`` if they hold fewer."""
        for first, end in self._parts:
            if count <= end - first:
                return first + count - 1
            count -= end - first
        return None

    def left_out(self, end: int) -> "Ranges":
        """Return what these leave out of the ordinals below ``end``."""
        edges = [0, *(edge for part in self._parts for edge in part), end]
        return Ranges((first, min(behind, end)) for first, behind in zip(edges[::2], edges[1::2], strict=True))


def newest_of_type(partition: int, ranges: Ranges, type: int | None, most_blocks: int) -> tuple[int | None, int]:
    """Return the newest ordinal in these ranges of a partition row that has a readable event of this type (``None``: any).

    Also returns how many blocks were opened: the search ends after ``most_blocks`` of them, with no ordinal.
    """
    opened = 0
    back = ranges.blocks(newest_first=True)
    while firsts := list(islice(back, min(BLOCKS_AT_ONCE, most_blocks - opened))):
        opened += len(firsts)
        blocks = open_blocks((partition, first) for first in firsts)
        for first in firsts:
            found = _newest_in(blocks.get((partition, first)), first, ranges, type)
            if found is not None:
                return found, opened
    return None, opened


def _newest_in(columns: Columns | None, start: int, ranges: Ranges, type: int | None) -> int | None:
    if columns is None:
        return None
    for number in range(len(columns) - 1, -1, -1):
        right = columns.types[number] == type or (type is None and not columns.flags[number] & UNREADABLE)
        if right and start + number in ranges:
            return start + number
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateCount:
    """How many aggregates have events in some ranges. ``events`` were looked at: if these are not all, there may be more."""

    aggregates: int
    events: int


def aggregates_in(ranges: Mapping[int, Ranges], most_blocks: int) -> AggregateCount:
    """Count the aggregates that have events in these ranges, by partition row. Opens at most ``most_blocks`` blocks: the
    oldest of each partition."""
    share = max(1, most_blocks // max(1, len(ranges)))
    wanted = [(row, first) for row, parts in islice(ranges.items(), most_blocks) for first in islice(parts.blocks(), share)]
    streams: set[int] = set()
    events = 0
    for (row, first), columns in open_blocks(wanted).items():
        inside = [number for number in range(len(columns)) if first + number in ranges[row]]
        streams.update(columns.streams[number] for number in inside)
        events += len(inside)
    return AggregateCount(aggregates=_aggregates_of(streams - {0}), events=events)


def _aggregates_of(streams: set[int]) -> int:
    """Count the aggregates of these streams: one may have a stream in several partitions."""
    if not streams:
        return 0
    distinct = f"SELECT DISTINCT type_id, aggregate_id FROM index_streamrow WHERE id IN {sql.in_list()}"
    ((count,),) = sql.query(f"SELECT count(*) FROM ({distinct}) AS found", [sql.as_list(sorted(streams))])
    return int(count)
