"""Work behind the pages gives way to whoever waits for an answer. Python runs one thread at a time: beside a dozen that ask
the store about thousands of topics, the one that renders a page would get its turn only now and then."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

MOST_SECONDS = 0.05
"""For so long one small piece of work gives way: it goes on, however many pages are asked for."""
A_PORTION = 20
"""Things, each of which takes a tenth of a millisecond."""


class Answers:
    """The answers that are worked on. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._here: ContextVar[bool] = ContextVar("answering", default=False)
        self._is_behind: ContextVar[bool] = ContextVar("behind", default=False)
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

    @contextmanager
    def behind(self) -> Iterator[None]:
        """In here, and in threads that run in a copy of this context, is work that gives way. Elsewhere nothing does."""
        token = self._is_behind.set(True)
        try:
            yield
        finally:
            self._is_behind.reset(token)

    def give_way(self) -> None:
        """Wait until no answer is worked on, or for ``MOST_SECONDS``. To be called between small pieces of work. A lock may
        be held only if whoever waits for it does so in ``waiting``: to them nothing gives way."""
        if not self._count or not self._is_behind.get():
            return
        until = time.monotonic() + MOST_SECONDS
        with self._changed:
            while self._count and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def in_portions(self, things: Iterable[T]) -> Iterator[T]:
        """Yield these, and give way before each ``A_PORTION``."""
        for number, thing in enumerate(things):
            if number % A_PORTION == 0:
                self.give_way()
            yield thing

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
answering, waiting, behind = _of_process.answering, _of_process.waiting, _of_process.behind
give_way, in_portions = _of_process.give_way, _of_process.in_portions
