"""What the page and the file tell of one aggregate: gathered once, from the event store's half and from the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from dashboard.erasure.on_record import OnRecord, moved_back, on_record
from dashboard.gateway import desk
from eventstore.erasure import CopiesFound, EventsIn, Jobs, LocalRows, Reader, Readers, ValuesFound
from eventstore.model import Aggregate, Pointer

MOST_UNREADABLE = 20
MOST_TOPICS, MOST_EVENTS = 20, 20_000
"""Topics and events of an aggregate that a page asks about at once. Of more, what the store still has and the searchable
values are left to be counted with the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What takes a while to count. ``record``: what the audit record has on the aggregate. ``moved_back``: when a cursor
    was last put back on this desk, by topic and subscription."""

    copies: CopiesFound
    readers: Readers
    jobs: Jobs
    local: Sequence[LocalRows]
    record: OnRecord
    moved_back: Mapping[tuple[str, str], datetime]

    @property
    def services(self) -> Sequence[Reader]:
        return [one for one in self.readers.readers if not one.of_the_store]

    @property
    def replicated(self) -> Sequence[Reader]:
        """The subscriptions by which the store copies a topic to another cluster."""
        return [one for one in self.readers.readers if one.kind == "replication"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """``counted`` is ``None`` while that is still to come, and ``values`` as well of a large aggregate: then the store was not
    asked about its ``events``. ``unreadable``: messages with the aggregate's id as their key."""

    aggregate: Aggregate
    events: Sequence[EventsIn]
    values: ValuesFound | None
    unreadable: Sequence[Pointer]
    counted: Counted | None
    as_of: datetime

    @property
    def total(self) -> int:
        return sum(one.events for one in self.events)

    @property
    def trimmed(self) -> int | None:
        """How many of its events the store no longer has; ``None`` if it does not tell of all."""
        found = [one.trimmed for one in self.events]
        return None if None in found else sum(one or 0 for one in found)

    @property
    def behind(self) -> bool:
        return any(one.behind for one in self.events)


def is_large(aggregate: Aggregate) -> bool:
    return len({stream.topic for stream in aggregate.streams}) > MOST_TOPICS or aggregate.events > MOST_EVENTS


def answer_of(aggregate: Aggregate, *, whole: bool) -> Answer:
    """Gather it. ``whole``: also what takes a while."""
    type, id = aggregate.type, aggregate.id
    at_once = whole or not is_large(aggregate)
    events = desk().erasure.events(type, id, asks=at_once)
    topics = sorted({one.topic for one in events})
    return Answer(
        aggregate=aggregate,
        events=events,
        values=desk().erasure.values(type, id) if at_once else None,
        unreadable=desk().index.unreadable_with_key(id, topics, MOST_UNREADABLE),
        counted=_counted(type, id, [one.topic for one in events if one.gone is None]) if whole else None,
        as_of=timezone.now(),
    )


def _counted(type: str, id: str, topics: Sequence[str]) -> Counted:
    erasure = desk().erasure
    copies = erasure.copies(type, id)
    readers = erasure.readers(type, id, topics, copies.topics)
    return Counted(
        copies=copies,
        readers=readers,
        jobs=erasure.jobs(type, id),
        local=erasure.local_rows(id),
        record=on_record(type, id),
        moved_back=moved_back([(one.topic, one.name) for one in readers.readers]),
    )
