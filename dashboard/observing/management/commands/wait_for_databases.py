"""For supervisors: return when the databases answer. After a power cut they may come back later than the desk."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, OperationalError, connections

from dashboard.setup.database_state import databases_in_use
from eventstore.management import stopping_by_signal

PAUSE, SAID_AGAIN = 1.0, 60.0
"""Seconds from one try to the next, and until the same reason is said once more."""


class Command(BaseCommand):
    help = "Wait until each database of this installation lets the desk in, and say which is away. It looks at no tables."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, metavar="N", help="wait so long at most (default: without end)")

    def handle(self, *args: Any, seconds: float | None = None, **options: Any) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        said: dict[str, float] = {}
        with stopping_by_signal() as stop:
            while reason := next(filter(None, map(_away, databases_in_use())), ""):
                if end is not None and time.monotonic() >= end:
                    raise CommandError(reason)
                if time.monotonic() - said.get(reason, float("-inf")) >= SAID_AGAIN:
                    said = {reason: time.monotonic()}
                    self.stderr.write(f"{reason} Trying again.")
                if stop.wait(PAUSE):
                    raise CommandError("Stopped before the databases answered.")
        self.stdout.write("The databases answer.")


def _away(alias: str) -> str:
    """Why the database does not let the desk in, as a sentence; empty if it does. libpq's words hold no password."""
    try:
        connections[alias].ensure_connection()
    except OperationalError as error:
        words = (str(error).splitlines() or [""])[0].strip().rstrip(".")
        return f"The database {alias!r} does not let the desk in: {words or type(error).__name__}."
    except DatabaseError as error:
        raise CommandError(f"The database {alias!r} cannot be used: {error}") from error
    finally:
        connections[alias].close()
    return ""
