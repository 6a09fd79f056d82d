"""Remove a person's second factor, for instance since their device is lost."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.access.actors import add_as_option, command_line_actor, person_named, reason_of
from dashboard.access.command_actions import account
from dashboard.accounts import second_factor, sessions
from dashboard.accounts.action_rules import REMOVE_FACTOR
from dashboard.auditing.safeguards import SAFEGUARDS
from eventstore.actions import perform
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Remove a person's second factor and recovery codes, and end their sessions. Be sure who asks for it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the person's account")
        parser.add_argument("--reason", required=True, help="why, for the record")
        add_as_option(parser)

    def handle(self, *args: Any, name: str, reason: str, actor: str = "", **options: Any) -> None:
        person, reason = person_named(name), reason_of(reason)
        if not second_factor.has_device(person):
            self.stdout.write(f"{name} has no second factor. Nothing was changed.")
            return
        details = {"reason": reason}
        try:
            with perform(SAFEGUARDS, command_line_actor(actor), REMOVE_FACTOR, account(name), details) as act:
                second_factor.remove(person)
                ended = act.facts["sessions_ended"] = sessions.end(person)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{name} has no second factor any more. Sessions ended: {ended}.")
