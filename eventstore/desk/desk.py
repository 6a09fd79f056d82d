"""The gateway: one object that a process builds once, and that everything else asks.

It composes the driver with the index and the envelope. Looking is free; every act passes ``may`` and the record.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import DatabaseError, connections

from eventstore.actions.perform import Actor, May, Record, acting
from eventstore.config.loading import Config
from eventstore.config.searchable_values import lookup_forms
from eventstore.envelope import read_event
from eventstore.index.lookup import anomaly_lookup, hour_counts, progress, queries
from eventstore.index.lookup.value_lookup import by_value
from eventstore.index.writing.copy_origin import original_of
from eventstore.model.anomalies import Anomaly
from eventstore.model.errors import InvalidPosition, StalePlan, StoreRefused, StoreUnreachable, UnknownEvent
from eventstore.model.events import Event, Message, Page, Position, Topic, TopicKind
from eventstore.model.merge import Item, MergeSource, encode_cursor, merge
from eventstore.model.pointers import Aggregate, AggregateType, AnomalyLine, IndexedTopic, Pointer, ValueMatches
from eventstore.model.progress import Progress, TopicProgress
from eventstore.model.storage import Storage, Subscription
from eventstore.scanning.scan import Request, Scan
from eventstore.schemas import Schemas
from eventstore.search import Filter
from eventstore.streams import copies
from eventstore.streams.filtered import FilteredStream, filtered
from eventstore.streams.payload_cache import PayloadCache
from eventstore.streams.rows import Missing, Row, Rows
from eventstore.subscriptions.backlog import Backlog, backlog_of, first_waiting
from eventstore.subscriptions.cursor_resets import ResetPlan, Target, plan_reset

T = TypeVar("T")

MOST_ROWS = 200
PAGE_BYTES = 64 * 1024 * 1024
"""Payload that is read for one page of a topic, of all its partitions together: of large events it shows fewer."""


class Gateway:
    """All that pages and commands can ask of the event store. Any call may raise an ``EventStoreError``."""

    def __init__(self, *, storage: Storage, config: Config, record: Record, may: May, hash_key: str = "") -> None:
        """``hash_key`` is the secret by which searchable values are hashed."""
        self.storage = storage
        self._hash_key = hash_key
        self.config = config
        self.record = record
        self.may = may
        self.schemas = Schemas(storage.schema)
        cache = PayloadCache(most_bytes=config.limits.payload_cache_megabytes * 1_000_000)
        self._rows = Rows(storage=storage, read=self.read, cache=cache)

    # -- topics

    def topics(self) -> Sequence[Topic]:
        """The watched topics, by name. Where the store is away, ``indexed_topics`` is what is still known."""
        return self.storage.topics()

    def indexed_topics(self) -> Mapping[str, IndexedTopic]:
        """What the index knows of each topic, by name. Needs no store."""
        return {topic.topic: topic for topic in queries.indexed_topics()}

    def topic(self, name: str) -> Topic:
        """The topic of this name or short name; from the index where the store is away."""
        try:
            return self.storage.topic(name)
        except StoreUnreachable:
            known = queries.topic_named(name)
            if known is None:
                raise
            return Topic(name=known.topic, partitions=known.partitions, kind=TopicKind(known.kind))

    def events(self, topic: Topic, *, cursor: str | None = None, limit: int = 50) -> Page[Row]:
        """A page of a topic's events, newest first, merged over its partitions by publish time."""
        room = PAGE_BYTES // max(1, topic.partitions)
        lanes = {str(number): self._partition_lane(topic.name, number, room) for number in range(topic.partitions)}
        at_once = self.storage.capabilities.parallel_reads
        page = merge(lanes, cursor, min(limit, MOST_ROWS), max_parallel=at_once)
        return Page(items=self._with_pointers(page.items), newer=page.newer, older=page.older)

    def cursor_since(self, topic: Topic, when: datetime) -> str:
        """The cursor of the page that begins with the first events published at or after ``when``."""
        boundaries: dict[str, str] = {}
        for number in range(topic.partitions):
            first = self.storage.first_since(topic.name, number, when)
            if first is None:
                last = self.storage.read_backward(topic.name, number, limit=1)
                boundaries[str(number)] = "+" + last[0].position.token if last else "^"
            else:
                boundaries[str(number)] = "-" + first.token
        return encode_cursor("newer", boundaries)

    def scan(
        self,
        topic: Topic,
        filter: Filter,
        keep: Callable[[Row], T],
        *,
        newest_first: bool = True,
        published_since: datetime | None = None,
        onward: str = "",
    ) -> Scan[T]:
        """A search that reads the topic, not begun yet: ``Scans.start`` begins it. What ``keep`` makes of a match is kept;
        it is called in the search's own thread."""
        request = Request(
            topic=topic, filter=filter, newest_first=newest_first, published_since=published_since, onward=onward
        )

        def keep_row(event: Event) -> T:
            return keep(Row(position=event.position, event=event, pointer=_pointer_at(event.position)))

        return Scan(self.storage, request, read=self.read, keep=keep_row)

    def latest_known(self, topic: Topic, limit: int = 50) -> Sequence[Row]:
        """The topic's last events as the index knows them: what can be said while the store is away."""
        return [self._rows.row(pointer) for pointer in queries.latest_pointers(topic.name, min(limit, MOST_ROWS))]

    # -- aggregates

    def aggregate_types(self) -> Sequence[AggregateType]:
        return queries.aggregate_types()

    def aggregates(
        self, type: str, *, prefix: str = "", after: str = "", before: str = "", limit: int = 50
    ) -> Page[Aggregate]:
        """A type's aggregates by id; ``newer`` is the ``before`` of the page above, ``older`` the ``after`` of the next."""
        return queries.aggregates(type, prefix=prefix, after=after, before=before, limit=min(limit, MOST_ROWS))

    def aggregates_anywhere(self, prefix: str, *, limit: int = 20) -> Sequence[Aggregate]:
        """Aggregates of any type whose id begins with this, exact matches first."""
        return queries.aggregates_anywhere(prefix, min(limit, MOST_ROWS))

    def aggregate(self, type: str, id: str) -> Aggregate | None:
        return queries.aggregate(type, id)

    def stream(self, type: str, id: str, *, cursor: str | None = None, limit: int = 50, payloads: bool = True) -> Page[Row]:
        """An aggregate's events, newest first, its streams merged by time; without payloads where the store is away, or
        where they are not asked for."""
        page = merge(queries.stream_lanes(type, id), cursor, min(limit, MOST_ROWS))
        rows = self._rows.of(page.items) if payloads else [self._rows.row(pointer) for pointer in page.items]
        return Page(items=rows, newer=page.newer, older=page.older)

    def filtered_stream(
        self, type: str, id: str, filter: Filter, *, cursor: str | None = None, limit: int = 50
    ) -> FilteredStream[Row]:
        """Those of an aggregate's events that match, newest first: a bounded piece of its streams, and where to go on."""

        def fetch(pointers: Sequence[Pointer]) -> list[tuple[Row, Event | None]]:
            return [(row, row.event) for row in self._rows.of(pointers)]

        lanes = queries.stream_lanes(type, id)
        return filtered(lanes, filter, fetch, cursor=cursor, limit=min(limit, MOST_ROWS))

    # -- events

    def pointers_of(self, event_id: str) -> Sequence[Pointer]:
        """Where the index knows events of this id: originals first. More than one is worth a warning."""
        return [self._rows.labelled(pointer) for pointer in queries.by_event_id(event_id)]

    def row_at(self, position: Position) -> Row:
        """The event at a position, with its pointer; ``UnknownEvent`` where neither store nor index has it."""
        position = self._rows.labelled_position(position)
        pointer = queries.at(position)
        try:
            message = self._rows.messages([position]).get(position)
        except (StoreUnreachable, StoreRefused) as error:
            if pointer is None:
                raise
            refused = isinstance(error, StoreRefused)
            return self._rows.row(pointer, missing=Missing.REFUSED if refused else Missing.AWAY)
        if pointer is not None:
            return self._rows.row(pointer, message, missing=Missing.TRIMMED)
        if message is None:
            raise UnknownEvent("There is no event at this position, or retention has trimmed it.")
        return Row(position=position, event=self.read(message))

    def by_value(self, text: str) -> Mapping[str, ValueMatches]:
        """The events that have this text as a declared searchable value: by the value's name, each by time (at most 200, some
        of each aggregate).

        To whoever may not see payloads this must not be answered: values could be found out by guessing.
        """
        forms: dict[str, list[str]] = {}
        for name, stored in lookup_forms(text, self.config.searchables, self._hash_key):
            forms.setdefault(name, []).append(stored)
        found = {name: by_value(name, stored) for name, stored in forms.items()}
        return {
            name: replace(matches, pointers=[self._rows.labelled(pointer) for pointer in matches.pointers])
            for name, matches in found.items()
            if matches.pointers
        }

    def copies_of(self, pointer: Pointer) -> Sequence[Pointer]:
        """The copies of this event in derived topics that name it as their original, oldest first."""
        return [self._rows.labelled(copy) for copy in copies.copies_of(self.storage, pointer)]

    def count_copies(self, rows: Sequence[Row]) -> int:
        """How many of these events name an original, as replays, retries and dead letters do."""
        return sum(bool(row.event and original_of(row.event)) for row in rows)

    def originals_of(self, copy: Pointer) -> Sequence[Pointer]:
        """What this copy in a derived topic is a copy of, as far as that is indexed."""
        return [self._rows.labelled(pointer) for pointer in copies.originals_of(self.storage, copy)]

    def hours(
        self, topic: str, hours: int = 24, *, before: datetime | None = None
    ) -> Sequence[tuple[datetime, Mapping[str, int]]]:
        """How many events of each type happened in each of the topic's last hours that have any (before this), in order."""
        return hour_counts.hours_of(topic, hours, before)

    def anomaly_counts(self) -> Mapping[str, int]:
        """How many indexed events have an anomaly of each kind (``Anomaly``)."""
        return anomaly_lookup.anomaly_counts()

    def anomalies(
        self,
        kind: Anomaly,
        *,
        aggregate: tuple[str, str] | None = None,
        before: str = "",
        after: str = "",
        limit: int = 50,
    ) -> Page[AnomalyLine]:
        """A kind's anomalies (of one aggregate's type and id), the last noticed first; ``newer`` is the ``after`` of the page
        above, ``older`` the next's ``before``."""
        page = anomaly_lookup.anomaly_lines(
            kind.value,
            before=_number(before),
            after=_number(after),
            limit=min(limit, MOST_ROWS),
            streams=queries.stream_numbers(*aggregate) if aggregate else None,
        )
        lines = [replace(line, pointer=self._rows.labelled(line.pointer)) for line in page.items]
        return Page(items=lines, newer=page.newer, older=page.older)

    def anomalies_of(self, pointer: Pointer) -> Mapping[str, str]:
        """What the index noticed about this event: by kind, in words (empty where the kind says all)."""
        place = pointer.position
        return anomaly_lookup.details_at(place.topic, place.partition, pointer.ordinal) if pointer.anomalies else {}

    def index_progress(self) -> tuple[Progress, Sequence[TopicProgress]]:
        """How far the index is: with everything together that the store still has, and with each topic, by name. Needs no
        store."""
        topics = progress.topics()
        return progress.together([topic.progress for topic in topics if topic.gone_at is None]), topics

    def conversation(self, correlation_id: str) -> Sequence[Pointer]:
        """The events of one correlation id, by time (at most 200)."""
        return [self._rows.labelled(pointer) for pointer in queries.by_correlation(correlation_id)]

    def effects_of(self, event_id: str) -> Sequence[Pointer]:
        """The events that name this one as their cause, by time (at most 200)."""
        return [self._rows.labelled(pointer) for pointer in queries.caused_by(event_id)]

    def read(self, message: Message) -> Event:
        """The message through the envelope, by this installation's mappings and its own schema. Never raises."""
        return read_event(message, self.config.mappings, self.schemas.decoded)

    # -- subscriptions

    def backlogs(self, topic: str) -> Sequence[Backlog]:
        """Each durable subscription of the topic with its waiting events."""
        return [self._backlog(subscription) for subscription in self.storage.subscriptions(topic)]

    def backlog(self, topic: str, name: str) -> Backlog:
        return self._backlog(self.storage.subscription(topic, name))

    def first_waiting(
        self, subscription: Subscription, limit: int = 10, *, partitions: Set[int] | None = None
    ) -> Sequence[Row]:
        """The events that the subscription receives next (of these partitions), as far as the index knows them: each
        partition's first one first."""
        return self._rows.of(first_waiting(subscription, min(limit, MOST_ROWS), partitions))

    def plan_cursor_reset(self, topic: str, name: str, target: Target) -> ResetPlan:
        """What moving the cursor would do; nothing is touched."""
        return plan_reset(self.storage, topic, name, target)

    def reset_cursor(self, actor: Actor, topic: str, name: str, target: Target, *, digest: str, reason: str = "") -> ResetPlan:
        """Move the cursor as the plan with this digest said; ``StalePlan`` where that is no longer what would happen.

        ``reason`` is the actor's own words for the record.
        """
        plan = self.plan_cursor_reset(topic, name, target)
        scope = f"{topic} {name}"
        details = {**plan.details(), "reason": reason} if reason else plan.details()
        with acting(self.record, self.may, actor, "reset_cursor", scope, details) as outcome:
            if not plan.confirmed_by(digest):
                raise StalePlan("The subscription has changed since you looked. Nothing was moved: look at it again.")
            self.storage.reset_cursor(topic, name, plan.targets())
            outcome["events_again"] = plan.again
            outcome["events_passed_over"] = plan.passed_over
        return plan

    # -- life

    def reachable(self) -> str:
        """What answers, in words; ``StoreUnreachable`` where nothing does."""
        return self.storage.ping()

    def close(self) -> None:
        self.storage.close()

    # -- pieces

    def _backlog(self, subscription: Subscription) -> Backlog:
        stuck_after = timedelta(seconds=self.config.limits.stuck_after_seconds)
        return backlog_of(subscription, self.storage.capabilities, stuck_after)

    def _partition_lane(self, topic: str, number: int, room: int) -> MergeSource[Message]:
        storage = self.storage

        def cut(items: Sequence[Item[Message]]) -> bool:
            return sum(len(item.value.payload) for item in items) >= room

        def place(token: str | None) -> Position | None:
            return None if token is None else storage.position(topic, number, token)

        def items(messages: Sequence[Message]) -> list[Item[Message]]:
            return [Item(place=m.position.token, time=m.published, value=m) for m in messages]

        def forward(token: str | None, inclusive: bool, limit: int) -> list[Item[Message]]:
            found = storage.read_forward(topic, number, after=place(token), inclusive=inclusive, limit=limit, most_bytes=room)
            return items(found)

        def backward(token: str | None, limit: int) -> list[Item[Message]]:
            return items(storage.read_backward(topic, number, before=place(token), limit=limit, most_bytes=room))

        return MergeSource(forward=forward, backward=backward, cut=cut)

    def _with_pointers(self, messages: Sequence[Message]) -> list[Row]:
        pointers = queries.at_each([message.position for message in messages])
        return [Row(position=m.position, event=self.read(m), pointer=pointers.get(m.position)) for m in messages]


def _pointer_at(position: Position) -> Pointer | None:
    """What the index knows of it; nothing where its database does not answer: a search needs it for nothing else."""
    try:
        return queries.at_each([position]).get(position)
    except DatabaseError:
        connections["index"].close()  # a broken one would not come back by itself
        return None


def _number(cursor: str) -> int | None:
    """The number that a page of anomalies ends with; ``InvalidPosition`` for what no page ever said."""
    if not cursor:
        return None
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 19:
        return int(cursor)
    raise InvalidPosition("This page's address is damaged. Go back to the list and start again.")
