"""Where a reader begins that goes on behind a position: some entries before it.

A chunked message lies in several entries and is delivered at its last one. Another publisher's messages may lie between its
chunks: whoever goes on behind one of those, and begins right there, gets the rest of the chunks alone, and the client drops
them. So reading begins some entries earlier, and what comes again is left out by its position. Nothing tells cheaply whether
there are chunks at all; where there are none, this costs some milliseconds once.
"""

from collections.abc import Mapping
from typing import Any

from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.positions import Place

ENTRIES_BACK = 100
"""A chunked message that began at most so many entries before the position comes whole."""
FEWEST_BACK = 8
"""As many where entries are large, or are batches, each of which may hold a thousand messages."""
BYTES_BACK = 64 * 1024 * 1024
"""What may be read again, as far as the size of the log's entries tells; chunks have some 5 MB each."""


def start_behind(internals: Mapping[str, Any], place: Place) -> tuple[int, int] | None:
    """Ledger and entry, inclusive, to begin at for what lies behind this place; ``None`` where nothing is there before it."""
    layout = layout_of(internals)
    upper = layout.count_up_to(place.ledger, place.entry)
    return layout.at(max(0, upper - 1 - _back(internals, place))) if upper else None


def _back(internals: Mapping[str, Any], place: Place) -> int:
    entries, size = int(internals.get("numberOfEntries", 0)), int(internals.get("totalSize", 0))
    if place.batch >= 0 or place.whole:
        return FEWEST_BACK
    return max(FEWEST_BACK, min(ENTRIES_BACK, BYTES_BACK * entries // size if size else ENTRIES_BACK))
