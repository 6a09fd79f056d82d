"""Let a person or an address log in again before the limit on failed logins ends."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.access import login_limit
from dashboard.access.actors import add_as_option, command_line_actor, person_named
from dashboard.access.client_address import network_of
from dashboard.access.command_actions import ALLOW_LOGINS, account, address
from dashboard.auditing.safeguards import SAFEGUARDS
from eventstore.actions import perform
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Forget failed logins, so that a person or an address may log in again at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--name", default="", help="the person's account")
        which.add_argument("--address", default="", metavar="IP", help="an IP address; of IPv6, its whole /64")
        add_as_option(parser)

    def handle(self, *args: Any, name: str = "", actor: str = "", **options: Any) -> None:
        given = options["address"]
        try:
            resource = account(person_named(name).username) if name else address(network_of(given))
            with perform(SAFEGUARDS, command_line_actor(actor), ALLOW_LOGINS, resource, {}):
                forgotten = login_limit.allow_name(name) if name else login_limit.allow_address(given)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        except ValueError as error:
            raise CommandError(f"{given!r} is not an IP address. Nothing was changed.") from error
        self.stdout.write(f"{name or given} may log in again. Failed logins that no longer count: {forgotten}.")
