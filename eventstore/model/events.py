"""The value types that everything else uses: frozen, keyword-only, and independent of any driver or database.

Types that exist once per event are msgspec structs, because creating a frozen dataclass costs ten times as much.
Measured for an event with its message and position: 8.8 µs against 0.9 µs, a third of the cost of indexing an event.
They never refer to what holds them, so the cycle collector is told to skip them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from msgspec import Struct, field

from eventstore.model import tokens
from eventstore.model.errors import InvalidPosition

T = TypeVar("T")

UNREADABLE_KEY = "\ufffd"
"""Stands for an ordering key that is not UTF-8, which the store's client cannot read."""
NOTHING: Mapping[str, str] = MappingProxyType({})

NO_TIME = datetime(1, 1, 2, tzinfo=UTC)
"""Stands for a publish time or an event time that is unknown. No time that an event may have is as early, and every time zone
can show it, but no page does: it shows the word."""


class TopicKind(StrEnum):
    """What a topic is for. All kinds except ``EVENTS`` are derived: they hold copies of events of other topics."""

    EVENTS = "events"
    REPLAY = "replay"
    RETRY = "retry"
    DEAD_LETTER = "dead-letter"
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """A log and its shards. ``partitions`` is at least 1; an unpartitioned topic has one partition, number 0."""

    name: str
    partitions: int = 1
    kind: TopicKind = TopicKind.EVENTS

    @property
    def derived(self) -> bool:
        return self.kind is not TopicKind.EVENTS


STORES_PROPERTIES = "__MSG_PROP_"
"""How the names begin of properties that the store adds to a message by itself: a cluster's copy of another's has some."""


class Position(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """A place in a partition. ``token`` is opaque and belongs to the driver. Tokens of one partition sort as the log does.

    ``label`` is for people ("118:4021:3") and is not compared.

    One message may hold several events, the members of a batch (``Member``). The last one lies at the message's own position,
    the others just before it (``tokens.inside``).
    """

    topic: str
    partition: int
    token: str
    label: str = ""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Position)
            and self.token == other.token
            and self.partition == other.partition
            and self.topic == other.topic
        )

    def __ne__(self, other: object) -> bool:
        return not self == other  # a struct's own __ne__ compares identities

    def __hash__(self) -> int:
        return hash((self.topic, self.partition, self.token))

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

    @property
    def message(self) -> "Position":
        """Return the position of the message that the event here is, or is a member of. Only this one means anything to a
        driver."""
        token, member = tokens.message_of(self.token)
        if member is None:
            return self
        return Position(topic=self.topic, partition=self.partition, token=token, label=self.label.partition("/")[0])

    @property
    def member(self) -> int | None:
        """Return the number of the member that lies here, counted from 1; ``None`` for the last one and for whole messages."""
        return tokens.message_of(self.token)[1]

    @property
    def beginning(self) -> "Position":
        """Return the place before every event of the message here, and after all events before the message."""
        return self.message.inside(0)

    def inside(self, number: int) -> "Position":
        """Return the position of a member, except the last, of the message here. Number 0 is the place before them."""
        token = tokens.inside(self.token, number)
        return Position(topic=self.topic, partition=self.partition, token=token, label=f"{self.label}/{number}")

    @property
    def where(self) -> str:
        """The position in words: "documents partition 0, 118:4021:3"."""
        return f"{self.topic} partition {self.partition}, {self.label or self.token}"

    def encode(self) -> str:
        """Return the position as one text, for a URL or a frame. The topic comes last, since it may contain any character."""
        return f"{self.token}@{self.partition}@{self.topic}"

    @staticmethod
    def decode(text: str) -> "Position":
        """Parse what ``encode`` wrote (without its label). Raises ``InvalidPosition`` for anything else."""
        token, _, rest = text.partition("@")
        number, _, topic = rest.partition("@")
        if not (token.isascii() and token.isalnum() and number.isascii() and number.isdigit() and topic):
            raise InvalidPosition("This is not a position. Open the event again from a list.")
        if len(number) > 9:
            raise InvalidPosition("No topic has that many partitions. Open the event again from a list.")
        return Position(topic=topic, partition=int(number), token=token)


