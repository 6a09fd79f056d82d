"""Say where an account's mail is sent."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from dashboard.access.actors import add_as_option, command_line_actor, person_named
from dashboard.access.command_actions import SET_EMAIL, account
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person
from eventstore.actions import perform
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Set or remove the e-mail address of a person's account. Privacy officers are told of emergency reveals by mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the person's account")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--email", default="", help="the address")
        which.add_argument("--remove", action="store_true", help="send this person no mail")
        add_as_option(parser)

    def handle(self, *args: Any, name: str, email: str = "", actor: str = "", **options: Any) -> None:
        person = person_named(name)
        person.email = email
        try:
            person.clean_fields(exclude=[field.name for field in Person._meta.fields if field.name != "email"])
            details = {"address": "set" if email else "removed"}
            with perform(SAFEGUARDS, command_line_actor(actor), SET_EMAIL, account(name), details):
                person.save(update_fields=["email"])
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(f"{' '.join(error.messages)} Nothing was changed.") from error
        self.stdout.write(f"{name} gets mail at {email} now." if email else f"{name} gets no mail any more.")
