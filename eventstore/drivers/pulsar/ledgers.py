"""The layout of a partition's log: its ledgers and their entries. Entries count from 0 within their ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

    @property
    def last(self) -> tuple[int, int] | None:
        """Ledger and entry of the last entry; ``None`` if the log is empty."""
        if not self.ledgers:
            return None
        ledger, entries = self.ledgers[-1]
        return ledger, entries - 1

    @property
    def entries(self) -> int:
        return sum(count for _, count in self.ledgers)

    def count_up_to(self, ledger: int, entry: int) -> int:
        """Return how many entries there are up to and including this one, which need not exist."""
        whole = sum(count for number, count in self.ledgers if number < ledger)
        own = next((count for number, count in self.ledgers if number == ledger), 0)
        return whole + max(0, min(entry + 1, own))

    def acknowledged(self, mark: Entry, holes: Sequence[tuple[Entry, Entry]]) -> Places:
        """Return what is acknowledged: everything up to ``mark``, and the holes, which begin behind their first entry."""
        ranges = [(0, self.count_up_to(*mark))]
        ranges += [(self.count_up_to(*start), self.count_up_to(*end)) for start, end in holes]
        return [(first, end) for first, end in ranges if first < end]

    def has(self, ledger: int, entry: int) -> bool:
        """Return whether this entry is there: neither trimmed nor still to come."""
        return 0 <= entry < dict(self.ledgers).get(ledger, 0)

    def at(self, place: int) -> tuple[int, int]:
        """Return ledger and entry of the entry with ``place`` others before it."""
        for ledger, entries in self.ledgers:
            if place < entries:
                return ledger, place
            place -= entries
        raise IndexError("the log has fewer entries")


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


def ledger_and_entry(text: str) -> Entry:
    """Parse the broker's ``118:4021``; (-1, -1) if the text is empty or has no entry."""
    ledger, _, entry = text.partition(":")
    return (int(ledger), int(entry)) if entry else (-1, -1)
