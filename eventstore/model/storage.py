"""The narrow protocol that every driver fulfils, and what a driver can do as data that pages ask.

The contract is written down as tests: ``tests/contract/`` runs over every driver. All calls are synchronous and may be made
from any thread; a ``Reader`` or ``Consumer`` belongs to one thread at a time. Any call may raise ``StoreUnreachable`` (and
does so within some seconds, never hanging), ``StoreRefused``, or ``StoreClosed`` once the storage was closed; ``UnknownTopic``
and ``UnknownSubscription`` say that the name is not known *now*.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from eventstore.model.events import NOTHING, Message, NewMessage, Position, Topic

READ_BYTES = 16 * 1024 * 1024
"""Bytes of payload after which ``Reader.read`` and ``Consumer.receive`` answer what they have, however high the limit is."""


class Edge(StrEnum):
    """The two places that need no position."""

    EARLIEST = "earliest"
    LATEST = "latest"


class SubscriptionType(StrEnum):
    EXCLUSIVE = "exclusive"
    FAILOVER = "failover"
    SHARED = "shared"
    KEY_SHARED = "key_shared"
    UNKNOWN = "unknown"
    """The broker keeps the type of connected consumers only: nobody is connected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a driver can do. Pages and commands ask this, never the driver's name."""

    driver: str
    expected_version: bool
    """``append`` takes an expected version."""
    detects_known_ids: bool
    """``known_ids`` answers from an index of its own, so that an import run twice is told apart."""
    backlog_unit: str
    """What ``Cursor.backlog`` counts: ``events``, or the broker's ``entries`` (a batch is one)."""
    reset_disconnects: bool
    """Resetting a cursor disconnects the subscription's consumers."""
    lists_consumers: bool
    """``Subscription.consumers`` names everybody who is connected."""
    namespaces: bool
    """Topic names are ``tenant/namespace/name``."""
    parallel_reads: int = 1
    """How many partitions may usefully be read side by side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """The first and the last event of a partition now; both ``None`` where it is empty."""

    topic: str
    partition: int
    first: Position | None
    last: Position | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """How much a partition holds up to and including a position, and behind it, in ``Capabilities.backlog_unit``."""

    before: int
    behind: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectedConsumer:
    name: str
    address: str = ""
    client: str = ""
    connected_since: datetime | None = None
    unacked: int = 0
    partition: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """A subscription's place in one partition.

    Everything up to and including ``acknowledged`` is acknowledged (``None``: nothing yet); so is everything in ``holes``,
    pairs of (excluded start, included end) beyond it. Such positions may name a whole batch rather than an event that
    exists: compare them, do not read them. ``backlog`` counts ``Capabilities.backlog_unit``. ``moved``: when ``acknowledged``
    was last seen to move; ``None`` where that is not known.
    """

    partition: int
    acknowledged: Position | None
    backlog: int
    holes: Sequence[tuple[Position, Position]] = ()
    moved: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A named reader group of one topic. ``moved`` is when its cursor last moved or an event was last acknowledged."""

    topic: str
    name: str
    type: SubscriptionType
    cursors: Sequence[Cursor]
    consumers: Sequence[ConnectedConsumer] = ()
    moved: datetime | None = None
    delivered: datetime | None = None
    """When an event was last handed to a consumer."""
    unacked: int = 0

    @property
    def backlog(self) -> int:
        return sum(cursor.backlog for cursor in self.cursors)


class MoveResult(StrEnum):
    """What became of one partition's cursor, as it was read back after the store had said that it moved it."""

    MOVED = "moved"
    NOT_MOVED = "not moved"
    FAILED = "failed"
    """The store refused; the cursor stands where it stood."""
    UNKNOWN = "unknown"
    """The store gave no answer, or what was read back proves neither."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorMove:
    """One partition's part of a cursor reset. ``reason`` is a sentence where it was not moved."""

    partition: int
    result: MoveResult
    reason: str = ""


OnMove = Callable[[CursorMove], None]


