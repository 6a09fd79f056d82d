"""Publish the demo's events and run its consumers, until Ctrl-C or SIGTERM."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.demo import own_store, require_demo_mode
from dashboard.demo.traffic import run
from dashboard.management.demo_consumers import consuming


class Command(BaseCommand):
    help = "Publish about two demo events a second into the embedded store, and run three consumers of them."

    def handle(self, *args: Any, **options: Any) -> None:
        require_demo_mode()
        if not own_store():
            raise CommandError("EVENTSTORE_URL names a broker, which demo traffic is never written into.")
        with consuming("the demo's consumers need") as (log, subscriptions, stop):
            run(log, subscriptions, stop)
