"""Compare the index with the store."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from eventstore.config.searchable_values import require_hash_key, values_by
from eventstore.index.check.run import PartitionReport, check_topic
from eventstore.index.lookup.queries import indexed_topics
from eventstore.management.configured import configured_storage, error_message
from eventstore.management.stopping import Stop, stopping_by_signal
from eventstore.model.errors import EventStoreError, UnknownTopic
from eventstore.model.storage import Storage

FAILED = 2


class Command(BaseCommand):
    help = (
        "Read every indexed event again and compare it to the index, and look for what is not indexed at all. Exit status: 0 "
        "no difference, 1 differences, 2 it could not be done, 130 or 143 stopped by a signal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--topic", default="", help="only this one")
        parser.add_argument("--progress", action="store_true", help="show the progress bar even if this is not a terminal")

    def handle(self, *args: Any, topic: str, progress: bool, **options: Any) -> None:
        storage = configured_storage(FAILED)
        with stopping_by_signal() as stop:
            try:
                reports = self.run(storage, topic, progress, stop)
            except EventStoreError as error:
                raise CommandError(str(error), returncode=FAILED) from error
            except DatabaseError as error:
                said = f"The index's database did not answer ({type(error).__name__}). Nothing was changed: run this again."
                raise CommandError(error_message(error, said), returncode=FAILED) from error
            finally:
                storage.close()
        self.conclude(reports, stop)

    def run(self, storage: Storage, topic: str, progress: bool, stop: Stop) -> list[PartitionReport]:
        require_hash_key(settings.EVENTDESK.searchables, settings.EVENTDESK_HASH_KEY)
        wanted = storage.log.topic(topic).name if topic else ""
        indexed = {found.topic: found.events for found in indexed_topics() if not wanted or found.topic == wanted}
        if wanted and not indexed:
            raise CommandError(f"{wanted} is not indexed yet.", returncode=FAILED)
        if not wanted:
            indexed |= {known.name: 0 for known in storage.log.topics() if known.name not in indexed}
        reports: list[PartitionReport] = []
        config = settings.EVENTDESK
        values_of = values_by(config.searchables, settings.EVENTDESK_HASH_KEY)
        disabled = not progress and not sys.stderr.isatty()
        with tqdm(total=sum(indexed.values()), unit=" events", unit_scale=True, desc="check", disable=disabled) as bar:
            for name, events in sorted(indexed.items()):
                if stop.is_set():
                    break
                try:
                    known = storage.log.topic(name)
                except UnknownTopic:
                    self.say(f"{name}: the store no longer has this topic; its {events:,} events stay findable")
                    bar.update(events)
                    continue
                for report in check_topic(storage, config, known, bar.update, stop, values_of):
                    self.say(in_words(report, storage.log.capabilities.amount_unit))
                    reports.append(report)
        return reports

    def say(self, line: str) -> None:
        """Write a line above the progress bar."""
        with tqdm.external_write_mode():
            self.stdout.write(line)

    def conclude(self, reports: Sequence[PartitionReport], stop: Stop) -> None:
        different = sum(bool(report.difference) for report in reports)
        compared = sum(report.compared for report in reports)
        if stop.number:
            self.stdout.write(f"stopped after {compared:,} events; {differences(different)} so far")
            sys.exit(128 + stop.number)
        self.stdout.write(f"{compared:,} events compared; {differences(different)}")
        if different:
            sys.exit(1)


def differences(count: int) -> str:
    """Return how many partitions differ, in words."""
    return f"{count:,} {'partition differs' if count == 1 else 'partitions differ'}" if count else "no difference"


def in_words(report: PartitionReport, unit: str) -> str:
    """Return one partition's report as a line. ``unit`` is what the store counts after the checkpoint."""
    name = f"{report.topic} partition {report.partition}"
    rest = f"; the first {report.trimmed:,} events are no longer in the store" if report.trimmed else ""
    if report.behind:
        what = {"events": "event", "entries": "entry"}.get(unit, unit) if report.behind == 1 else unit
        rest += f"; {report.behind:,} {what} more behind the checkpoint"
    if report.values_left_out:
        rest += "; searchable values were not compared, as older events are still being given those declared now"
    if report.difference:
        return f"{name}: {report.difference}{rest}"
    if report.stopped:
        return f"{name}: stopped after {report.compared:,} of {report.indexed:,} events, no difference so far{rest}"
    return f"{name}: {report.indexed:,} events, no difference{rest}"
