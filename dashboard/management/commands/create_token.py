"""Make an API token: for a script that watches the live tail, or for one that reads the metrics."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from dashboard.access import tokens
from dashboard.access.actors import add_as_option, command_line_actor, scope_of_name
from dashboard.access.command_actions import MAKE_TOKEN, api_token
from dashboard.access.scopes import scope_of
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Purpose, Role
from eventstore.actions import perform
from eventstore.model import EventStoreError

ROLES = [str(role) for role in Role if role]


class Command(BaseCommand):
    help = "Make an API token for a script. It is shown only once, and stored as a hash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the script is called: letters, digits and @ . + - _")
        parser.add_argument("--role", required=True, choices=ROLES, help="what the script sees and may do")
        parser.add_argument("--days", required=True, type=int, help=f"how long it holds, 1 to {tokens.MOST_DAYS}")
        parser.add_argument("--for", dest="purpose", choices=Purpose.values, default=Purpose.TAIL, help="what it opens")
        parser.add_argument(
            "--topic", dest="topics", action="append", default=[], metavar="PATTERN", help="only these topics (* and ?)"
        )
        parser.add_argument(
            "--aggregate-type", dest="types", action="append", default=[], metavar="PATTERN", help="only these types (* and ?)"
        )
        parser.add_argument("--reason", default="", help="why, for the record")
        add_as_option(parser)

    def handle(self, *args: Any, name: str, role: str, days: int, actor: str = "", **options: Any) -> None:
        if not 1 <= days <= tokens.MOST_DAYS:
            raise CommandError(f"--days takes a whole number from 1 to {tokens.MOST_DAYS}. Nothing was changed.")
        topics, types = options.get("topics", []), options.get("types", [])
        if problem := tokens.glob_problem(topics) or tokens.glob_problem(types):
            raise CommandError(f"{problem} Nothing was changed.")
        purpose = Purpose(options.get("purpose", Purpose.TAIL))
        limits = tokens.Narrowed(purpose=purpose, topics=topics, aggregate_types=types)
        try:
            tokens.check_name(name)
            if actor and (problem := tokens.why_not_by(scope_of_name(actor), Role(role), limits)):
                raise CommandError(f"{problem} Nothing was changed.")
            details = {"role": role, "days": days, **limits.details()}
            if reason := options.get("reason", "").strip():
                details["reason"] = reason
            with perform(SAFEGUARDS, command_line_actor(actor), MAKE_TOKEN, api_token(name), details):
                token, text = tokens.make(name, Role(role), days, limits)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except IntegrityError as error:
            raise CommandError(f"There is a token {name!r} already. Nothing was changed.") from error
        self.stdout.write(f"{name} holds until {token.ends:%Y-%m-%d %H:%M} UTC, with the role {role}.")
        self.stdout.write(f"Token: {text}")
        if purpose is Purpose.METRICS and scope_of(token).has_no_topic:
            self.stderr.write(f"No scope gives the role {role} any topic, so /metrics refuses this token (docs/metrics.md).")
