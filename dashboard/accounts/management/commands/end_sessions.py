"""End all sessions of a person, with their open sockets and reveals."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.access.actors import add_as_option, command_line_actor, person_named, reason_of
from dashboard.access.command_actions import account
from dashboard.accounts import sessions
from dashboard.accounts.action_rules import END_SESSIONS_OF
from dashboard.auditing.safeguards import SAFEGUARDS
from eventstore.actions import perform
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "End all sessions of a person. They can log in again, unless their account is disabled."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the person's account")
        parser.add_argument("--reason", required=True, help="why, for the record")
        add_as_option(parser)

    def handle(self, *args: Any, name: str, reason: str, actor: str = "", **options: Any) -> None:
        person, reason = person_named(name), reason_of(reason)
        details = {"reason": reason}
        try:
            with perform(SAFEGUARDS, command_line_actor(actor), END_SESSIONS_OF, account(name), details) as act:
                ended = act.facts["sessions_ended"] = sessions.end(person)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Sessions of {name} that have ended: {ended}.")
