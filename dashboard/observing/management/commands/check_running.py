"""For supervisors and scripts: does what has no page of its own run? By the signs of life that each leaves in the database."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dashboard.auditing.sealing import seal_state
from dashboard.gateway import close, desk
from dashboard.setup.database_state import DatabaseState, databases_in_use, state_of
from eventstore.config import migrate_command

PARTS = ("index", "jobs", "seals")


class Command(BaseCommand):
    help = "Exit status 0 if an index process and a job process run and seals are made, 1 if not: it names what does not."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")

    def handle(self, *args: Any, part: list[str], **options: Any) -> None:
        if unknown := sorted(set(part) - set(PARTS)):
            raise CommandError(f"There is no part {unknown[0]!r}: {', '.join(PARTS)}.")
        try:
            problems = [problem for name in part or PARTS if (problem := _problem(name))]
        except DatabaseError as error:
            raise CommandError(_why(error)) from error
        finally:
            close()
        if problems:
            raise CommandError(" ".join(problems))
        self.stdout.write(f"{', '.join(part or PARTS)}: running")


def _why(error: DatabaseError) -> str:
    aliases = databases_in_use()
    if any(state_of(alias) is DatabaseState.NO_TABLES for alias in aliases):
        return f"A database lacks tables. Run this first: {' && '.join(map(migrate_command, aliases))}"
    return f"The database does not answer ({type(error).__name__})."


def _problem(part: str) -> str:
    if part == "index":
        return "" if desk().index.running_indexers() else "No index process runs (run_index)."
    if part == "jobs":
        return "" if desk().jobs.workers() else "No job process runs (run_jobs)."
    state = seal_state(newest=1)
    if state.problem:
        return f"Whether the audit record is being sealed cannot be told: {state.problem}"
    return "The audit record is not being sealed (seal_record)." if state.configured and state.late else ""
