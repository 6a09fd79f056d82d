"""End a long command at a good moment: a signal is noted, and the command asks for it between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop(threading.Event):
    """Set by Ctrl-C and SIGTERM. ``number`` is the first signal that came, 0 before.

    While ``waiting`` is true, the command only waits for input: a signal then raises ``KeyboardInterrupt`` in the main thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.waiting = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self.number = self.number or number
        self.set()
        if self.waiting:
            raise KeyboardInterrupt


@contextmanager
def stopping_by_signal() -> Iterator[Stop]:
    """Note Ctrl-C and SIGTERM instead of ending the process. The handlers from before are restored afterwards."""
    stop = Stop()
    before = {number: signal.signal(number, stop.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
