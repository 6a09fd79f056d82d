"""Keep the index up with every watched topic, and see from time to time how far behind every subscription is."""

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone
from tqdm import tqdm

from eventstore.backlogs.polling import polling
from eventstore.config.searchable_values import require_hash_key, values_by
from eventstore.delivery.tracks import Tracks
from eventstore.index.indexer.run import BATCH, PATIENCE, THREADS, Following, index_until_caught_up, run_until_stopped
from eventstore.index.indexer.throughput import IndexerStatus
from eventstore.index.processes.room import default_processes
from eventstore.index.second_pass.run import Passing, pass_all, passing
from eventstore.index.tables.sql import MOST_EVENTS
from eventstore.management.configured import configured_storage, error_message
from eventstore.management.stopping import Stop, stopping_by_signal
from eventstore.model.errors import EventStoreError, InvalidConfiguration

MOST_A_BATCH = MOST_EVENTS
MOST_THREADS = 64
MOST_PROCESSES = 16


class Command(BaseCommand):
    help = "Follow every watched topic from its checkpoint and write pointers into the index."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-caught-up", action="store_true", help="end when there is nothing new")
        patience = f"with --until-caught-up: seconds without progress after which it gives up ({PATIENCE:.0f})"
        parser.add_argument("--patience", type=float, help=patience)
        parser.add_argument("--batch", type=int, default=BATCH, help="events a transaction, at most (%(default)s)")
        parser.add_argument("--threads", type=int, default=THREADS, help="threads that read (%(default)s)")
        processes = "processes, of which all but one only read, while there is much to read from Pulsar (%(default)s)"
        parser.add_argument("--processes", type=int, default=default_processes(), help=processes)
        parser.add_argument("--progress", action="store_true", help="show the progress bar even if this is not a terminal")

    def handle(self, *args: Any, batch: int, threads: int, processes: int, patience: float | None, **options: Any) -> None:
        if not 1 <= batch <= MOST_A_BATCH:
            raise CommandError(f"--batch takes a number from 1 to {MOST_A_BATCH}.")
        if not 1 <= threads <= MOST_THREADS:
            raise CommandError(f"--threads takes a number from 1 to {MOST_THREADS}.")
        if not 1 <= processes <= MOST_PROCESSES:
            raise CommandError(f"--processes takes a number from 1 to {MOST_PROCESSES}.")
        if patience is not None and not 0 < patience < float("inf"):
            raise CommandError("--patience takes a number of seconds above 0.")
        try:
            require_hash_key(settings.EVENTDESK.searchables, settings.EVENTDESK_HASH_KEY)
        except InvalidConfiguration as error:
            raise CommandError(str(error)) from error
        with stopping_by_signal() as stop:
            self.index(stop, options, batch=batch, threads=threads, processes=processes, patience=patience)

    def index(self, stop: Stop, options: Mapping[str, Any], **numbers: Any) -> None:
        storage = configured_storage()
        values_of = values_by(settings.EVENTDESK.searchables, settings.EVENTDESK_HASH_KEY)
        with tqdm(unit=" events", desc="index", disable=not options["progress"] and not sys.stderr.isatty()) as bar:
            following = Following(
                storage=storage,
                config=settings.EVENTDESK,
                stop=stop,
                **numbers,
                values_of=values_of,
                on_batch=lambda topic, partition, events: _advance(bar, events),
                on_status=lambda status: _show(bar, status),
            )
            try:
                if options["until_caught_up"]:
                    total = index_until_caught_up(following)
                    said = f"{total} {'event' if total == 1 else 'events'} indexed"
                    self.stdout.write(f"{said} before it was stopped" if stop.is_set() else said)
                    later = Passing(storage=storage, config=settings.EVENTDESK, values_of=values_of, stop=stop, rest=0.0)
                    pass_all(later, numbers["patience"] or PATIENCE)
                else:
                    beside = Passing(
                        storage=storage,
                        config=settings.EVENTDESK,
                        values_of=values_of,
                        stop=stop,
                        owner=following.owner,
                    )
                    with polling(storage, settings.EVENTDESK, stop, Tracks().observe), passing(beside):
                        run_until_stopped(following)
            except EventStoreError as error:
                raise CommandError(str(error)) from error
            except DatabaseError as error:
                kind = type(error).__name__
                said = f"The index's database did not do this ({kind}). Nothing is half-written: run this again."
                raise CommandError(error_message(error, said)) from error
            finally:
                storage.close()


def _advance(bar: "tqdm[Any]", events: int) -> None:
    bar.update(events)


def _show(bar: "tqdm[Any]", status: IndexerStatus) -> None:
    """Show beside the bar what is left, and how the indexer is doing."""
    behind = status.progress.behind
    known = behind is not None and status.progress.partitions and not status.store_away
    bar.total = bar.n + (behind or 0) if known else None
    bar.set_postfix_str(status_text(status, timezone.now()), refresh=True)


def status_text(status: IndexerStatus, now: datetime) -> str:
    """Return how this indexer is doing, in a few words."""
    progress = status.progress
    if status.store_away:
        return "the store does not answer"
    if not progress.partitions and not status.elsewhere:
        return "no topics yet"
    late = progress.partitions - progress.caught_up
    words = f"{late} of {progress.partitions} partitions behind" if late else "caught up"
    if progress.published:
        words += f", by {str(now - progress.published).partition('.')[0]} of publish time"
    if status.elsewhere:
        words += f"; {status.elsewhere} with other indexers"
    return words
