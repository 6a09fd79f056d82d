"""Keeps what was seen of every cursor, in the index's database: for all processes, and so that a restart forgets nothing that
cannot be seen again.

Only the process that asks the store (by the lease of ``eventstore.backlogs``) follows cursors. That may be another one each
time, so each goes on from what is stored. All others read. Our own moves and their undos are noted by any process, and whoever
writes a row keeps those that were noted meanwhile.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from eventstore.delivery.passages import Back, Followed, Passage, follow, put_back, skipped, unseen, with_recorded
from eventstore.index.lookup import queries
from eventstore.index.lookup.pointers import last_ordinals
from eventstore.index.models import CursorTrack
from eventstore.index.tables.database import atomic
from eventstore.index.tables.subscription_names import stored_name
from eventstore.model.subscriptions import Cursor, Subscription

WRITTEN_AGAIN = timedelta(minutes=1)
"""How old the kept place of a cursor may get. Older places judge longer moves, and so tell less."""
WRITTEN_STANDING = timedelta(days=1)
"""How old the row of a cursor that stands still may get."""
KEPT_FOR = timedelta(days=14)
"""How long a row stays after the last look at its cursor: subscriptions with a name for each process leave many."""
THINNED_EVERY = timedelta(hours=1)
MOST_THINNED = 1_000
MOST_GIVEN_BACK = 2_000
"""Ranges of one undo that a row keeps, some 60 kB: as many as an act keeps of a move."""
READ_AGAIN = 2.0
"""Seconds for which what was read is shown again with the same figures."""
TOPICS_A_QUERY = 500

Key = tuple[str, str, int]
"""Topic, subscription (``stored_name``), partition."""
Passed = Mapping[int, Sequence[Passage]]
"""What a subscription's cursors went over, by partition."""


class Kept(NamedTuple):
    """``followed``: ``None`` if what is stored cannot be read. ``version``: the row's ``seen_at`` when it was last read or
    written here; ``None``: it was not written yet."""

    followed: Followed | None
    version: datetime | None


