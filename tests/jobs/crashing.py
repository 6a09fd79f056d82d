"""Processes that crash between two steps: a step is a statement to the database, or a word to the record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from eventstore.actions import Outcome
from tests.jobs.kinds import Acts


class Crash(BaseException):
    """The process is gone."""


class Gone(BaseException):
    """One of two processes is gone, and the other goes on."""


class Steps:
    """Lets so many steps happen, and none after that."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.crashed = False

    def one(self) -> None:
        if self.left is not None:
            if self.left == 0:
                self.crashed = True
                raise Crash
            self.left -= 1

    def execute(self, execute: Callable[..., Any], *statement: Any) -> Any:
        self.one()
        return execute(*statement)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """The test looks for itself: no step of a process."""
        left, self.left = self.left, None
        try:
            yield
        finally:
            self.left = left

    @contextmanager
    def until(self, crash: int | None) -> Iterator[None]:
        """The process crashes in this block after so many steps, if it gets that far."""
        self.left, self.crashed = crash, False
        try:
            with connection.execute_wrapper(self.execute):
                yield
        finally:
            self.left = None


class CrashingActs(Acts):
    """A record; each word to it is a step."""

    steps: Steps

    def intended(self, *given: Any) -> str:
        self.steps.one()
        return super().intended(*given)

    def ended(self, act: str, outcome: Outcome) -> None:
        self.steps.one()
        super().ended(act, outcome)
