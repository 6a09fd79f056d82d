"""Say which groups a person is in: scopes may be given to groups."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError

from dashboard.access.actors import add_as_option, command_line_actor, person_named, reason_of
from dashboard.access.command_actions import account
from dashboard.accounts.action_rules import SET_GROUPS
from dashboard.auditing.safeguards import SAFEGUARDS
from eventstore.actions import perform
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Put a person into groups that scopes name, and out of all others. Who signs in by a provider gets them from there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the person's account")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "--group", action="append", metavar="GROUP", help="a group that an [[access.scope]] names; repeatable"
        )
        which.add_argument("--none", action="store_true", help="out of all groups")
        parser.add_argument("--reason", required=True, help="why, for the record")
        add_as_option(parser)

    def handle(self, *args: Any, name: str, reason: str, group: list[str] | None, actor: str = "", **options: Any) -> None:
        person, reason = person_named(name), reason_of(reason)
        wanted = sorted(set(group or ()))
        there = sorted({of_scope for scope in settings.EVENTDESK.access.scope for of_scope in scope.groups})
        if unknown := [one for one in wanted if one not in there]:
            known = f"they name {', '.join(there)}" if there else "they name none"
            raise CommandError(f"No [[access.scope]] names the group {unknown[0]!r}: {known}. Nothing was changed.")
        were = sorted(person.groups.values_list("name", flat=True))
        if wanted == were:
            self.stdout.write(f"{name} is in these groups already. Nothing was changed.")
            return
        details = {"reason": reason, "groups_before": were, "groups_after": wanted}
        try:
            with perform(SAFEGUARDS, command_line_actor(actor), SET_GROUPS, account(name), details):
                person.groups.set([Group.objects.get_or_create(name=one)[0] for one in wanted])
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{name} is in {', '.join(wanted)} now." if wanted else f"{name} is in no group any more.")
