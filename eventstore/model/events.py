"""The value types that everything else speaks in: frozen, keyword-only, free of any driver or database.

Those that exist once an event are msgspec structs: making a frozen dataclass costs ten times as much (measured: 8.8 µs for
an event with its message and position, against 0.9 µs), which was a third of what indexing an event cost. They never hold
what holds them, so the collector of cycles is told to pass them by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from msgspec import Struct, field

from eventstore.model.errors import InvalidPosition

T = TypeVar("T")

NOTHING: Mapping[str, str] = MappingProxyType({})


class TopicKind(StrEnum):
    """What a topic is for. All but ``EVENTS`` are derived: what they hold are copies of events of other topics."""

    EVENTS = "events"
    REPLAY = "replay"
    RETRY = "retry"
    DEAD_LETTER = "dead-letter"
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """A log and its shards. ``partitions`` counts them, at least 1; an unpartitioned topic has the one numbered 0."""

    name: str
    partitions: int = 1
    kind: TopicKind = TopicKind.EVENTS

    @property
    def derived(self) -> bool:
        return self.kind is not TopicKind.EVENTS


class Position(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """A place in a partition. ``token`` is the driver's own and opaque; tokens of one partition sort as the log does.

    ``label`` is for people ("118:4021:3") and takes no part in comparison.
    """

    topic: str
    partition: int
    token: str
    label: str = ""

    def _key(self) -> tuple[str, int, str]:
        return (self.topic, self.partition, self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Position) and self._key() == other._key()

    def __ne__(self, other: object) -> bool:
        return not self == other  # a struct's own would compare identities

    def __hash__(self) -> int:
        return hash(self._key())

    def __lt__(self, other: "Position") -> bool:
        self._must_share_partition(other)
        return self.token < other.token

    def __le__(self, other: "Position") -> bool:
        self._must_share_partition(other)
        return self.token <= other.token

    def __gt__(self, other: "Position") -> bool:
        return other < self

    def __ge__(self, other: "Position") -> bool:
        return other <= self

    def _must_share_partition(self, other: "Position") -> None:
        if (self.topic, self.partition) != (other.topic, other.partition):
            raise TypeError("positions of different partitions have no order")

    def encode(self) -> str:
        """The position as one text, for a URL or a frame. The topic comes last, since it may hold anything."""
        return f"{self.token}@{self.partition}@{self.topic}"

    @staticmethod
    def decode(text: str) -> "Position":
        """What ``encode`` wrote (without its label); ``InvalidPosition`` for anything else."""
        token, _, rest = text.partition("@")
        number, _, topic = rest.partition("@")
        if not (token.isascii() and token.isalnum() and number.isascii() and number.isdigit() and topic):
            raise InvalidPosition("This is not a position. Open the event again from a list.")
        if len(number) > 9:
            raise InvalidPosition("No topic has that many partitions. Open the event again from a list.")
        return Position(topic=topic, partition=int(number), token=token)


class NewMessage(Struct, frozen=True, kw_only=True, gc=False):
    """What a publisher hands in. Keys route to a partition; events of one key stay in order."""

    payload: bytes
    key: str | None = None
    properties: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    event_time: datetime | None = None


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """One record as the store holds it, before anybody asked what it means. ``published`` is in UTC."""

    position: Position
    payload: bytes
    published: datetime
    key: str | None = None
    properties: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    event_time: datetime | None = None
    schema_version: str = ""
    producer: str = ""
    null: bool = False
    """A tombstone: its payload is not empty but absent."""
    encrypted: bool = False
    """Its publisher encrypted the payload, and nobody here has the key: ``payload`` holds what lies in the store."""
    encrypted_batch: int = 0
    """How many messages the encrypted payload holds, where it is a whole batch that nobody can take apart; else 0."""


class SchemaUse(Struct, frozen=True, kw_only=True, gc=False):
    """The schema that a message was written with, and what came of reading its payload by it.

    ``kind`` is in plain words ("Avro"), empty where the registry did not tell it. ``converted``: the event's ``data`` is JSON
    that was made of the payload. ``problem`` says why the payload cannot be read by its schema; where the registry did not
    answer (``unanswered``) that may be over in a moment. ``note`` says why nothing was made of it though nothing is wrong.
    """

    kind: str
    version: str
    converted: bool = False
    problem: str = ""
    unanswered: bool = False
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamId:
    """One aggregate's events in one partition of one topic."""

    topic: str
    partition: int
    aggregate_type: str
    aggregate_id: str


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """A message read through an envelope.

    ``problem`` is empty for an event; else it says why the message fits no envelope, and of the envelope's parts only ``id``
    (the position stands in for it) is filled. ``attributes`` holds the CloudEvents attributes as they were written, by name
    without ``ce_``. ``data`` is the event's payload alone, byte for byte, unless ``schema`` says that it was converted to JSON
    (``message.payload`` is always what lies in the store). ``time`` is never missing: the publish time stands
    in, and ``notes`` says so, as it says every other thing that was made up for want of the real one.
    """

    message: Message
    id: str
    time: datetime
    data: bytes
    type: str = ""
    source: str = ""
    subject: str = ""
    content_type: str = ""
    aggregate_type: str = ""
    aggregate_id: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    sequence: str = ""
    attributes: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    id_is_position: bool = False
    problem: str = ""
    notes: tuple[str, ...] = ()
    schema: SchemaUse | None = None

    @property
    def position(self) -> Position:
        return self.message.position

    @property
    def stream(self) -> StreamId | None:
        """The stream that it belongs to; ``None`` for what fits no envelope."""
        if self.problem:
            return None
        place = self.message.position
        return StreamId(
            topic=place.topic,
            partition=place.partition,
            aggregate_type=self.aggregate_type,
            aggregate_id=self.aggregate_id,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[T]):
    """A bounded piece of something long. ``newer`` and ``older`` are cursors for the pages beside it, ``None`` at an end."""

    items: Sequence[T]
    newer: str | None = None
    older: str | None = None
