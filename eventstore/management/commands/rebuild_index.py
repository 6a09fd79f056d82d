"""Rebuild the index of topics, while pages go on reading the old one."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from eventstore.config.searchable_values import require_hash_key, values_by
from eventstore.index.lookup.queries import indexed_topics
from eventstore.index.rebuild import run
from eventstore.management.configured import configured_storage, error_message
from eventstore.management.stopping import Stop, stopping_by_signal
from eventstore.model.errors import EventStoreError, UnknownTopic
from eventstore.model.events import Topic
from eventstore.model.storage import Storage

FAILED = 2


class Command(BaseCommand):
    help = (
        "Index a topic (or each in turn) anew beside its old index, put the new one in its place and remove the old one. What "
        "was stopped is taken up again. Exit status: 0 done, 2 it could not be done, 130 or 143 stopped by a signal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--topic", default="", help="only this one")
        parser.add_argument("--progress", action="store_true", help="show the progress bar even if this is not a terminal")
        begun = parser.add_mutually_exclusive_group()
        begun.add_argument(
            "--restart", action="store_true", help="throw away what an unfinished rebuild has built, and begin anew"
        )
        begun.add_argument("--discard", action="store_true", help="only throw away what unfinished rebuilds have left")
        begun.add_argument(
            "--forget", action="store_true", help="remove the index of --topic, which the store no longer has, for good"
        )

    def handle(
        self, *args: Any, topic: str, progress: bool, restart: bool, discard: bool, forget: bool, **options: Any
    ) -> None:
        if forget and not topic:
            raise CommandError("--forget takes the name of one topic: --topic NAME.", returncode=FAILED)
        self.hidden = not progress and not sys.stderr.isatty()
        storage = configured_storage(FAILED)
        with stopping_by_signal() as stop:
            try:
                if forget:
                    self.forget(storage, topic, stop)
                else:
                    self.rebuild_each(storage, list(self.topics(storage, topic)), stop, restart=restart, discard=discard)
            except EventStoreError as error:
                raise CommandError(str(error), returncode=FAILED) from error
            except DatabaseError as error:
                kind = type(error).__name__
                said = f"The index's database did not do this ({kind}). Pages read what they did before: run this again."
                raise CommandError(error_message(error, said), returncode=FAILED) from error
            finally:
                storage.close()
        if stop.number:
            sys.exit(128 + stop.number)

    def rebuild_each(self, storage: Storage, topics: Iterable[Topic], stop: Stop, *, restart: bool, discard: bool) -> None:
        if not discard:
            require_hash_key(settings.EVENTDESK.searchables, settings.EVENTDESK_HASH_KEY)
        for known in topics:
            if restart or discard:
                self.discard(known.name)
            if not discard and not stop.is_set():
                self.rebuild(storage, known, stop)
            self.remove(known.name, stop)
            if stop.is_set():
                break

    def forget(self, storage: Storage, name: str, stop: Stop) -> None:
        """Forget a topic that the store does not have, or that is not watched. While the store does not answer,
        nothing is known.
        """
        try:
            known = storage.log.topic(name)
        except UnknownTopic:
            known = None
        if known is not None:
            said = f"{known.name} is in the store and watched: its index would only be built again. Nothing was forgotten."
            raise CommandError(said, returncode=FAILED)
        topic = run.forgettable(name)
        if topic is None:
            raise CommandError(
                f"The index has no topic {name}, or several of that last name: give the whole.", returncode=FAILED
            )
        events = run.forget(topic)
        self.stdout.write(f"{topic}: {events:,} events forgotten")
        self.remove(topic, stop, rest="running this again")

    def topics(self, storage: Storage, name: str) -> Iterable[Topic]:
        """Yield the indexed topics that are to be rebuilt."""
        indexed = {found.topic for found in indexed_topics()}
        if name:
            known = storage.log.topic(name)
            if known.name not in indexed:
                raise CommandError(f"{known.name} is not indexed yet: there is nothing to rebuild.", returncode=FAILED)
            yield known
            return
        for one in sorted(indexed):
            try:
                yield storage.log.topic(one)
            except UnknownTopic:
                self.stdout.write(
                    f"{one}: the store no longer has this topic; its index is left as it is (--forget removes it)"
                )

    def rebuild(self, storage: Storage, topic: Topic, stop: Stop) -> None:
        begun = run.unfinished(topic.name)
        done = run.events_of(topic.name, begun) if begun is not None else 0
        if begun is not None:
            self.stdout.write(f"{topic.name}: continuing after {done:,} events")
        total = max(run.events_of(topic.name, None), done)
        values_of = values_by(settings.EVENTDESK.searchables, settings.EVENTDESK_HASH_KEY)
        with tqdm(total=total, initial=done, unit=" events", unit_scale=True, desc=topic.name, disable=self.hidden) as bar:
            found = run.rebuild_topic(storage, settings.EVENTDESK, topic, bar.update, stop, values_of=values_of)
        if not found.live:
            self.stdout.write(
                f"{topic.name}: stopped after {found.events:,} of {found.before:,} events. Pages read what they did before. "
                "Run this again to continue, or with --discard to throw it away."
            )
            return
        fewer = found.before - found.events
        said = f", {fewer:,} fewer than before: the store no longer has them" if fewer > 0 else ""
        self.stdout.write(f"{topic.name}: {found.events:,} events rebuilt{said}")

    def discard(self, topic: str) -> None:
        if run.discard(topic):
            self.stdout.write(f"{topic}: the unfinished rebuild is thrown away")

    def remove(self, topic: str, stop: Stop, rest: str = "the next rebuild (or --discard)") -> None:
        """Remove builds that were replaced or discarded. Pages do not read them: if it is stopped, the next run
        removes the rest.
        """
        segments = run.segments_to_remove(topic)
        if not segments:
            return
        with tqdm(total=segments, unit=" segments", desc="removing the old", disable=self.hidden) as bar:
            done = run.remove_old(topic, bar.update, stop)
        if not done:
            self.stdout.write(f"{topic}: not all of the old index is removed; {rest} removes the rest")
