"""The log: topics with their partitions, publishing to them and reading them. No driver lacks it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from eventstore.model.events import Message, NewMessage, Position, Topic

READ_BYTES = 16 * 1024 * 1024
"""Bytes of payload after which ``Reader.read`` and ``Consumer.receive`` answer what they have, however high the limit is."""


class Edge(StrEnum):
    """The two places that need no position."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, kw_only=True, slots=True)
class LogCapabilities:
    """What a driver's log can do. Pages and commands ask this, never the driver's name."""

    expected_version: bool
    """``append`` takes an expected version."""
    detects_known_ids: bool
    """``known_ids`` uses an index of its own, so that an import that is run twice is detected."""
    amount_unit: str
    """What ``Amounts`` count: ``events``, or the broker's ``entries`` (a batch is one)."""
    parallel_reads: int = 1
    """How many partitions may usefully be read in parallel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """The first and the last event of a partition now; both ``None`` where it is empty."""

    topic: str
    partition: int
    first: Position | None
    last: Position | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """How much a partition holds up to and including a position, and behind it, in ``LogCapabilities.amount_unit``."""

    before: int
    behind: int


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


class Log(Protocol):
    """What a driver does with topics and their events."""

    @property
    def capabilities(self) -> LogCapabilities: ...

    def ping(self) -> str:
        """What answers, in words ("Pulsar 4.0.8 at 127.0.0.1"); quick, never cached."""
        ...

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
