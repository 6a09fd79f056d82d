"""What the commands that run the demo's consumers share: its store, and when they end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.core.management.base import CommandError

from dashboard.access.policy import READ_ONLY, is_read_only
from dashboard.gateway import close, desk
from eventstore.model import Log, Subscriptions


@contextmanager
def consuming(needed_by: str) -> Iterator[tuple[Log, Subscriptions, threading.Event]]:
    """Give the log, its subscriptions, and an event that Ctrl-C and SIGTERM set; close the desk at the end.

    Ctrl-C stays ignored where it was: ``serve`` ends its children itself. Raises ``CommandError`` where the store has no
    subscriptions. ``needed_by`` ends its message: who needs them.
    """
    if is_read_only():
        raise CommandError(READ_ONLY)
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)
    try:
        store = desk().store
        if store.subscriptions is None:
            raise CommandError(f"This store has no subscriptions, which {needed_by}.")
        yield store.log, store.subscriptions, stop
    finally:
        close()