def ignore_move(move: CursorMove) -> None:
    """For callers that look at the subscription themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """One version of a topic's schema, as the registry holds it.

    ``kind`` is the registry's word (``AVRO``, ``JSON``, ``PROTOBUF_NATIVE``, ``STRING``, ``KEY_VALUE`` …); ``definition`` its
    text or bytes, from whoever may publish: not to be trusted.
    """

    kind: str
    name: str
    definition: bytes
    properties: Mapping[str, str] = field(default_factory=lambda: NOTHING)


class Reader(Protocol):
    """One partition, in order, from a fixed place; leaves no trace in the store."""

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        """At most ``limit`` messages in log order: as soon as there is at least one, else none after ``timeout`` seconds.

        Fewer than ``limit`` do not mean the end of the log: the call ends with the message that makes ``READ_BYTES`` full.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Consumer(Protocol):
    """A member of a subscription: receives, and acknowledges by position."""

    def receive(self, *, limit: int, timeout: float) -> Sequence[Message]:
        """As ``Reader.read``; what is never acknowledged comes again to a later consumer of the subscription."""
        ...

    def acknowledge(self, position: Position) -> None:
        """This one event is handled. Of shared subscriptions, earlier ones stay pending; acknowledging twice is harmless."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Storage(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...

    # -- topics

    def topics(self) -> Sequence[Topic]:
        """The watched topics, by name. Partitioned topics come once; derived ones are marked by their kind."""
        ...

    def topic(self, name: str) -> Topic:
        """The topic of this name, short forms included ("documents" for ``public/default/documents``).

        Its ``name`` is the canonical one, which every other call takes. ``UnknownTopic`` where it is not watched or not
        there; a name never reaches another path or host than the topic's own.
        """
        ...

    def create_topic(self, name: str, *, partitions: int = 1) -> Topic:
        """Make it, or answer the one that is there. ``InvalidName`` where the store refuses the name."""
        ...

    def ends(self, topic: str) -> Sequence[Ends]:
        """One for each partition, in order of number."""
        ...

    def amounts(self, topic: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        """By partition, on either side of each of these positions (``None``: before the first event). Quick: nothing is read.

        A partition that is not there is left out.
        """
        ...

    # -- writing

    def append(self, topic: str, messages: Sequence[NewMessage], *, expected_version: int | None = None) -> Sequence[Position]:
        """Publish in order; answer the positions in the same order once all of them are durable.

        ``InvalidMessage`` and ``InvalidName`` mean that nothing of this call was written. ``StoreRefused``,
        ``StoreUnreachable`` and ``StoreClosed`` may come after a part of it was: where that can be, the message says how many
        are confirmed, and sending the call again may double them.

        Messages of one key go to one partition, the one that Java's client would choose. ``expected_version`` (where the
        driver can) is how many messages the one key of this call has in the topic: ``VersionConflict`` if not, and nothing
        was written.
        """
        ...

    def known_ids(self, topic: str, ids: Sequence[str]) -> set[str]:
        """Those of these event ids (``ce_id``) that the topic already holds; ``NotSupported`` without the capability."""
        ...

    # -- reading

    def read_forward(
        self,
        topic: str,
        partition: int,
        *,
        after: Position | None = None,
        limit: int,
        inclusive: bool = False,
        most_bytes: int | None = None,
    ) -> Sequence[Message]:
        """At most ``limit`` messages in log order, from the first one or after (``inclusive``: at) a position.

        Fewer are the end of the log, unless their payloads have ``most_bytes`` or more: the last of them is the one that made
        that full. Without it no number of bytes cuts them short: choose ``limit`` with payloads in mind.
        """
        ...

    def read_backward(
        self, topic: str, partition: int, *, before: Position | None = None, limit: int, most_bytes: int | None = None
    ) -> Sequence[Message]:
        """At most ``limit`` messages, newest first, from the last one or before a position (which is left out).

        Fewer are the beginning of the log, unless ``most_bytes`` are full, as with ``read_forward``.
        """
        ...

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        """The messages at these positions, of any topics and partitions; what is no longer there is left out."""
        ...

    def schema(self, topic: str, version: str) -> Schema | None:
        """This version of the topic's schema (a message's ``schema_version``); ``None`` where the registry has none such.

        A version never changes, and asking takes a round trip: ``schemas.Schemas`` remembers.
        """
        ...

    def first_since(self, topic: str, partition: int, when: datetime) -> Position | None:
        """The first message published at or after ``when``; ``None`` where there is none yet."""
        ...

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        """A reader that stands just behind the position (or edge) when this returns: nothing later escapes it."""
        ...

    def position(self, topic: str, partition: int, token: str) -> Position:
        """The position with its label, from a kept token; ``InvalidPosition`` where it is none of this driver's."""
        ...

    def labelled(self, topic: str, partition: int, label: str) -> Position | None:
        """The position that has this label, whether anything lies there or not; ``None`` for what is no label of this store's.

        A chunked message's label does not tell its position.
        """
        ...

    # -- subscriptions

    def subscriptions(self, topic: str) -> Sequence[Subscription]:
        """The durable ones, by name: never a reader's own."""
        ...

    def subscription(self, topic: str, name: str) -> Subscription: ...

    def create_subscription(self, topic: str, name: str, *, type: SubscriptionType, start: Edge = Edge.LATEST) -> Subscription:
        """Make it, or answer the one that is there, where it stands. ``type`` is a hint where consumers decide it."""
        ...

    def consume(self, topic: str, name: str, *, type: SubscriptionType, consumer: str) -> Consumer:
        """Join the subscription under this consumer name, creating it at the earliest event where there is none."""
        ...

    def reset_cursor(
        self, topic: str, name: str, targets: Mapping[int, Position | Edge], *, on_move: OnMove = ignore_move
    ) -> None:
        """Move the cursor of each named partition: the event *at* the position is the next one to be received.

        Acknowledgements from there on are forgotten; partitions that are not named stay. See ``reset_disconnects``. Each
        cursor is read back: ``on_move`` is called in the caller's thread with each partition's result as soon as it is known,
        before the next one is tried, and an error that it raises ends the reset. An error of the store ends it as well;
        partitions without a result were not tried.
        """
        ...

    # -- life

    def ping(self) -> str:
        """What answers, in words ("Pulsar 4.0.8 at 127.0.0.1"); quick, never cached."""
        ...

    def close(self) -> None:
        """Let go of everything; every later call raises ``StoreClosed``. Closing twice is harmless."""
        ...
