"""Work behind the pages gives way to whoever waits for an answer. Python runs one thread at a time: beside a dozen that ask
the store about thousands of topics, the one that renders a page would get its turn only now and then."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MOST_SECONDS = 0.05
"""For so long one small piece of work gives way: it goes on, however many pages are asked for."""


class Answers:
    """The answers that are worked on. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._here: ContextVar[bool] = ContextVar("answering", default=False)
        self._count = 0

    @contextmanager
    def answering(self) -> Iterator[None]:
        """In here somebody waits for an answer that is worked on."""
        with self._with(here=True):
            yield

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """In here an answer only waits for what is done behind it: nothing gives way to it. Elsewhere nothing changes."""
        if not self._here.get():
            yield
            return
        with self._with(here=False):
            yield

    def give_way(self) -> None:
        """Wait until no answer is worked on, or for ``MOST_SECONDS``. To be called between small pieces of work, with no lock
        held."""
        if not self._count:
            return
        until = time.monotonic() + MOST_SECONDS
        with self._changed:
            while self._count and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    @contextmanager
    def _with(self, *, here: bool) -> Iterator[None]:
        change, token = 1 if here else -1, self._here.set(here)
        self._add(change)
        try:
            yield
        finally:
            self._add(-change)
            self._here.reset(token)

    def _add(self, change: int) -> None:
        with self._changed:
            self._count += change
            if not self._count:
                self._changed.notify_all()


_of_process = Answers()
answering, waiting, give_way = _of_process.answering, _of_process.waiting, _of_process.give_way
