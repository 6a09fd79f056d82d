"""Keeps what was seen of every cursor, in the index's database, so that a restart forgets nothing that cannot be seen
again."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from eventstore.delivery.passages import Followed, Passage, follow, skipped
from eventstore.index.lookup import queries
from eventstore.index.lookup.pointers import last_ordinals
from eventstore.index.models import CursorTrack
from eventstore.model.subscriptions import Cursor, Subscription

WRITTEN_AGAIN = timedelta(minutes=1)
"""How old the kept place of a cursor may get. Older places judge longer moves, and so tell less."""
OWN_LOOKS = timedelta(seconds=30)
"""How long this process's own looks at a topic are enough to know what its cursors went over."""
TOPICS_A_QUERY = 500

Key = tuple[str, str, int]
"""Topic, subscription, partition."""
Passed = Mapping[int, Sequence[Passage]]
"""What a subscription's cursors went over, by partition."""


class Tracks:
    """What this process and others have seen. Thread-safe; looks that do not come in order of time are left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followed: dict[Key, Followed] = {}
        self._written: dict[Key, datetime] = {}
        self._looked: dict[str, datetime] = {}

    def observe(self, topics: Iterable[str], subscriptions: Sequence[Subscription], at: datetime) -> None:
        """Note where the cursors of these topics stand, of all their subscriptions."""
        with self._lock:
            new = [topic for topic in topics if self._looked.get(topic, at) <= at]
            before = self._load([topic for topic in new if topic not in self._looked])
            there = {(one.topic, one.name) for one in subscriptions}
            for key in [key for key in self._followed if key[0] in set(new) and key[:2] not in there]:
                del self._followed[key]
            followed = [
                self._follow(one, cursor, at, absent_before=one.topic in self._looked or one.topic in before)
                for one in subscriptions
                if one.topic in new and not one.kind.of_the_store
                for cursor in one.cursors
            ]
            changed = [key for key in followed if key is not None]
            self._looked |= dict.fromkeys(new, at)
            self._write(changed, at)

    def note_skips(self, topic: str, name: str, skips: Mapping[int, tuple[str, str]], at: datetime) -> None:
        """Note that a reset of ours has moved these cursors of a subscription forward, by partition: from and to (tokens)."""
        with self._lock:
            if topic not in self._looked:
                self._load([topic])
            keys = [(topic, name, partition) for partition in skips if (topic, name, partition) in self._followed]
            for key in keys:
                self._followed[key] = skipped(self._followed[key], *skips[key[2]], at)
            self._write(keys, at)

    def passed(self, topics: Sequence[str], now: datetime) -> Mapping[tuple[str, str], Passed]:
        """What the cursors of these topics went over, by topic and subscription."""
        with self._lock:
            own = {topic for topic in topics if topic in self._looked and now - self._looked[topic] < OWN_LOOKS}
            known = {key: followed.passages for key, followed in self._followed.items() if key[0] in own}
        others = [topic for topic in topics if topic not in own]
        known |= {key: followed.passages for key, (followed, _) in kept(others).items()}
        found: dict[tuple[str, str], dict[int, Sequence[Passage]]] = {}
        for (topic, name, partition), passages in known.items():
            if passages:
                found.setdefault((topic, name), {})[partition] = passages
        return found

    def _load(self, topics: Sequence[str]) -> set[str]:
        """Read what is kept of these topics; return those of which something is."""
        rows = kept(topics)
        for key, (followed, seen_at) in rows.items():
            self._followed[key] = followed
            self._written[key] = seen_at
        return {key[0] for key in rows}

    def _follow(self, subscription: Subscription, cursor: Cursor, at: datetime, *, absent_before: bool) -> Key | None:
        """Note one cursor; return its key if that has to be written."""
        key = (subscription.topic, subscription.name, cursor.partition)
        before = self._followed.get(key)
        found = follow(
            before.track if before else None,
            cursor,
            subscription,
            at,
            events_in=lambda start, end: _events_in(subscription.topic, cursor.partition, start, end),
            absent_before=absent_before,
        )
        self._followed[key] = found
        if before is None or (before.track.passages, before.seeming) != (found.track.passages, found.seeming):
            return key
        stood = before.track.newer.place == found.track.newer.place
        return None if stood or at - self._written.get(key, at) < WRITTEN_AGAIN else key

    def _write(self, keys: Sequence[Key], at: datetime) -> None:
        rows = [
            CursorTrack(
                topic=key[0],
                subscription=key[1],
                partition=key[2],
                track=msgspec.json.encode(self._followed[key]).decode(),
                seen_at=at,
            )
            for key in keys
        ]
        CursorTrack.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["topic", "subscription", "partition"],
            update_fields=["track", "seen_at"],
        )
        self._written |= dict.fromkeys(keys, at)


def kept(topics: Sequence[str]) -> dict[Key, tuple[Followed, datetime]]:
    """Return what is kept of these topics' cursors, and since when."""
    found: dict[Key, tuple[Followed, datetime]] = {}
    for start in range(0, len(topics), TOPICS_A_QUERY):
        for row in CursorTrack.objects.filter(topic__in=topics[start : start + TOPICS_A_QUERY]):
            followed = msgspec.json.decode(row.track, type=Followed)
            found[row.topic, row.subscription, row.partition] = (followed, row.seen_at)
    return found


def _events_in(topic: str, number: int, start: str, end: str) -> int | None:
    partition = queries.partition_row(topic, number)
    if partition is None:
        return None
    before, last = last_ordinals(partition.pk, [start, end])
    return last - before
