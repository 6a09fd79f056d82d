"""Work that may wait until whoever asked has the answer: done in a thread of its own, a moment later, or as soon as somebody
needs it done."""

import logging
import threading
import traceback
from collections.abc import Callable

from django.db import DatabaseError, connections

from eventstore.index.tables.database import database_error_text
from eventstore.model.errors import EventStoreError, ToldOnce, words_of

log = logging.getLogger(__name__)

MOMENT = 0.5
"""Seconds: the page is rendered meanwhile."""


class Later:
    """One piece of work at a time. Thread-safe. What a process has not done when it ends stays undone."""

    def __init__(self, what: str) -> None:
        """``what`` begins the warning about a failure, which is logged."""
        self._told = ToldOnce(log, what)
        self._pending: tuple[threading.Thread, threading.Event] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Do this in a moment. What is left of earlier work is done first."""
        self.settle()
        hurry = threading.Event()
        thread = threading.Thread(target=self._do, args=(work, hurry), name="backlogs, later", daemon=True)
        thread.start()
        self._pending = thread, hurry

    def settle(self) -> None:
        """Do at once what is left to do, and wait for it."""
        pending = self._pending
        if pending is not None:
            thread, hurry = pending
            hurry.set()
            thread.join()

    def _do(self, work: Callable[[], None], hurry: threading.Event) -> None:
        hurry.wait(MOMENT)
        try:
            work()
            self._told.over("can be stored again.")
        except Exception as error:  # noqa: BLE001 - nobody waits for it, so it is told in the log
            self._told.tell(f"not stored: {text_of(error)}")
        finally:
            connections.close_all()


def text_of(error: Exception) -> str:
    """An unforeseen error's own text is left out, because it may quote a payload: the lines of code say what to mend."""
    if isinstance(error, EventStoreError):
        return str(error)
    if isinstance(error, DatabaseError):
        return database_error_text(error)
    return f"an unforeseen {words_of(error)}\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip()
