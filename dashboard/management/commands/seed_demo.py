"""Write the demo's history into the store."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.access.actors import add_as_option, command_line_actor
from dashboard.demo import own_store, require_demo_mode
from dashboard.demo.history import PARTITIONS, is_seeded, seed_history
from dashboard.gateway import close, desk
from eventstore.actions import STORE, Ending, Part, Resource, Running
from eventstore.desk import Desk
from eventstore.importing import PUBLISH
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Put some four thousand events of a made-up health company into the store, once for each data directory."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--yes-into-this-store",
            action="store_true",
            help="write into the broker that EVENTSTORE_URL names: other people use it, and events cannot be removed again",
        )
        add_as_option(parser)

    def handle(self, *args: Any, yes_into_this_store: bool, actor: str = "", **options: Any) -> None:
        require_demo_mode()
        if not own_store() and not yes_into_this_store:
            raise CommandError(
                "EVENTSTORE_URL names a broker. The demo history is written into it only with --yes-into-this-store."
            )
        try:
            here = desk()
            if is_seeded(here.log):
                self.stdout.write("The demo history is there already.")
                return
            history = Resource(kind=STORE, name="demo history")
            details = {"demo": True, "topics": list(PARTITIONS)}
            with here.actions.perform(command_line_actor(actor), PUBLISH, history, details) as act:
                written = _seed(here, act)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        finally:
            close()
        self.stdout.write(f"{written} {'event' if written == 1 else 'events'} of the demo's history written.")


def _seed(here: Desk, act: Running) -> int:
    """Write the history; each topic is a part of the act. Returns the number of events written."""
    act.facts["imported"] = 0

    def on_topic(topic: str, written: int) -> None:
        act.facts["imported"] += written
        if written:
            act.parts.append(Part(name=topic, ending=Ending.DONE))

    try:
        return seed_history(here.log, here.store.subscriptions, on_topic)
    except EventStoreError as error:
        act.parts.append(Part(name="the rest", ending=Ending.UNKNOWN, reason=str(error)))
        raise
