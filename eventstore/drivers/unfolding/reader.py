"""Follows one partition event by event, where the driver's reader goes message by message."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from types import TracebackType
from typing import Self

from eventstore.drivers.unfolding.members import STARTS, may_hold_batches, unfold
from eventstore.model.events import Message
from eventstore.model.log import Reader, arrived_at
from eventstore.model.pieces import Piece, Pieces, pieces_of


class UnfoldedReader:
    """See ``eventstore.model.log.Reader``. It keeps the events of its last messages for which a call had no room.

    ``rest`` is what comes before the first message of ``reader``: the members after a position inside a message.
    """

    def __init__(self, reader: Reader, rest: Iterator[Message] | None = None) -> None:
        self._reader, self._rest = reader, rest

    @property
    def incarnation(self) -> str:
        return self._reader.incarnation

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        events = self._from_rest(limit)
        return self._unfolded(self._reader.read(limit=limit, timeout=timeout), limit) if events is None else events

    def arrived(self, *, limit: int) -> Sequence[Message] | None:
        """See ``model.log.GivesArrived``."""
        events = self._from_rest(limit)
        if events is None and (found := arrived_at(self._reader, limit=limit)) is not None:
            events = self._unfolded(found, limit)
        return events

    def _from_rest(self, limit: int) -> Sequence[Message] | None:
        """Return events for which an earlier call had no room; ``None`` if there are none."""
        if self._rest is not None:
            events = list(islice(self._rest, max(0, limit)))
            if events or limit <= 0:
                return events
            self._rest = None
        return None

    def _unfolded(self, found: Sequence[Message], limit: int) -> Sequence[Message]:
        if not may_hold_batches(found):
            return found
        self._rest = unfold(found)
        return list(islice(self._rest, limit))

    def pieces(self, *, limit: int, timeout: float) -> Pieces:
        """See ``model.pieces.ReadsPieces``. Messages of a piece in which there may be a batch are given out whole."""
        if self._rest is not None:
            if (events := list(islice(self._rest, max(0, limit)))) or limit <= 0:
                yield events
                return
            self._rest = None
        left = limit
        for piece in pieces_of(self._reader, limit=limit, timeout=timeout):
            if (
                isinstance(piece, Piece)
                and STARTS.isdisjoint([payload[:1] for payload in piece.payloads])
                and len(piece) <= left
            ):
                left -= len(piece)
                yield piece
                continue
            unfolded = unfold(piece.messages() if isinstance(piece, Piece) else piece)
            if found := list(islice(unfolded, left)):
                left -= len(found)
                yield found
            if left <= 0:
                self._rest = unfolded if self._rest is None else chain(self._rest, unfolded)

    def call_on_news(self, call: Callable[[], None]) -> bool:
        return self._reader.call_on_news(call)

    def close(self) -> None:
        self._rest = None
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
