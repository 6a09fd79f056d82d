"""Forget the searchable values of one aggregate, for a request for erasure, by the rules of the page."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dashboard.access.actors import add_as_option, command_line_actor
from dashboard.auditing.acts import newest
from dashboard.auditing.reasons import LONGEST_REASON
from dashboard.auditing.safeguards import refuse
from dashboard.gateway import close, desk
from dashboard.privacy import SERVER, given_id
from eventstore.actions import Actor, Confirmation, Resource, aggregate_resource
from eventstore.erasure import FORGET_VALUES, LONGEST_TICKET, Wish
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = (
        "Remove every searchable value of one aggregate from the index, and keep them out when it is built again. Cut off, it "
        "is finished by running it again. Nothing in the store is changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--type", required=True, help="the aggregate's type")
        parser.add_argument("--id", required=True, help="the aggregate's id, or its handle")
        parser.add_argument("--ticket", required=True, help="the request for erasure, for the record")
        parser.add_argument("--reason", required=True, help="why, for the record; no personal data")
        parser.add_argument(
            "--ahead",
            action="store_true",
            help="also if the index does not know the aggregate, as while it is being built: check the type and the id, "
            "nothing tells of a wrong one",
        )
        add_as_option(parser)

    def handle(self, *args: Any, type: str, id: str, ticket: str, reason: str, actor: str = "", **options: Any) -> None:
        for name, text, longest in (("--ticket", ticket, LONGEST_TICKET), ("--reason", reason, LONGEST_REASON)):
            if not text.strip() or len(text) > longest:
                raise CommandError(f"{name} takes 1 to {longest} characters.")
        aim = Wish(ticket=ticket.strip(), ahead=bool(options.get("ahead")))
        try:
            resource = aggregate_resource(type, given_id(type, id, SERVER))
            self._forget(command_line_actor(actor), resource, aim, reason.strip())
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            text = f"A database did not do this ({error.__class__.__name__}). Run it again: it finishes what was begun."
            raise CommandError(text) from error
        finally:
            close()

    def _forget(self, actor: Actor, resource: Resource, aim: Wish, reason: str) -> None:
        refuse(actor, FORGET_VALUES, resource)
        last = newest(resource)
        plan = desk().actions.plan(FORGET_VALUES, resource, aim)
        confirmation = Confirmation(digest=plan.digest, since=last.number if last else 0)
        done = desk().actions.confirm(actor, FORGET_VALUES, resource, aim, confirmation=confirmation, reason=reason)
        facts = done.outcome.facts
        self.stdout.write(
            f"Removed {facts.get('values_removed', 0):,} searchable values of {facts.get('events_with_values', 0):,} events. "
            f"The index keeps none of this aggregate since {facts.get('forgotten_since', 'now')}, also when it is built again."
        )
