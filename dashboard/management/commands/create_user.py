"""Make an account. This is the only way to get the first admin."""

import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from dashboard.access.actors import add_as_option, command_line_actor
from dashboard.access.command_actions import MANAGE_PEOPLE, account
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person, Role
from eventstore.actions import perform
from eventstore.model import EventStoreError

ROLES = [str(role) for role in Role if role]


class Command(BaseCommand):
    help = "Make a person's account. Without --password-stdin a password is generated and shown only once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="letters, digits and @ . + - _")
        parser.add_argument("--role", required=True, choices=ROLES)
        parser.add_argument("--email", default="", help="where mail is sent: about emergency reveals, to privacy officers")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
        add_as_option(parser)

    def handle(
        self, *args: Any, name: str, role: str, password_stdin: bool, email: str = "", actor: str = "", **options: Any
    ) -> None:
        given = sys.stdin.readline().rstrip("\r\n") if password_stdin else ""
        person = Person(username=name, role=role, email=email)
        try:
            _check(person, given if password_stdin else None)
            password = given or secrets.token_urlsafe(15)
            with perform(SAFEGUARDS, command_line_actor(actor), MANAGE_PEOPLE, account(name), {"role": role}):
                person.set_password(password)
                person.save(force_insert=True)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except IntegrityError as error:
            raise CommandError(_exists(name)) from error
        self.stdout.write(f"{name} is there, with the role {role}.")
        if not password_stdin:
            self.stdout.write(f"Password: {password}")


def _check(person: Person, password: str | None) -> None:
    if Person.objects.filter(username=person.username).exists():
        raise CommandError(_exists(person.username))
    if password is not None:
        validate_password(password, person)
    person.full_clean(exclude=["password"])


def _exists(name: str) -> str:
    return f"There is a person {name!r} already. Nothing was changed."
