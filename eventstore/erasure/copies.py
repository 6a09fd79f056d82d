"""Copies of one aggregate's events in replay, retry and dead-letter topics, found by what each copy names as its original."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from eventstore.config.topic_kinds import belongs_to
from eventstore.index.lookup.key_tables import places_of_each
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.lookup.stream_keys import places_of, stretches_everywhere
from eventstore.index.models import IndexedPartition
from eventstore.index.tables.keys import Link, hashed
from eventstore.index.tables.secret import index_key
from eventstore.index.writing.copy_origin import mark_of
from eventstore.model.events import NO_TIME, Position, TopicKind
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.streams.rows import Row

EVENTS_AT_ONCE = 500
MOST_EVENTS = 20_000
MOST_SECONDS = 3.0
"""Where a look for copies ends: after so many events, or so much time."""
MOST_PLACES = 20_000
MOST_READ = 200
"""Copies that are read from the store for the replay that made them."""
REPLAY_ID = "replayid"

RowsOf = Callable[[Sequence[Pointer]], list[Row]]


@dataclass(frozen=True, kw_only=True, slots=True)
class CopiesIn:
    """Copies in one topic: of so many ``events`` of the aggregate. ``replays``: how many copies each replay made, by its job's
    id, among the ``read`` ones. Times are those at which copies were published."""

    topic: str
    kind: TopicKind
    copies: int
    events: int
    first: datetime | None
    last: datetime | None
    replays: Mapping[str, int]
    read: int
    gone: bool
    """The store has this topic no more, or has made it anew: the index alone knows of these."""
    ordinals: Mapping[int, Sequence[int]] = field(default_factory=dict, repr=False)
    """Where they lie, by partition."""

    @property
    def by_replay(self) -> Sequence[tuple[str, int]]:
        """``replays`` as pairs, for templates."""
        return sorted(self.replays.items())

    def made_by(self, jobs: Set[str]) -> "CopiesIn":
        """The same, naming these replays alone."""
        return replace(self, replays={job: copies for job, copies in self.replays.items() if job in jobs})


@dataclass(frozen=True, kw_only=True, slots=True)
class CopiesFound:
    """``topics`` with copies of the ``events`` that were looked at: all of the aggregate's, if it is ``complete``."""

    topics: Sequence[CopiesIn]
    events: int
    complete: bool

    def of_kind(self, kind: TopicKind) -> Sequence[CopiesIn]:
        return [one for one in self.topics if one.kind is kind]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Derived:
    """The index's ``rows`` of derived topics that hold something, the kind of each topic, and which the store has no more."""

    rows: Set[int]
    kinds: Mapping[str, TopicKind]
    gone: Set[str]


@dataclass(kw_only=True, slots=True)
class _Gathered:
    """``copies`` by where they lie: an event may be in several topics, or be there twice, and its copies are found each time.
    ``originals``: ids of events."""

    copies: dict[Position, Pointer] = field(default_factory=dict)
    originals: set[str] = field(default_factory=set)


def copies_found(log: Log, rows_of: RowsOf, type: str, id: str) -> CopiesFound:
    """Look for copies of the aggregate's events, its first ones first, within the bounds of a page."""
    derived = _derived()
    found: dict[tuple[str, TopicKind, bool], _Gathered] = {}
    looked, complete = 0, True
    until = time.monotonic() + MOST_SECONDS
    for pointers in _originals(type, id):
        if looked >= MOST_EVENTS or time.monotonic() > until:
            complete = False
            break
        whole = _add(log, pointers, derived, found) if derived.rows else True
        looked, complete = looked + len(pointers), complete and whole
    topics = [_copies_in(*key, gathered, rows_of) for key, gathered in sorted(found.items())]
    return CopiesFound(topics=topics, events=looked, complete=complete)


def _derived() -> _Derived:
    rows = IndexedPartition.objects.filter(live=True, next_ordinal__gt=0).exclude(kind=TopicKind.EVENTS.value)
    told = list(rows.values_list("pk", "topic", "kind", "gone_at"))
    return _Derived(
        rows={pk for pk, *_ in told},
        kinds={topic: TopicKind(kind) for _, topic, kind, _ in told},
        gone={topic for _, topic, _, gone_at in told if gone_at is not None},
    )


