"""Read a command's input so that a signal can end it: at once while it waits for input, otherwise between two items."""

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TypeVar

from eventstore.management import Stop

T = TypeVar("T")


class StoppableFile:
    """A file whose ``read`` a stop may interrupt. ``on_bytes`` is called with the number of bytes of each read."""

    def __init__(self, file: BinaryIO, stop: Stop, on_bytes: Callable[[int], object]) -> None:
        self.file = file
        self.stop = stop
        self.on_bytes = on_bytes

    def read(self, size: int = -1, /) -> bytes:
        self.stop.waiting = True
        try:
            if self.stop.is_set():
                raise KeyboardInterrupt
            piece = self.file.read(size)
        finally:
            self.stop.waiting = False
        self.on_bytes(len(piece))
        return piece

    def until_stopped(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items until a stop comes."""
        for item in items:
            if self.stop.is_set():
                return
            yield item
