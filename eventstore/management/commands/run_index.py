"""Keep the index up with every watched topic."""

import signal
import sys
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from eventstore.errors import EventStoreError
from eventstore.index.following import BATCH, Following, follow_everything, index_until_caught_up
from eventstore.opening import open_storage

MOST_A_BATCH = 100_000


class Command(BaseCommand):
    help = "Follow every watched topic from its checkpoint and write pointers into the index."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-caught-up", action="store_true", help="end when there is nothing new")
        parser.add_argument("--batch", type=int, default=BATCH, help="events a transaction, at most (%(default)s)")

    def handle(self, *args: Any, until_caught_up: bool, batch: int, **options: Any) -> None:
        if not 1 <= batch <= MOST_A_BATCH:
            raise CommandError(f"--batch takes a number from 1 to {MOST_A_BATCH}.")
        stop = threading.Event()
        _stop_on_signals(stop)
        storage = open_storage(
            settings.EVENTSTORE_URL, admin_url=settings.PULSAR_ADMIN_URL, namespaces=settings.EVENTSTORE_NAMESPACES
        )
        with tqdm(unit=" events", desc="index", disable=not sys.stderr.isatty()) as bar:
            following = Following(
                storage=storage,
                config=settings.EVENTDESK,
                stop=stop,
                batch=batch,
                on_batch=lambda topic, partition, events: _advance(bar, events),
            )
            try:
                if until_caught_up:
                    total = index_until_caught_up(following)
                    said = f"{total} {'event' if total == 1 else 'events'} indexed"
                    self.stdout.write(f"{said} before it was stopped" if stop.is_set() else said)
                else:
                    follow_everything(following)
            except EventStoreError as error:
                raise CommandError(str(error)) from error
            except DatabaseError as error:
                raise CommandError(
                    f"The index's database did not do this ({type(error).__name__}). Nothing is half-written: run this again."
                ) from error
            finally:
                storage.close()


def _advance(bar: "tqdm[Any]", events: int) -> None:
    bar.update(events)


def _stop_on_signals(stop: threading.Event) -> None:
    def set_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, set_stop)
