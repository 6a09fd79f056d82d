"""Change an existing account: its role, whether it is let in, its password."""

import secrets
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.access.actors import add_as_option, command_line_actor, person_named, reason_of
from dashboard.access.command_actions import account
from dashboard.accounts import sessions
from dashboard.accounts.action_rules import CHANGE_ACCOUNT
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person, Role
from eventstore.actions import perform
from eventstore.model import EventStoreError

NO_ROLE = "none"
ROLES = {str(role) or NO_ROLE: role for role in Role}


class Command(BaseCommand):
    help = "Change a person's role, disable or enable their account, or give them a new password. Their sessions end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the person's account")
        parser.add_argument("--role", choices=[*ROLES], help=f"{NO_ROLE}: they see nothing")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--disable", dest="active", action="store_false", default=None, help="let them in no more")
        which.add_argument("--enable", dest="active", action="store_true", default=None, help="let them in again")
        parser.add_argument("--new-password", action="store_true", help="make a password and show it once")
        parser.add_argument("--reason", required=True, help="why, for the record")
        add_as_option(parser)

    def handle(
        self, *args: Any, name: str, reason: str, role: str | None, active: bool | None, new_password: bool, **options: Any
    ) -> None:
        person, reason = person_named(name), reason_of(reason)
        if new_password and not person.has_usable_password():
            raise CommandError(f"{name} signs in by the sign-in provider and has no password here. Nothing was changed.")
        changed = _changed(person, role, active)
        if not changed and not new_password:
            raise CommandError(f"Nothing was changed: {name} has the {_words(person)}. Say what to change.")
        password = secrets.token_urlsafe(15) if new_password else ""
        details = {"reason": reason, **changed, **({"new_password": True} if new_password else {})}
        try:
            with perform(
                SAFEGUARDS, command_line_actor(options.get("actor") or ""), CHANGE_ACCOUNT, account(name), details
            ) as act:
                if password:
                    person.set_password(password)
                person.save(update_fields=_fields(details))
                ended = act.facts["sessions_ended"] = sessions.end(person)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{name} has the {_words(person)} now. Sessions that have ended: {ended}.")
        if password:
            self.stdout.write(f"Password: {password}")


def _changed(person: Person, role: str | None, active: bool | None) -> dict[str, Any]:
    """Set it, and return for the record what was before and what is now."""
    changed: dict[str, Any] = {}
    if role is not None and ROLES[role] != person.role:
        changed |= {"role_before": person.role or NO_ROLE, "role_after": role}
        person.role = ROLES[role]
    if active is not None and active != person.is_active:
        changed["account"] = "enabled" if active else "disabled"
        person.is_active = active
    return changed


def _fields(details: Mapping[str, Any]) -> Sequence[str]:
    of = {"role_after": "role", "account": "is_active", "new_password": "password"}
    return [field for said, field in of.items() if said in details]


def _words(person: Person) -> str:
    return f"role {person.role or NO_ROLE} and is {'enabled' if person.is_active else 'disabled'}"
