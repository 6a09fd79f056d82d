"""One process that writes for the benchmark of the audit record: entries of the record, or the same rows with no chain.

``ready N`` on its input: make ready for that many. ``go``: write them. It answers each with a line.
"""

import os
import sys
from collections.abc import Callable


def main(what: str, place: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    import django

    django.setup()
    prepare = _appending if what == "append" else _inserting(place)
    work: Callable[[], None] = lambda: None  # noqa: E731
    for line in sys.stdin:
        word, _, count = line.strip().partition(" ")
        if word == "ready":
            work = prepare(int(count))
        else:
            work()
        print("done", flush=True)


def _appending(count: int) -> Callable[[], None]:
    """Acts as a reset of a cursor is: two entries each, one before it and one after."""
    from dashboard.auditing.chain import DatabaseRecord
    from eventstore.actions import Actor, Ending, Outcome, subscription_resource

    record, actor = DatabaseRecord(), Actor(name=f"writer-{os.getpid()}")
    resource = subscription_resource("public/default/patients", "mailer")
    done = Outcome(ending=Ending.DONE, facts={"events_again": 1204, "events_passed_over": 0})

    def work() -> None:
        for _ in range(count // 2):
            record.ended(record.intended(actor, "reset_cursor", resource, DETAILS), done)

    return work


DETAILS = {
    "topic": "public/default/patients",
    "subscription": "mailer",
    "from": {"0": "7:12:0", "1": "8:3:0"},
    "to": {"0": "earliest", "1": "earliest"},
    "events_again": 1204,
    "events_passed_over": 0,
    "consumers": ["worker-7"],
    "reason": "Lost mails after the deployment",
    "ticket": "SUP-8812",
}


def _inserting(place: int) -> Callable[[int], Callable[[], None]]:
    """The rows that the record's writers have appended, in turn: each process takes its own part of them."""
    from benchmarks import record_rows

    def prepare(count: int) -> Callable[[], None]:
        ready = record_rows.rows_to_insert(place, count)

        def work() -> None:
            for row in ready:
                record_rows.insert_bare(row)

        return work

    return prepare


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
