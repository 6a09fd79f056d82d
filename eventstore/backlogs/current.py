"""What is stored of all topics' subscriptions now, read from the index's database. The store is not asked."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eventstore.backlogs.lease import ALL
from eventstore.backlogs.pace import NOT_KNOWN, Pace, pace_of
from eventstore.backlogs.stored import Step, StoredBacklog, backlog_in, topic_in
from eventstore.index.models import BacklogRow
from eventstore.model.events import Topic
from eventstore.subscriptions import Backlog

TOPICS_BY_NAME = 100
"""So many are asked for by their names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A subscription as it was last seen, how much waited in the last hour (about once a minute, oldest first), and how fast
    that grows or falls."""

    backlog: Backlog
    steps: Sequence[Step] = ()
    pace: Pace = NOT_KNOWN
    kept: int = 0
    """When its last look was kept, in milliseconds since 1970; 0: never."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicBacklogs:
    """A topic's subscriptions by name, as of ``as_of``; ``None``: it was never seen.

    ``unavailable``: why the store does not tell newer figures, in a sentence; empty if it does.
    """

    topic: Topic
    subscriptions: Sequence[Watched]
    as_of: datetime | None
    unavailable: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AllBacklogs:
    """All watched topics, by name. ``as_of``: when they were last asked for; ``None``: never, or not since a change."""

    topics: Sequence[TopicBacklogs]
    as_of: datetime | None


class StoredBacklogs:
    """Reads what is stored, and decodes only what has changed since the last time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, TopicBacklogs] = {}
        self._noted: set[str] = set()

    def read(self) -> tuple[AllBacklogs, Sequence[TopicBacklogs]]:
        """Return everything, and what of it this process had not read before."""
        with self._lock:
            rows = {row[0]: row[1:] for row in BacklogRow.objects.values_list("topic", "as_of", "reason", "asked_at")}
            *_, asked_at = rows.pop(ALL, (None, "", None))
            changed = [topic for topic, (as_of, *_) in rows.items() if not self._knows(topic, as_of)]
            self._decode(changed)
            self._known = {
                topic: known if known.unavailable == reason else replace(known, unavailable=reason)
                for topic, (_, reason, _) in sorted(rows.items())
                if (known := self._known.get(topic)) is not None
            }
            new = [self._known[topic] for topic in self._known if topic in self._noted or topic in changed]
            self._noted.clear()
            return AllBacklogs(topics=list(self._known.values()), as_of=asked_at), new

    def read_topic(self, topic: str) -> Sequence[TopicBacklogs]:
        """Return what is stored of this topic, if this process had not read it before."""
        with self._lock:
            row = BacklogRow.objects.filter(topic=topic).values_list("as_of", flat=True).first()
            if row is None or self._knows(topic, row):
                return []
            self._decode([topic])
            return [self._known[topic]]

    def note(self, topics: Sequence[TopicBacklogs]) -> None:
        """Take over what this process has just stored, so that it needs not be decoded again."""
        with self._lock:
            for topic in topics:
                self._known[topic.topic.name] = topic
                self._noted.add(topic.topic.name)

    def _knows(self, topic: str, as_of: datetime | None) -> bool:
        return topic in self._known and self._known[topic].as_of == as_of

    def _decode(self, topics: Sequence[str]) -> None:
        """Many are read with all others, which takes a tenth of asking for each by its name."""
        wanted, rows = set(topics), BacklogRow.objects.exclude(topic=ALL)
        if len(topics) <= TOPICS_BY_NAME:
            rows = rows.filter(topic__in=topics)
        for topic, data, as_of in rows.values_list("topic", "data", "as_of").iterator() if topics else ():
            if topic not in wanted:
                continue
            stored = topic_in(bytes(data))
            found = [_watched(each) for each in (stored.subscriptions if stored else ())]
            of = stored.topic if stored else Topic(name=topic)
            self._known[topic] = TopicBacklogs(topic=of, subscriptions=found, as_of=as_of)


def _watched(stored: StoredBacklog) -> Watched:
    backlog = backlog_in(stored)
    return Watched(backlog=backlog, steps=stored.steps, pace=pace_of(backlog, stored.steps), kept=stored.kept)
