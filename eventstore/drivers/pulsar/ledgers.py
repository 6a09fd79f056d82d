"""The layout of a partition's log: its ledgers and their entries. Entries count from 0 within their ledger."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from eventstore.model import tokens

Entry = tuple[int, int]
"""Ledger and entry. The entry -1 is the place before all of its ledger."""
Places = Sequence[tuple[int, int]]
"""Ranges of a partition's entries, counted from 0 over its ledgers: (first, behind the last)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The ledgers that hold something, oldest first, as (ledger, entries).

    ``newest`` is the ledger that was created last, even if it is empty, and when. In one log both grow together. A broker that
    lost its data numbers ledgers anew: then the time grows, and the number may not.
    """

    ledgers: Sequence[tuple[int, int]]
    newest: tuple[int, str] = (-1, "")
    _numbers: Sequence[int] = field(init=False, repr=False, compare=False)
    _before: Sequence[int] = field(init=False, repr=False, compare=False)
    """How many entries lie before each ledger, and then how many there are."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", [number for number, _ in self.ledgers])
        object.__setattr__(self, "_before", list(accumulate((count for _, count in self.ledgers), initial=0)))

    @property
    def last(self) -> tuple[int, int] | None:
        """Ledger and entry of the last entry; ``None`` if the log is empty."""
        if not self.ledgers:
            return None
        ledger, entries = self.ledgers[-1]
        return ledger, entries - 1

    @property
    def entries(self) -> int:
        return self._before[-1]

    def size(self, ledger: int) -> int:
        """Return how many entries the ledger holds; 0 if it is not there."""
        at = bisect_left(self._numbers, ledger)
        return self.ledgers[at][1] if at < len(self.ledgers) and self._numbers[at] == ledger else 0

    def count_up_to(self, ledger: int, entry: int) -> int:
        """Return how many entries there are up to and including this one, which need not exist."""
        return self._before[bisect_left(self._numbers, ledger)] + max(0, min(entry + 1, self.size(ledger)))

    def acknowledged(self, mark: Entry, holes: Sequence[tuple[Entry, Entry]]) -> Places:
        """Return what is acknowledged: everything up to ``mark``, and the holes, which begin behind their first entry."""
        ranges = [(0, self.count_up_to(*mark))]
        ranges += [(self.count_up_to(*start), self.count_up_to(*end)) for start, end in holes]
        return [(first, end) for first, end in ranges if first < end]

    def has(self, ledger: int, entry: int) -> bool:
        """Return whether this entry is there: neither trimmed nor still to come."""
        return 0 <= entry < self.size(ledger)

    def at(self, place: int) -> tuple[int, int]:
        """Return ledger and entry of the entry with ``place`` others before it."""
        if place >= self.entries:
            raise IndexError("the log has fewer entries")
        at = bisect_right(self._before, place) - 1
        return self._numbers[at], place - self._before[at]


def merged(places: Places) -> list[tuple[int, int]]:
    """Return the ranges in order, and apart."""
    found: list[tuple[int, int]] = []
    for first, behind in sorted(places):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(behind, found[-1][1]))
        elif first < behind:
            found.append((first, behind))
    return found


def less(wanted: Places, done: Places) -> list[tuple[int, int]]:
    """Return what of the ranges is in none of the others, in order. One walk over both: a cursor may have 100,000 ranges."""
    taken = merged(done)
    left: list[tuple[int, int]] = []
    number = 0
    for first, behind in merged(wanted):
        at = first
        while number < len(taken) and taken[number][1] <= at:
            number += 1
        ahead = number
        while ahead < len(taken) and taken[ahead][0] < behind:
            if at < taken[ahead][0]:
                left.append((at, taken[ahead][0]))
            at, ahead = taken[ahead][1], ahead + 1
        if at < behind:
            left.append((at, behind))
    return left


def layout_of(internals: Mapping[str, Any]) -> Layout:
    """Return the layout from ``internalStats``.

    The list says 0 for the open ledger. Its last confirmed entry tells how many entries it has.
    """
    if not internals:
        return Layout(ledgers=())
    open_ledger, _, last_entry = str(internals["lastConfirmedEntry"]).partition(":")
    known = {int(ledger["ledgerId"]): int(ledger["entries"]) for ledger in internals["ledgers"]}
    if int(open_ledger) in known:
        known[int(open_ledger)] = max(known[int(open_ledger)], int(last_entry) + 1)
    return Layout(
        ledgers=tuple((ledger, entries) for ledger, entries in sorted(known.items()) if entries),
        newest=(max(known, default=-1), str(internals.get("lastLedgerCreatedTimestamp", ""))),
    )


def last_written(internals: Mapping[str, Any]) -> str:
    """Return ``Ends.written`` from ``internalStats``. A ledger to which nothing was written yet is told by itself.

    The broker goes on telling the last entry after retention has removed its ledger, until the topic is loaded again.
    """
    ledger, entry = ledger_and_entry(str(internals.get("lastConfirmedEntry", "")))
    return tokens.encode(*(number for number in (ledger, entry) if number >= 0))


def ledger_and_entry(text: str) -> Entry:
    """Parse the broker's ``118:4021``; (-1, -1) if the text is empty or has no entry."""
    ledger, _, entry = text.partition(":")
    return (int(ledger), int(entry)) if entry else (-1, -1)
