"""Writes into the audit record from several threads, and prints the state and the act of each entry once it is written.

Run it several times in parallel to check that no chain forks.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django

django.setup()

from django.db import connections  # noqa: E402

from dashboard.auditing.chain import DatabaseRecord  # noqa: E402
from eventstore.actions import Actor, Ending, Outcome, topic_resource  # noqa: E402


def some_acts(numbers: range) -> None:
    """One after the other, in this thread: two entries each."""
    record, actor = DatabaseRecord(), Actor(name=f"hammer-{os.getpid()}")
    try:
        for number in numbers:
            act = record.intended(actor, "reset_cursor", topic_resource(f"topic-{number}"), {"number": number})
            told("intended", act)
            record.ended(act, Outcome(ending=Ending.DONE, facts={"number": number}))
            told("done", act)
    finally:
        connections.close_all()


def told(state: str, act: str) -> None:
    os.write(sys.stdout.fileno(), f"{state} {act}\n".encode())


def main(threads: int, acts: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(some_acts, (range(first, acts, threads) for first in range(threads))))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
