"""The audit record on PostgreSQL, beside what it cannot do without.

``append_ratio``: entries a second that four processes append, against four that insert the same rows into a table of the
same columns and indexes, one transaction each, with no chain. ``verify_per_second_ratio``: entries a second of a
verification, against a loop that reads the same rows with a server-side cursor and hashes each. PostgreSQL is as durable
as in production. ``EVENTS`` sets how many entries a process appends in each round, ``ENTRIES`` how many are verified.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from benchmarks.running import report, say, scale, setting
from scripts.local_postgres import LocalPostgres

EVENTS = 1_000
ENTRIES = 1_000_000
PROCESSES = 4
ROUNDS = 5


def main() -> None:
    each, entries = scale(EVENTS), setting("ENTRIES", ENTRIES)
    with LocalPostgres(durable=True) as server, tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        os.environ |= {"DATABASE_URL": server.address.create_database("desk"), "EVENTDESK_DATA": folder}
        os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", database="default", verbosity=0)
        from benchmarks import record_rows

        record_rows.make_bare_table()
        figures = {"processes": PROCESSES, **_appending(each)}
        say(f"filling the record with {entries:,} entries")
        record_rows.fill(entries)
        figures |= _verifying(entries)
    report(figures)


def _appending(each: int) -> dict[str, float]:
    """Rounds in turn, so that a slow moment of the machine is no one's alone."""
    with _writers("append") as appending, _writers("bare") as bare:
        rates: dict[str, list[float]] = {"append": [], "bare": []}
        for place in range(ROUNDS + 1):
            first = _round(appending, each)
            second = _round(bare, each)
            if place:  # the first round only warms up
                rates["append"].append(first)
                rates["bare"].append(second)
                say(f"append {first:,.0f}/s, bare {second:,.0f}/s")
    ratio = median(ours / theirs for ours, theirs in zip(rates["append"], rates["bare"], strict=True))
    return {
        "append_per_second": median(rates["append"]),
        "bare_inserts_per_second": median(rates["bare"]),
        "append_ratio": ratio,
    }


@contextmanager
def _writers(what: str) -> Iterator[Sequence["subprocess.Popen[str]"]]:
    """Processes that each do this as often as a line of their input says, and answer with a line."""
    command = [sys.executable, "-m", "benchmarks.record_writer", what]
    started = [
        subprocess.Popen([*command, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for place in range(PROCESSES)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.communicate()


def _round(writers: Sequence["subprocess.Popen[str]"], each: int) -> float:
    """Entries a second of all writers together. Each gets its rows ready before."""
    _tell_all(writers, f"ready {each}")
    begun = time.perf_counter()
    _tell_all(writers, "go")
    return each * len(writers) / (time.perf_counter() - begun)


def _tell_all(writers: Sequence["subprocess.Popen[str]"], line: str) -> None:
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(f"{line}\n")
        writer.stdin.flush()
    for writer in writers:
        assert writer.stdout is not None
        if not writer.stdout.readline():
            raise SystemExit("a writer has ended: see above")


def _verifying(entries: int) -> dict[str, float]:
    from benchmarks import record_rows

    rates: dict[str, list[float]] = {"verify": [], "read": []}
    for _ in range(2):
        rates["read"].append(_rate(record_rows.read_and_hash))
        rates["verify"].append(_rate(record_rows.verify_all))
        say(f"read and hash {rates['read'][-1]:,.0f}/s, verify {rates['verify'][-1]:,.0f}/s")
    return {
        "entries_verified": entries,
        "verify_per_second": max(rates["verify"]),
        "read_and_hash_per_second": max(rates["read"]),
        "verify_per_second_ratio": max(rates["verify"]) / max(rates["read"]),
    }


def _rate(work: Callable[[], int]) -> float:
    begun = time.perf_counter()
    return work() / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
