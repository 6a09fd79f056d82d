"""Run the consumers of the demo's patient app, until Ctrl-C or SIGTERM."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.demo import own_store, require_demo_mode
from dashboard.demo.traffic import run_app
from dashboard.management.demo_consumers import consuming
from eventstore.model import EventStoreError


class Command(BaseCommand):
    help = "Run the two consumers that build what the demo's patient app shows. run_demo_traffic runs them too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--yes-into-this-store",
            action="store_true",
            help="consume from the broker that EVENTSTORE_URL names: app-timeline acknowledges its events there",
        )

    def handle(self, *args: Any, yes_into_this_store: bool, **options: Any) -> None:
        require_demo_mode()
        if not own_store() and not yes_into_this_store:
            raise CommandError("EVENTSTORE_URL names a broker: the demo's app consumes there only with --yes-into-this-store.")
        try:
            with consuming("the demo's app needs") as (log, subscriptions, stop):
                run_app(log, subscriptions, stop)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
