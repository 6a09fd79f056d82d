"""What one filter finds in each chunk: the matching events, and the rows of them that a page shows."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from eventstore.search import CostBudget, Filter, FilterTooExpensive
from eventstore.tail.budget import RowBudget
from eventstore.tail.pieces import (
    BYTES_OF_A_MATCH,
    OBJECTS_OF_A_RESULT,
    OBJECTS_OF_A_SLICE,
    Chunk,
    Entry,
    FilterKey,
    FilterResult,
    MemoryAccount,
    MemoryHolder,
    Piece,
    RingFilterKey,
    Slice,
    places_of,
)
from eventstore.tail.take_bounds import BYTES_OF_AN_EVENT

ROWS_A_SLICE = 50
"""The most rows that a page gets in one piece."""
BYTES_A_SLICE = 32 * 1024
"""The size of a piece for a complete subscriber that does not get the whole chunk at once."""

EVERY_EVENT: FilterKey = ("", None, None, (), ())
NOTHING = Piece(())
"""The empty piece, given for a chunk without matches. All chunks share it."""


def key_of(filter: Filter | None) -> FilterKey:
    """Return the key that tells filters apart. The text alone is not enough: it may mean other times tomorrow."""
    if filter is None or filter.empty:
        return EVERY_EVENT
    return (filter.text, filter.since, filter.until, filter.aggregates, filter.types)


class RingFilter:
    """One filter on one ring, for pages (``rate``: the most rows per second) or for complete subscribers (``rate=None``).

    The ring's lock guards the counters. ``total`` counts the events that matched since this object was made. ``since``
    is the number of the first chunk that it has counted. ``floor`` is the count before that chunk; it is negative for
    chunks that were sealed before this object was made.
    """

    def __init__(self, filter: Filter | None, rate: int | None, since: int) -> None:
        self.filter = None if filter is None or filter.empty else filter
        self.problem = ""
        """Why this filter is no longer applied. A filter that costs too much must not delay the events of the others."""
        self._cost_budget = CostBudget(self.filter) if self.filter else None
        self.rate = rate
        self.key: RingFilterKey = (key_of(filter), rate)
        self.users: set[object] = set()
        self.since = since
        self.total = self.floor = 0
        self._budget = RowBudget(rate or 0)
        self.common: object = None
        """What its users take alike (``subscriber.common_take``). It holds pieces of the ring, and so must go with it."""

    def result_of(self, chunk: Chunk, *, live: bool = False) -> FilterResult:
        """Return the filter's result for the chunk, which is computed once.

        Only a chunk that is being sealed (``live``) spends rows of the current second's budget.
        """
        result = chunk.results.get(self.key)
        if result is None:
            matching = self._matching(chunk)
            account = MemoryAccount(chunk, OBJECTS_OF_A_RESULT)
            most = self._rows_for(len(matching), chunk.sealed) if live else None
            slices = self._slices(chunk.entries, matching, most, account)
            account.size += OBJECTS_OF_A_SLICE * len(slices) + BYTES_OF_A_MATCH * len(matching)
            result = chunk.results.setdefault(self.key, FilterResult(len(matching), slices, account))
        return result

    def slices_of(self, chunk: Chunk) -> Sequence[Slice]:
        """Return the chunk's slices: one that shows nothing if nothing of it matches, so that it is passed all the same."""
        return self.result_of(chunk).slices or (nothing_of(len(chunk.entries), chunk.last),)

    def behind(self, chunk: Chunk) -> tuple[int, int, int]:
        """Return the number of the chunk that comes next, and how many events the ring, and matches this filter, had counted
        before that."""
        result = self.result_of(chunk)
        return chunk.number + 1, chunk.before + len(chunk.entries), result.before + result.matched

    def result_of_rest(self, chunk: Chunk, rest: Sequence[int]) -> FilterResult:
        """Return the result for the entries at these indexes of the chunk, which only one subscriber needs.

        The filter is not applied to an entry again.
        """
        entries = [chunk.entries[index] for index in rest]
        matched = set(self._matching(chunk)) if self.filter else None
        matching = [number for number, index in enumerate(rest) if matched is None or index in matched]
        if self.rate is None and matching:
            return FilterResult(len(matching), _slices(entries, matching, _by_size(entries, matching), None))
        return FilterResult(len(matching), self._slices(entries, matching, None, None))

    def _matching(self, chunk: Chunk) -> Sequence[int]:
        """Return the indexes of the entries that match. All objects with the same filter share them."""
        if self._cost_budget is None:
            return range(len(chunk.entries))
        found = chunk.matches.get(self.key[0])
        if found is None and not self.problem:
            try:
                indexes = self._cost_budget.matching([entry.event for entry in chunk.entries])
                found = chunk.matches.setdefault(self.key[0], tuple(indexes))
            except FilterTooExpensive as error:
                self.problem = str(error)
        return found or ()

    def _rows_for(self, matched: int, now: float) -> int | None:
        """Return how many rows of this chunk a page shows: all while the last second had few, otherwise a share of the
        rate."""
        if self.rate is None:
            return None
        rows = min(matched, max(1, self._budget.at(now)))
        self._budget.spend(rows)
        return rows

    def _slices(
        self, entries: Sequence[Entry], matching: Sequence[int], most: int | None, holder: MemoryHolder | None
    ) -> Sequence[Slice]:
        if not matching:
            return ()
        if self.rate is None:
            return _slices(entries, matching, (range(len(matching)),), holder)
        chosen = sample(len(matching), self.rate if most is None else most)
        cuts = range(0, len(chosen), ROWS_A_SLICE)
        return _slices(entries, matching, [chosen[cut : cut + ROWS_A_SLICE] for cut in cuts], holder)


def nothing_of(count: int, tokens: Mapping[int, str]) -> Slice:
    """Return the slice for this many entries without a match, up to these tokens."""
    return Slice(piece=NOTHING, start=0, end=count, matched=0, bytes=0, tokens=tokens)


def sample(count: int, most: int) -> Sequence[int]:
    """Return at most ``most`` of the numbers below ``count``, evenly spread. The last number is always included."""
    return range(count) if count <= most else [(number + 1) * count // most - 1 for number in range(most)]


def _by_size(entries: Sequence[Entry], matching: Sequence[int]) -> list[Sequence[int]]:
    """Group the numbers of all matches into groups of about ``BYTES_A_SLICE`` bytes."""
    groups: list[Sequence[int]] = []
    start = size = 0
    for number, index in enumerate(matching):
        one = len(entries[index].message.payload) + BYTES_OF_AN_EVENT
        if number > start and size + one > BYTES_A_SLICE:
            groups.append(range(start, number))
            start, size = number, 0
        size += one
    groups.append(range(start, len(matching)))
    return groups


def _slices(
    entries: Sequence[Entry], matching: Sequence[int], groups: Sequence[Sequence[int]], holder: MemoryHolder | None
) -> list[Slice]:
    """Make one slice for each group of chosen matches.

    A slice reaches from the end of the one before to its own last row; the last slice reaches to the end of the chunk.
    """
    made: list[Slice] = []
    start = 0
    for group in groups:
        rows = [entries[matching[number]] for number in group]
        end = len(entries) if group is groups[-1] else matching[group[-1]] + 1
        matched = bisect_right(matching, end - 1) - bisect_right(matching, start - 1)
        size = sum(len(row.message.payload) for row in rows)
        tokens = places_of(entries[start:end])
        made.append(Slice(piece=Piece(rows, holder), start=start, end=end, matched=matched, bytes=size, tokens=tokens))
        start = end
    return made
