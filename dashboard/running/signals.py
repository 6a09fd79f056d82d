"""Ending a long command at a good moment: after what it is doing, or at once where it only waits for input."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO, TypeVar

T = TypeVar("T")


class Stop:
    """``number`` is the signal that came, 0 before. While ``waiting`` is set, a signal interrupts at once."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting = False

    def note(self, number: int, frame: FrameType | None) -> None:
        self.number = self.number or number
        if self.waiting:
            raise KeyboardInterrupt


@contextmanager
def stopping_by_signal() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM are noted instead of ending the process; as they were before, afterwards."""
    stop = Stop()
    before = {number: signal.signal(number, stop.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StoppableFile:
    """A file whose ``read`` may be interrupted by a stop; ``on_bytes`` hears how much each read gave."""

    def __init__(self, file: BinaryIO, stop: Stop, on_bytes: Callable[[int], object]) -> None:
        self.file = file
        self.stop = stop
        self.on_bytes = on_bytes

    def read(self, size: int = -1, /) -> bytes:
        self.stop.waiting = True
        try:
            if self.stop.number:
                raise KeyboardInterrupt
            piece = self.file.read(size)
        finally:
            self.stop.waiting = False
        self.on_bytes(len(piece))
        return piece

    def until_stopped(self, items: Iterable[T]) -> Iterator[T]:
        """The items, until a stop came."""
        for item in items:
            if self.stop.number:
                return
            yield item
