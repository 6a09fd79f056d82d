"""The gateway: one object that a process builds once, and that everything else asks.

It composes the driver with the index and the envelope. Looking is free; every act passes ``may`` and the record.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from eventstore.acting import Actor, May, Record, acting
from eventstore.backlogs import Backlog, backlog_of, first_waiting
from eventstore.config import Config
from eventstore.cursor_resets import ResetPlan, Target, plan_reset
from eventstore.envelope import read_event
from eventstore.errors import StalePlan, StoreUnreachable, UnknownEvent, UnknownTopic
from eventstore.events import Event, Message, Page, Position, Topic, TopicKind
from eventstore.index import queries
from eventstore.index.pointers import Aggregate, AggregateType, IndexedTopic, Pointer
from eventstore.merging import Item, Lane, encode_cursor, merge
from eventstore.storage import Storage, Subscription

MOST_ROWS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a list: the event, its pointer, or both. An event alone is not indexed yet; a pointer alone could not be
    read from the store (it is away, or retention has trimmed the event)."""

    position: Position
    event: Event | None = None
    pointer: Pointer | None = None


class Gateway:
    """All that pages and commands can ask of the event store. Any call may raise an ``EventStoreError``."""

    def __init__(self, *, storage: Storage, config: Config, record: Record, may: May) -> None:
        self.storage = storage
        self.config = config
        self.record = record
        self.may = may

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
        lanes = {str(number): self._partition_lane(topic.name, number) for number in range(topic.partitions)}
        at_once = self.storage.capabilities.parallel_reads
        page = merge(lanes, cursor, min(limit, MOST_ROWS), side_by_side=at_once)
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

    def latest_known(self, topic: Topic, limit: int = 50) -> Sequence[Row]:
        """The topic's last events as the index knows them: what can be said while the store is away."""
        return [self._row(pointer) for pointer in queries.latest_pointers(topic.name, min(limit, MOST_ROWS))]

    def tail_start(self, topic: Topic, *, limit: int = 50) -> tuple[Sequence[Row], Mapping[int, str]]:
        """What a tail's page begins with: the newest events, and for each partition the token of the last event that there
        is ("" for none): whoever follows from these places misses nothing that is not among the rows."""
        places = {ends.partition: ends.last for ends in self.storage.ends(topic.name)}
        rows = self.events(topic, limit=limit).items
        for row in rows:
            last = places.get(row.position.partition)
            if last is None or last < row.position:
                places[row.position.partition] = row.position
        return rows, {partition: last.token if last else "" for partition, last in places.items()}

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

    def stream(self, type: str, id: str, *, cursor: str | None = None, limit: int = 50) -> Page[Row]:
        """An aggregate's events, newest first, its streams merged by time; without payloads where the store is away."""
        page = merge(queries.stream_lanes(type, id), cursor, min(limit, MOST_ROWS))
        return Page(items=self._with_events(page.items), newer=page.newer, older=page.older)

    # -- events

    def pointers_of(self, event_id: str) -> Sequence[Pointer]:
        """Where the index knows events of this id: originals first. More than one is worth a warning."""
        return [self._labelled(pointer) for pointer in queries.by_event_id(event_id)]

    def row_at(self, position: Position) -> Row:
        """The event at a position, with its pointer; ``UnknownEvent`` where neither store nor index has it."""
        position = self._labelled_position(position)
        pointer = queries.at(position)
        try:
            message = self.storage.fetch([position]).get(position)
        except (StoreUnreachable, UnknownTopic):
            if pointer is None:
                raise
            message = None
        if message is None and pointer is None:
            raise UnknownEvent("There is no event at this position, or retention has trimmed it.")
        return Row(
            position=position,
            event=self.read(message) if message else None,
            pointer=self._labelled(pointer) if pointer else None,
        )

    def unreadable(self, limit: int = 20) -> tuple[int, bool, Sequence[Pointer]]:
        """How many indexed messages fit no envelope, whether there may be more (1,000 are counted), and the newest of them."""
        newest = queries.latest_unreadable(min(limit, MOST_ROWS))
        return *queries.unreadable_count(), [self._labelled(pointer) for pointer in newest]

    def conversation(self, correlation_id: str) -> Sequence[Pointer]:
        """The events of one correlation id, by time (at most 200)."""
        return [self._labelled(pointer) for pointer in queries.by_correlation(correlation_id)]

    def effects_of(self, event_id: str) -> Sequence[Pointer]:
        """The events that name this one as their cause, by time (at most 200)."""
        return [self._labelled(pointer) for pointer in queries.caused_by(event_id)]

    def read(self, message: Message) -> Event:
        """The message through the envelope, by this installation's mappings. Never raises."""
        return read_event(message, self.config.mappings)

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
        return self._with_events(first_waiting(subscription, min(limit, MOST_ROWS), partitions))

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

    def _partition_lane(self, topic: str, number: int) -> Lane[Message]:
        storage = self.storage

        def place(token: str | None) -> Position | None:
            return None if token is None else storage.position(topic, number, token)

        def items(messages: Sequence[Message]) -> list[Item[Message]]:
            return [Item(place=m.position.token, time=m.published, value=m) for m in messages]

        def forward(token: str | None, inclusive: bool, limit: int) -> list[Item[Message]]:
            return items(storage.read_forward(topic, number, after=place(token), inclusive=inclusive, limit=limit))

        def backward(token: str | None, limit: int) -> list[Item[Message]]:
            return items(storage.read_backward(topic, number, before=place(token), limit=limit))

        return Lane(forward=forward, backward=backward)

    def _with_pointers(self, messages: Sequence[Message]) -> list[Row]:
        pointers = queries.at_each([message.position for message in messages])
        return [Row(position=m.position, event=self.read(m), pointer=pointers.get(m.position)) for m in messages]

    def _with_events(self, pointers: Sequence[Pointer]) -> list[Row]:
        try:
            messages = self.storage.fetch([pointer.position for pointer in pointers])
        except (StoreUnreachable, UnknownTopic):
            messages = {}
        return [self._row(pointer, messages.get(pointer.position)) for pointer in pointers]

    def _row(self, pointer: Pointer, message: Message | None = None) -> Row:
        labelled = self._labelled(pointer)
        return Row(position=labelled.position, event=self.read(message) if message else None, pointer=labelled)

    def _labelled(self, pointer: Pointer) -> Pointer:
        return replace(pointer, position=self._labelled_position(pointer.position))

    def _labelled_position(self, position: Position) -> Position:
        return self.storage.position(position.topic, position.partition, position.token)
