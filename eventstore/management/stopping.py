"""Ending a long command at a good moment: the signal is noted, and whoever works asks."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop(threading.Event):
    """Set by Ctrl-C and SIGTERM. ``number`` is the signal that came first, 0 before."""

    number = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        self.number = self.number or number
        self.set()


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