def _originals(type: str, id: str) -> Iterator[Sequence[Pointer]]:
    for stretch in stretches_everywhere(type, id, live=True):
        for found in places_of(stretch):
            places = iter([(stretch.partition, at.ordinal) for at in found])
            while some := list(islice(places, EVENTS_AT_ONCE)):
                yield pointers_at(some)


def _add(
    log: Log,
    pointers: Sequence[Pointer],
    derived: _Derived,
    found: dict[tuple[str, TopicKind, bool], _Gathered],
) -> bool:
    """Add the copies of these events; return false if there are more than were looked at."""
    by_id: dict[str, Pointer] = {}
    by_mark: dict[str, Pointer] = {}
    by_label: dict[str, list[Pointer]] = {}
    for pointer in pointers:
        by_id.setdefault(pointer.event_id, pointer)
        if pointer.ended_at is None:
            at = log.position(pointer.position.topic, pointer.position.partition, pointer.position.token)
            by_mark[mark_of(at.message)] = pointer
            by_label.setdefault(at.label, []).append(pointer)
    places, whole = _candidates([*by_id, *by_mark, *by_label], list(by_id), derived)
    for copy in pointers_at(places):
        original, topic = _original(copy, by_id, by_mark, by_label), copy.position.topic
        if original is not None:
            gone = copy.ended_at is not None or topic in derived.gone
            gathered = found.setdefault((topic, derived.kinds[topic], gone), _Gathered())
            gathered.copies[copy.position] = copy
            gathered.originals.add(original.event_id)
    return whole


def _candidates(originals: Sequence[str], ids: Sequence[str], derived: _Derived) -> tuple[list[tuple[int, int]], bool]:
    key = index_key()
    linked = places_of_each(
        "index_linkkey", [hashed(key, text, Link.ORIGINAL) for text in originals if text], limit=MOST_PLACES
    )
    named = places_of_each("index_idkey", [hashed(key, text) for text in ids], limit=MOST_PLACES)
    there = {(place.partition, place.ordinal) for place in (*linked, *named) if place.partition in derived.rows}
    return sorted(there), max(len(linked), len(named)) < MOST_PLACES


def _original(
    copy: Pointer, by_id: Mapping[str, Pointer], by_mark: Mapping[str, Pointer], by_label: Mapping[str, list[Pointer]]
) -> Pointer | None:
    """The event that the copy names: by its id, its place, or by having the copy's own id."""
    if not copy.original:
        return by_id.get(copy.event_id)
    if named := by_id.get(copy.original):
        return named
    marked = by_mark.get(copy.original)
    if marked is not None:
        return by_id.get(copy.event_id, marked)
    # A label alone may be that of several events: the embedded store numbers each topic from 0.
    here = by_label.get(copy.original, ())
    return next((one for one in here if belongs_to(copy.position.topic, one.position.topic) or _same_id(copy, one)), None)


def _same_id(copy: Pointer, original: Pointer) -> bool:
    return copy.event_id == original.event_id


def _copies_in(topic: str, kind: TopicKind, gone: bool, gathered: _Gathered, rows_of: RowsOf) -> CopiesIn:
    copies = list(gathered.copies.values())
    times = [copy.published for copy in copies if copy.published != NO_TIME]
    asked = copies[:MOST_READ] if kind is TopicKind.REPLAY and not gone else []
    rows = [row.event for row in rows_of(asked) if row.event is not None] if asked else []
    said = [event.attributes.get(REPLAY_ID) or event.message.properties.get(REPLAY_ID, "") for event in rows]
    return CopiesIn(
        topic=topic,
        kind=kind,
        copies=len(copies),
        events=len(gathered.originals),
        first=min(times, default=None),
        last=max(times, default=None),
        replays=dict(Counter(replay for replay in said if replay)),
        read=len(rows),
        gone=gone,
        ordinals=_by_partition(copies),
    )


def _by_partition(copies: Sequence[Pointer]) -> Mapping[int, Sequence[int]]:
    found: dict[int, list[int]] = {}
    for copy in copies:
        found.setdefault(copy.position.partition, []).append(copy.ordinal)
    return found
