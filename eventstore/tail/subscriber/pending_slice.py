"""A part of a chunk that waits for a cursor."""

from typing import Generic, TypeVar

from eventstore.tail.pieces import Chunk, Slice

C = TypeVar("C")


class PendingSlice(Generic[C]):
    """A slice that waits for a cursor.

    It belongs to a shared chunk, or (``rest``) to the part of a chunk that this subscriber does not have yet.
    """

    __slots__ = ("chunk", "cursor", "ends_chunk", "rest", "rows", "slice")

    def __init__(self, cursor: C, chunk: Chunk, slice: Slice, ends_chunk: bool, rest: bool) -> None:
        self.cursor, self.chunk, self.slice, self.rows = cursor, chunk, slice, slice.rows
        self.ends_chunk, self.rest = ends_chunk, rest
