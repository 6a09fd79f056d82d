"""From pointers in a dead-letter topic to letters: their messages, originals, batches and entries, for many at once."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from eventstore.index.lookup.labels import labelled
from eventstore.index.lookup.pointers import open_blocks
from eventstore.index.tables.blocks import FULL
from eventstore.letters.entries import entries_of
from eventstore.letters.letter import Letter
from eventstore.letters.origin import Origin, batch_of, origin_of
from eventstore.letters.originals import Beginnings, originals_of
from eventstore.letters.places import DeadLetterTopic
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.streams.rows import Row

RowsOf = Callable[[Sequence[Pointer]], list[Row]]
NEIGHBOURS = 4
"""Blocks on each side of a letter in which others of its batch are looked for. Letters of one batch are sent together: this
finds them among a thousand others on each side."""


def read_letters(
    log: Log,
    rows_of: RowsOf,
    dead: DeadLetterTopic,
    pointers: Sequence[Pointer],
    beginnings: Beginnings,
    reasons: Sequence[str] = (),
) -> list[Letter]:
    """Return the letter of each of these pointers into the dead-letter topic, in the same order."""
    if not pointers:
        return []
    rows = rows_of(pointers)
    said = [(pointer, _origin(row, reasons)) for pointer, row in zip(pointers, rows, strict=True)]
    originals = originals_of(log, said, dead.source)
    together = _came_along(dead, pointers)
    entries = entries_of(log, dead, pointers)
    letters = []
    for row, (pointer, origin) in zip(rows, said, strict=True):
        original = originals.get(pointer.position)
        letters.append(
            Letter(
                row=row,
                pointer=pointer,
                origin=origin,
                waits=dead.is_waiting(pointer),
                original=labelled(log, original) if original is not None else None,
                original_is_gone=original is not None and beginnings.is_gone(original),
                came_along=together.get(pointer.position, 0),
                shares_entry=max(0, len(entries.get(pointer.position, ())) - 1),
            )
        )
    return letters


def _origin(row: Row, reasons: Sequence[str]) -> Origin:
    return origin_of(row.event.message.properties, reasons) if row.event is not None else Origin()


def _came_along(dead: DeadLetterTopic, pointers: Sequence[Pointer]) -> Mapping[Position, int]:
    """Return how many other letters name originals in the same batch, of those letters that name one in a batch."""
    batches = {p.position: (p.position.partition, batch) for p in pointers if (batch := batch_of(p.original))}
    blocks = {
        (dead.there[p.position.partition].partition.pk, first)
        for p in pointers
        if p.position in batches and p.position.partition in dead.there
        for first in range(max(0, p.ordinal // FULL - NEIGHBOURS) * FULL, (p.ordinal // FULL + NEIGHBOURS + 1) * FULL, FULL)
    }
    numbers = {there.partition.pk: number for number, there in dead.there.items()}
    found: Counter[tuple[int, str]] = Counter()
    for (row, first), columns in open_blocks(blocks).items():
        still_there = dead.there[numbers[row]].waiting
        found.update(
            (numbers[row], batch)
            for place, original in enumerate(columns.originals)
            if (batch := batch_of(original)) and first + place in still_there
        )
    return {position: max(0, found[batch] - 1) for position, batch in batches.items()}
