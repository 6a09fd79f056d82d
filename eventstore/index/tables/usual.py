"""Usual events (``eventstore.envelope.usual``) put together, their ids packed."""

from collections.abc import Sequence
from itertools import chain

from eventstore.envelope.usual import UsualEvents, UsualPiece
from eventstore.index.tables.texts import packed_texts, together

TEXTS = ("ids", "correlations", "causations")
MOST_MERGED = 5_000
"""Events. So many are worked out together, since each call of NumPy costs some microseconds."""


def pack(piece: UsualPiece) -> UsualPiece:
    """Pack the ids of a piece, and return it. Done at once, the texts of a piece need not leave the cache."""
    for name in TEXTS:
        setattr(piece.events, name, packed_texts(getattr(piece.events, name)))
    return piece


def merged(pieces: Sequence[UsualPiece]) -> UsualPiece:
    """Return consecutive pieces of one incarnation as one."""
    if len(pieces) == 1:
        return pieces[0]
    events = [piece.events for piece in pieces]
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + len(piece))
    placed = list(zip(events, starts, strict=False))
    return UsualPiece(
        topic=pieces[0].topic,
        partition=pieces[0].partition,
        tokens=list(chain.from_iterable([piece.tokens for piece in pieces])),
        published=list(chain.from_iterable([piece.published for piece in pieces])),
        sizes=list(chain.from_iterable([piece.sizes for piece in pieces])),
        incarnation=pieces[0].incarnation,
        events=UsualEvents(
            ids=together([one.ids for one in events]),
            types=list(chain.from_iterable([one.types for one in events])),
            aggregates=list(chain.from_iterable([one.aggregates for one in events])),
            times=list(chain.from_iterable([one.times for one in events])),
            correlations=together([one.correlations for one in events]),
            causations=together([one.causations for one in events]),
            sequences={start + place: found for one, start in placed for place, found in one.sequences.items()},
            left=[start + place for one, start in placed for place in one.left],
        ),
        whole=list(chain.from_iterable([piece.whole for piece in pieces])),
    )


class Merger:
    """Collects consecutive usual pieces, and gives them out together."""

    def __init__(self) -> None:
        self._pieces: list[UsualPiece] = []
        self._count = 0

    def add(self, piece: UsualPiece) -> UsualPiece | None:
        """Add a piece. Return those before it if they are enough, or of another incarnation."""
        before = None
        if self._count >= MOST_MERGED or (self._pieces and self._pieces[0].incarnation != piece.incarnation):
            before = self.take()
        self._pieces.append(piece)
        self._count += len(piece)
        return before

    def take(self) -> UsualPiece | None:
        """Return what was collected; ``None`` if nothing was."""
        pieces, self._pieces, self._count = self._pieces, [], 0
        return merged(pieces) if pieces else None
