"""Be a worker: run the jobs that people have asked for, for them and on the record."""

import logging
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dashboard.access.policy import READ_ONLY, is_read_only
from dashboard.gateway import close, desk
from dashboard.management.left_open import settle_at_start, settling
from dashboard.observing.alerts.watching import watching
from dashboard.setup.alert_settings import alert_problem
from eventstore.config import hook_secret_problem
from eventstore.management import stopping_by_signal
from eventstore.model import EventStoreError

log = logging.getLogger("eventdesk.jobs")


class Command(BaseCommand):
    help = "Run the jobs that people have asked for, one after the other, until stopped. Start several for more at a time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="end when no job is due")

    def handle(self, *args: Any, until_idle: bool, **options: Any) -> None:
        if problem := hook_secret_problem(settings.EVENTDESK.projections, settings.EVENTDESK_HOOK_SECRET):
            raise CommandError(problem)
        if problem := alert_problem():
            raise CommandError(problem)
        if is_read_only() and until_idle:
            raise CommandError(f"{READ_ONLY} Jobs wait until that has ended.")
        with stopping_by_signal() as stop:
            try:
                if until_idle:
                    settle_at_start()
                    runs = desk().jobs.run_until_idle(stop, self.say)
                    self.say(f"{runs} {'run' if runs == 1 else 'runs'}; no job is due.")
                else:
                    with settling(), watching():
                        self.run(stop)
            except EventStoreError as error:
                raise CommandError(str(error)) from error
            except DatabaseError as error:
                raise CommandError(f"The jobs' database did not do this ({type(error).__name__}). Run this again.") from error
            finally:
                close()

    def run(self, stop: threading.Event) -> None:
        """Until it is stopped. While the installation is read-only, jobs wait, and the rest of a worker's duties goes on."""
        if is_read_only():
            self.say(f"{READ_ONLY} Jobs wait until that has ended.")
            stop.wait()
        else:
            desk().jobs.run(stop, self.say)

    def say(self, line: str) -> None:
        """As lines of JSON, this is one of them."""
        if settings.LOGS_JSON:
            log.info(line)
            return
        self.stdout.write(line)
        self.stdout.flush()
