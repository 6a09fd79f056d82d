"""Revoke an API token. The sockets that it opened close within seconds."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.access import tokens
from dashboard.access.actors import add_as_option, command_line_actor
from dashboard.access.command_actions import REVOKE_TOKEN, api_token
from dashboard.auditing.safeguards import SAFEGUARDS
from eventstore.actions import perform
from eventstore.config import shell_command
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Revoke an API token. It stays in the list, and its name stays taken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--reason", default="", help="why, for the record")
        add_as_option(parser)

    def handle(self, *args: Any, name: str, actor: str = "", reason: str = "", **options: Any) -> None:
        if not any(token.name == name for token in tokens.in_force()):
            raise CommandError(f"There is no token {name!r} in force. To see those that are: {shell_command('list_tokens')}")
        details = {"reason": reason.strip()} if reason.strip() else {}
        try:
            with perform(SAFEGUARDS, command_line_actor(actor), REVOKE_TOKEN, api_token(name), details):
                tokens.revoke(name)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{name} is revoked.")
