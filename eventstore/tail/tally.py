"""What one filter makes of each chunk: which events match, and the rows that a page is shown of them."""

from bisect import bisect_right
from collections.abc import Sequence

from eventstore.search import Filter
from eventstore.tail.pieces import Chunk, Entry, FilterKey, Grows, Look, Piece, Slice, TallyKey

ROWS_A_SECOND = 500
"""Above this rate a page is shown a sample."""
ROWS_A_SLICE = 100
"""The most rows that a page is given in one piece."""
FEWEST_ROWS_A_SECOND = 25

EVERY_EVENT: FilterKey = ("", None, None)


def key_of(filter: Filter | None) -> FilterKey:
    """What tells filters apart: one text may mean other times tomorrow."""
    return EVERY_EVENT if filter is None or filter.empty else (filter.text, filter.since, filter.until)


class Tally:
    """One filter over one ring, for pages (``rate``: the most rows a second) or complete (``None``).

    The ring's lock guards ``users``, ``total`` (events matched since the tally was made), ``since`` (the first chunk that it
    has counted) and ``floor`` (the count before that chunk, negative for what was sealed before the tally was made).
    """

    def __init__(self, filter: Filter | None, rate: int | None, since: int) -> None:
        self.filter = None if filter is None or filter.empty else filter
        self.rate = rate
        self.key: TallyKey = (key_of(filter), rate)
        self.users: set[object] = set()
        self.since = since
        self.total = self.floor = 0
        self._budget = float(rate or 0)
        self._budget_of = 0.0

    def look_at(self, chunk: Chunk, *, live: bool = False) -> Look:
        """The chunk as this tally sees it, made once. Only a chunk that is being sealed (``live``) spends rows of the
        second's budget."""
        look = chunk.looks.get(self.key)
        if look is None:
            matching, piece = self._matching(chunk)
            most = self._rows_for(len(matching), chunk.sealed) if live else None
            look = chunk.looks.setdefault(self.key, self._look(chunk.entries, matching, piece, most, chunk))
        return look

    def look_at_rest(self, entries: Sequence[Entry]) -> Look:
        """As ``look_at`` for entries that only one viewer needs."""
        matching = self._indexes(entries)
        return self._look(entries, matching, Piece([entries[index] for index in matching]), None, None)

    def passed(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Those of these entries that match."""
        return entries if self.filter is None else [entry for entry in entries if self.filter.matches(entry.event)]

    def _matching(self, chunk: Chunk) -> tuple[Sequence[int], Piece]:
        """The chunk's matches, shared by all tallies of this filter."""
        found = chunk.pieces.get(self.key[0])
        if found is None:
            indexes = self._indexes(chunk.entries)
            entries = chunk.entries if self.filter is None else [chunk.entries[index] for index in indexes]
            found = chunk.pieces.setdefault(self.key[0], (indexes, Piece(entries, chunk)))
        return found

    def _indexes(self, entries: Sequence[Entry]) -> Sequence[int]:
        if self.filter is None:
            return range(len(entries))
        matches = self.filter.matches
        return [index for index, entry in enumerate(entries) if matches(entry.event)]

    def _rows_for(self, matched: int, now: float) -> int | None:
        """How many rows of this chunk a page is shown: all while the last second had few, then a share of the rate."""
        if self.rate is None:
            return None
        self._budget = min(float(self.rate), self._budget + self.rate * (now - self._budget_of))
        self._budget_of = now
        rows = min(matched, max(1, int(self._budget)))
        self._budget -= rows
        return rows

    def _look(
        self, entries: Sequence[Entry], matching: Sequence[int], piece: Piece, most: int | None, holder: Grows | None
    ) -> Look:
        if self.rate is None:
            size = sum(len(entry.message.payload) for entry in piece.entries)
            return Look(len(matching), [Slice(piece=piece, start=0, end=len(entries), matched=len(matching), bytes=size)])
        chosen = sample(len(matching), self.rate if most is None else most)
        cuts = range(0, max(1, len(chosen)), ROWS_A_SLICE)
        return Look(len(matching), _slices(entries, matching, [chosen[cut : cut + ROWS_A_SLICE] for cut in cuts], holder))


def sample(count: int, most: int) -> Sequence[int]:
    """At most ``most`` of the numbers below ``count``, evenly spread, the last one among them."""
    return range(count) if count <= most else [(number + 1) * count // most - 1 for number in range(most)]


def _slices(
    entries: Sequence[Entry], matching: Sequence[int], groups: Sequence[Sequence[int]], holder: Grows | None
) -> list[Slice]:
    """A slice a group of chosen matches: each reaches from behind the one before to its own last row, the last to the end."""
    made: list[Slice] = []
    start = 0
    for group in groups:
        rows = [entries[matching[number]] for number in group]
        end = len(entries) if group is groups[-1] else matching[group[-1]] + 1
        matched = bisect_right(matching, end - 1) - bisect_right(matching, start - 1)
        size = sum(len(row.message.payload) for row in rows)
        made.append(Slice(piece=Piece(rows, holder), start=start, end=end, matched=matched, bytes=size))
        start = end
    return made


def rows_a_second(topics: int) -> int:
    """The share of one topic in the rows that a page is shown of so many together."""
    return max(FEWEST_ROWS_A_SECOND, ROWS_A_SECOND // topics)
