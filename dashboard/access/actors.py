"""Who acts: somebody on a page, or on the command line.

``--as NAME`` names a person of the desk, whose role decides as it does on a page. Without it the operating system's user acts,
recorded as "root (command line)" and trusted like an admin: a shell on the server is beyond the access table, and the record
is all that can be had of it. The name cannot be mistaken for a person's, since no account's name holds a space.
"""

import getpass
from argparse import ArgumentParser

from django.core.management.base import CommandError

from dashboard.access.policy import COMMAND_LINE, PAGE, SHELL
from dashboard.access.scopes import EVERYTHING, Scope, scope_of
from dashboard.models import Person
from eventstore.actions import Actor
from eventstore.config import shell_command
from eventstore.model import NotAllowed


def page_actor(name: str) -> Actor:
    """The person of this name, who acts on a page."""
    return Actor(name=name, via=PAGE)


def add_as_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="actor",
        metavar="NAME",
        default="",
        help="act as this person of the desk (their role must allow it); else as the operating system's user",
    )


def command_line_actor(name: str = "") -> Actor:
    """The person of that name, or the operating system's user for an empty one. ``NotAllowed`` for no active person."""
    if not name:
        return Actor(name=f"{_system_user()} (command line)", via=SHELL)
    if not Person.objects.filter(username=name, is_active=True).exists():
        make = shell_command("create_user", name, "--role", "support")
        raise NotAllowed(f"There is no active person {name!r}. Omit --as, or make one: {make}")
    return Actor(name=name, via=COMMAND_LINE)


def person_named(name: str) -> Person:
    """The person whose account a command is about. ``CommandError`` where there is none."""
    person = Person.objects.filter(username=name).first()
    if person is None:
        raise CommandError(f"There is no account {name!r}. Nothing was changed.")
    return person


def reason_of(text: str) -> str:
    """The reason as the record keeps it. ``CommandError`` where nothing is said."""
    if not text.strip():
        raise CommandError("Give a reason. Nothing was changed.")
    return text.strip()


def scope_of_name(name: str) -> Scope:
    """The scope of the person of this name, or everything for an empty one. ``NotAllowed`` where there is no such person."""
    if not name:
        return EVERYTHING
    person = Person.objects.filter(username=name).first()
    if person is None:
        raise NotAllowed(f"There is no person {name!r}.")
    return scope_of(person)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "somebody"