class Member(Struct, frozen=True, kw_only=True, gc=False):
    """Which of several events of one message this is. ``message_bytes`` is the size of the message's whole payload."""

    number: int
    count: int
    message_bytes: int


class NewMessage(Struct, frozen=True, kw_only=True, gc=False):
    """What a publisher hands in. The key determines the partition, and events with the same key stay in order."""

    payload: bytes
    key: str | None = None
    properties: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    event_time: datetime | None = None


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """One record as the store holds it, before it is parsed.

    ``published`` is in UTC. It is ``NO_TIME`` if what the publisher wrote is no time of our calendar; a note then says so.
    ``ordering_key`` is the key by which Pulsar's Key_Shared subscriptions keep events in order, if it is not the key itself.
    An event's message has its ``key`` decoded if its schema has one for it (``SchemaUse.key_read``).
    """

    position: Position
    payload: bytes
    published: datetime
    key: str | None = None
    ordering_key: str | None = None
    properties: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    event_time: datetime | None = None
    schema_version: str = ""
    incarnation: str = ""
    """Which log of the topic's name it was read from (``Log.incarnation``), where the driver can tell that of a message. A
    reader tells it of all, other reads at least of messages with a schema."""
    producer: str = ""
    null: bool = False
    """Whether it is a tombstone: its payload is absent, not empty."""
    encrypted: bool = False
    """Whether the publisher encrypted the payload and we have no key. ``payload`` then holds the encrypted bytes of the
    store."""
    encrypted_batch: int = 0
    """How many messages the encrypted payload holds, if it is a whole batch that cannot be taken apart; otherwise 0."""
    notes: tuple[str, ...] = ()
    """What is unknown of the message because the store holds something impossible in its place: sentences for people."""
    problem: str = ""
    """Why the driver could not read the message at all. Then only its position is known, and what else could be read."""
    member: Member | None = None
    """Set if this is one member of a message that holds a batch of events. ``payload`` is then that member's document alone,
    and everything else is the message's."""


class SchemaUse(Struct, frozen=True, kw_only=True, gc=False):
    """The schema that a message was written with, and what came of decoding its payload.

    - ``kind``: in plain words ("Avro"); empty if the registry did not tell it, or if the store has none.
    - ``converted``: the event's ``data`` is JSON that was made from the payload.
    - ``problem``: why the payload cannot be decoded. ``unanswered``: because the registry did not answer, which may
      soon be over.
    - ``note``: why the payload was not converted although nothing is wrong.
    - ``key_read``: the schema has one for the message's key, which was read by it.
    """

    kind: str
    version: str
    converted: bool = False
    key_read: bool = False
    problem: str = ""
    unanswered: bool = False
    note: str = ""


class Recoded(Struct, frozen=True, kw_only=True, gc=False):
    """What was done to a payload that is not UTF-8 as it is stored: a sentence or two in ``words``.

    ``cut``: the data is only the beginning of what the payload holds.
    """

    words: str
    cut: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamId:
    """One aggregate's events in one partition of one topic."""

    topic: str
    partition: int
    aggregate_type: str
    aggregate_id: str


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """A message parsed by its envelope.

    - ``problem``: empty for an event. Otherwise it says why the message fits no envelope, or cannot be read at all; of the
      parts of the envelope, only ``id`` is then set, to the position.
    - ``attributes``: the CloudEvents attributes as they were written, by name without ``ce_``.
    - ``data``: the event's payload alone, byte for byte, unless ``schema`` says that it was converted to JSON, or
      ``recoded`` that it was unpacked or decoded.
      ``message.payload`` is always what the store holds; of a member of a batch, its part of it.
    - ``time``: the publish time stands in for a missing one. ``NO_TIME`` if that is unknown as well.
    - ``notes``: what was made up because the real value is missing, such as the time.
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
    recoded: Recoded | None = None

    @property
    def position(self) -> Position:
        return self.message.position

    @property
    def stream(self) -> StreamId | None:
        """The stream that the event belongs to; ``None`` if it fits no envelope."""
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
    """A bounded part of a long list. ``newer`` and ``older`` are the page tokens of the neighbouring pages; ``None`` at an
    end."""

    items: Sequence[T]
    newer: str | None = None
    older: str | None = None