class Tracks:
    """What this process and others have seen. Thread-safe; looks that do not come in order of time are left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, dict[Key, Kept]] = {}
        self._looked: dict[str, datetime] = {}
        self._read: dict[str, tuple[datetime, float]] = {}
        self._thinned: datetime | None = None

    def observe(self, topics: Iterable[str], subscriptions: Sequence[Subscription], at: datetime) -> None:
        """Note where the cursors of these topics stand, of all their subscriptions: for whoever has asked the store."""
        names = set(topics)
        with self._lock, self._forgetting_if_it_fails(names):
            new = {topic for topic in names if self._looked.get(topic, at) <= at}
            self._synchronize(new)
            seen_before = {topic for topic in new if self._known.get(topic) or self._lately_looked_at(topic, at)}
            self._remove_gone(new, {(one.topic, stored_name(one.name)) for one in subscriptions}, at)
            followed = [
                self._follow(one, cursor, at, topic_seen_before=one.topic in seen_before)
                for one in subscriptions
                if one.topic in new and not one.kind.of_the_store
                for cursor in one.cursors
            ]
            self._write([key for key in followed if key is not None], at)
            self._looked |= dict.fromkeys(new, at)
            self._thin(at)

    def note_skips(
        self,
        topic: str,
        name: str,
        skips: Mapping[int, Sequence[tuple[str, str]]],
        at: datetime,
        stands: Mapping[int, str] = MappingProxyType({}),
        *,
        certain: bool = True,
    ) -> None:
        """Note that a move of ours went over these ranges of a subscription, by partition: from and to (tokens). ``stands``:
        where its cursors stand now, if not at the end of the last range. Not ``certain``: it is not known whether it did."""
        skips = {partition: ranges for partition, ranges in skips.items() if ranges}
        if not skips:
            return
        name = stored_name(name)
        with self._lock, self._forgetting_if_it_fails({topic}), atomic():
            self._synchronize({topic}, lock=True)
            known = self._known.setdefault(topic, {})
            for partition, ranges in skips.items():
                key = (topic, name, partition)
                before = known.get(key, Kept(None, None))
                followed = before.followed or unseen(stands.get(partition, ranges[-1][1]), at)
                known[key] = Kept(skipped(followed, ranges, at, certain=certain), before.version)
            self._save([(topic, name, partition) for partition in skips], at)

    def note_back(self, topic: str, name: str, given: Mapping[int, Sequence[tuple[str, str]]], at: datetime) -> None:
        """Note that an undo of ours has put these cursors back: by partition, the ranges that it gave back (tokens). Those
        behind the first ``MOST_GIVEN_BACK`` stay passed over as far as anybody is told: a loss is not taken back by guess."""
        name = stored_name(name)
        with self._lock, self._forgetting_if_it_fails({topic}), atomic():
            self._synchronize({topic}, lock=True)
            known = self._known.setdefault(topic, {})
            keys = [(topic, name, partition) for partition in given if (topic, name, partition) in known]
            for key in keys:
                followed, version = known[key]
                if followed is not None:
                    back = Back(at=at, ranges=tuple(sorted(given[key[2]])[:MOST_GIVEN_BACK]))
                    known[key] = Kept(put_back(followed, back), version)
            self._save([key for key in keys if known[key].followed is not None], at)

    def passed(self, topics: Sequence[str], as_of: datetime) -> Mapping[tuple[str, str], Passed]:
        """What the cursors of these topics went over, by topic and ``stored_name``. ``as_of``: when the store told where they
        stand; what is known of that moment, and of earlier ones, is stored before that."""
        found: dict[tuple[str, str], dict[int, Sequence[Passage]]] = {}
        with self._lock:
            now = time.monotonic()
            young = {topic for topic, (of, at) in self._read.items() if of == as_of and now - at < READ_AGAIN}
            asked = set(topics) - young
            self._synchronize(asked)
            self._read |= dict.fromkeys(asked, (as_of, now))
            for topic in topics:
                for (_, name, partition), (followed, _) in self._known.get(topic, {}).items():
                    if followed is not None and followed.passages:
                        found.setdefault((topic, name), {})[partition] = followed.passages
        return found

    @contextmanager
    def _forgetting_if_it_fails(self, topics: set[str]) -> Iterator[None]:
        """What could not be written must not be taken for written: it is read anew."""
        try:
            yield
        except BaseException:
            for topic in topics:
                self._known.pop(topic, None)
                self._read.pop(topic, None)
            raise

    def _lately_looked_at(self, topic: str, at: datetime) -> bool:
        """Whether a cursor that was there at this process's last look would have a row now, whoever has looked since."""
        return topic in self._looked and at - self._looked[topic] < WRITTEN_STANDING

    def _synchronize(self, topics: set[str], *, lock: bool = False) -> None:
        """Take over what others have written of these topics, and have removed."""
        there = self._reread(topics, lock=lock)
        for topic in topics & self._known.keys():
            self._known[topic] = {key: kept for key, kept in self._known[topic].items() if key in there}

    def _reread(self, topics: set[str], *, lock: bool) -> set[Key]:
        """Read those rows of these topics that others have changed. Return the keys of all their rows."""
        there: set[Key] = set()
        changed: list[int] = []
        names = sorted(topics)
        for start in range(0, len(names), TOPICS_A_QUERY):
            rows = CursorTrack.objects.filter(topic__in=names[start : start + TOPICS_A_QUERY]).order_by("pk")
            rows = rows.select_for_update() if lock else rows
            for pk, topic, name, number, seen_at in rows.values_list("pk", "topic", "subscription", "partition", "seen_at"):
                key: Key = (topic, name, number)
                there.add(key)
                known = self._known.get(key[0], {}).get(key)
                if known is None or known.version != seen_at:
                    changed.append(pk)
        for start in range(0, len(changed), TOPICS_A_QUERY):
            for row in CursorTrack.objects.filter(pk__in=changed[start : start + TOPICS_A_QUERY]):
                self._take((row.topic, row.subscription, row.partition), _decoded(row.track), row.seen_at)
        return there

    def _take(self, key: Key, stored: Followed | None, version: datetime) -> None:
        """Take over a row that another process has written. If this one has looked later, only our moves and undos there."""
        of_topic = self._known.setdefault(key[0], {})
        own = of_topic.get(key, Kept(None, None))
        found = stored or own.followed
        if stored is not None and own.followed is not None and _is_later(own.followed, stored):
            found = with_recorded(own.followed, stored, own.version)
        of_topic[key] = Kept(found, version)

    def _remove_gone(self, topics: set[str], there: set[tuple[str, str]], at: datetime) -> None:
        gone = {key[:2] for topic in topics for key in self._known.get(topic, {}) if key[:2] not in there}
        for topic, name in sorted(gone):
            CursorTrack.objects.filter(topic=topic, subscription=name, seen_at__lte=at).delete()
            self._known[topic] = {key: kept for key, kept in self._known[topic].items() if key[1] != name}

    def _follow(self, subscription: Subscription, cursor: Cursor, at: datetime, *, topic_seen_before: bool) -> Key | None:
        """Note one cursor; return its key if that has to be written."""
        key = (subscription.topic, stored_name(subscription.name), cursor.partition)
        of_topic = self._known.setdefault(subscription.topic, {})
        before, version = of_topic.get(key, Kept(None, None))
        if before is not None and before.track.newer.at is not None and before.track.newer.at > at:
            return None  # another process has looked since
        found = follow(
            before.track if before else None,
            cursor,
            subscription,
            at,
            events_in=lambda start, end: _events_in(subscription.topic, cursor.partition, start, end),
            absent_before=topic_seen_before and key not in of_topic,
        )
        of_topic[key] = Kept(found, version)
        if before is None or version is None:
            return key
        if (before.track.passages, before.seeming) != (found.track.passages, found.seeming):
            return key
        stood = before.track.newer.place == found.track.newer.place
        return key if at - version >= (WRITTEN_STANDING if stood else WRITTEN_AGAIN) else None

    def _write(self, keys: Sequence[Key], at: datetime) -> None:
        """Write what was seen at this look, unless another process has meanwhile written a later one."""
        if not keys:
            return
        with atomic():
            self._reread({key[0] for key in keys}, lock=True)
            self._save([key for key in keys if not self._is_overtaken(key, at)], at)

    def _is_overtaken(self, key: Key, at: datetime) -> bool:
        followed = self._known[key[0]][key].followed
        return followed is None or (followed.track.newer.at is not None and followed.track.newer.at > at)

    def _save(self, keys: Sequence[Key], at: datetime) -> None:
        known = {key: self._known[key[0]][key] for key in sorted(keys)}
        CursorTrack.objects.bulk_create(
            [
                CursorTrack(
                    topic=key[0],
                    subscription=key[1],
                    partition=key[2],
                    track=msgspec.json.encode(kept.followed).decode(),
                    seen_at=at,
                )
                for key, kept in known.items()
            ],
            update_conflicts=True,
            unique_fields=["topic", "subscription", "partition"],
            update_fields=["track", "seen_at"],
        )
        for key, kept in known.items():
            self._known[key[0]][key] = kept._replace(version=at)

    def _thin(self, at: datetime) -> None:
        """Delete rows of cursors that nobody has seen for long."""
        if self._thinned is not None and at - self._thinned < THINNED_EVERY:
            return
        self._thinned = at
        old = list(CursorTrack.objects.filter(seen_at__lt=at - KEPT_FOR).values_list("pk", flat=True)[:MOST_THINNED])
        for start in range(0, len(old), TOPICS_A_QUERY):
            CursorTrack.objects.filter(pk__in=old[start : start + TOPICS_A_QUERY], seen_at__lt=at - KEPT_FOR).delete()


def _is_later(one: Followed, other: Followed) -> bool:
    mine, theirs = one.track.newer.at, other.track.newer.at
    return mine is not None and (theirs is None or mine > theirs)


def _decoded(track: str) -> Followed | None:
    """Return what is stored; ``None`` if another version of the desk has stored something else."""
    try:
        return msgspec.json.decode(track, type=Followed)
    except msgspec.DecodeError:
        return None


def _events_in(topic: str, number: int, start: str, end: str) -> int | None:
    partition = queries.partition_row(topic, number)
    if partition is None:
        return None
    before, last = last_ordinals(partition.pk, [start, end])
    return last - before
