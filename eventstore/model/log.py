"""The log: topics with their partitions, publishing to them and reading them. Every driver has one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from eventstore.model.events import Message, NewMessage, Position, Topic

READ_BYTES = 16 * 1024 * 1024
"""Payload bytes after which ``Reader.read`` and ``Consumer.receive`` return what they have, however high the limit is."""


class Edge(StrEnum):
    """The two places that need no position."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, kw_only=True, slots=True)
class LogCapabilities:
    """What a driver's log can do. Pages and commands check this, never the driver's name."""

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
    """The first message and the last event of a partition now; both ``None`` if it is empty.

    A message that holds several events has the position of its last one: nothing lies before ``first.beginning``.

    To find ``last`` a driver may have to read, and a store may be silent for a while. ``bound`` is a place behind which
    nothing lies by the store's own word, from a driver that has such a word.

    ``written`` tells what was written last, though retention may have removed it since: a token that sorts with those of
    messages, before the one of that message and behind all before it. It may be the beginning of a part of the log that is
    removed as a whole, and is then how the tokens in that part begin. Empty if nothing ever was, as far as the store knows.
    """

    topic: str
    partition: int
    first: Position | None
    last: Position | None
    bound: Position | None = None
    written: str = ""

    @property
    def farthest(self) -> Position | None:
        """The last place at which an event may lie; ``None`` if the partition is empty for certain."""
        return max((place for place in (self.last, self.bound) if place is not None), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """How much a partition holds up to and including a position, and after it, in ``LogCapabilities.amount_unit``."""

    before: int
    behind: int


class Reader(Protocol):
    """Reads one partition in order, from a fixed place. Leaves no trace in the store."""

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        """Return at most ``limit`` messages in log order, as soon as there is at least one, or none after ``timeout``
        seconds.

        Fewer than ``limit`` do not mean the end of the log: the call also ends with the message that fills
        ``READ_BYTES``.
        """
        ...

    def call_on_news(self, call: Callable[[], None]) -> bool:
        """Have this called, in another thread, when there may be something to read after a read that found nothing.

        Return whether that can be relied on, so that it is enough to read again after some seconds without it. Otherwise it
        may not be told, and the reader must be read again soon. ``call`` must not block.
        """
        ...

    @property
    def incarnation(self) -> str:
        """Return ``Log.incarnation`` of what it reads, as of its opening. A reader never goes on in another incarnation: it
        raises ``MadeAnew``."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


@runtime_checkable
class GivesArrived(Protocol):
    """A reader that can give what it holds without waiting, so that one thread may read many of them."""

    def arrived(self, *, limit: int) -> Sequence[Message] | None:
        """Return at most ``limit`` messages that have already arrived; ``None`` if ``read`` has to be called first, which may
        take its time. Never asks the store, never waits, and raises nothing: ``read`` raises what there is to raise."""
        ...


def arrived_at(reader: Reader, *, limit: int) -> Sequence[Message] | None:
    """Return ``reader.arrived``; ``None`` if it cannot tell."""
    return reader.arrived(limit=limit) if isinstance(reader, GivesArrived) else None


class Log(Protocol):
    """A driver's access to topics and their events.

    A message that holds a batch of events is read as one message for each (``Message.member``). ``amounts`` counts it as one.
    """

    @property
    def capabilities(self) -> LogCapabilities: ...

    def ping(self) -> str:
        """Return what answers, in words ("Pulsar 4.0.8 at 127.0.0.1"). Quick, never cached."""
        ...

    # -- topics

    def topics(self) -> Sequence[Topic]:
        """Return the watched topics by name. A partitioned topic is listed once. Derived topics are marked by their kind."""
        ...

    def topic(self, name: str) -> Topic:
        """Return the topic with this name, short forms included ("documents" for ``public/default/documents``).

        Its ``name`` is the canonical one, which every other call takes. Raises ``UnknownTopic`` if it is not watched or
        does not exist. A name never reaches another path or host than the topic's own.
        """
        ...

    def create_topic(self, name: str, *, partitions: int = 1) -> Topic:
        """Create the topic, or return the existing one. Raises ``InvalidName`` if the store refuses the name."""
        ...

    def ends(self, topic: str) -> Sequence[Ends]:
        """Return the ends of each partition, in order of number."""
        ...

    def incarnation(self, topic: str, partition: int) -> str:
        """Return a text that stays the same as long as this partition's log lives, over restarts, unloading and retention.

        Another log of the same name, made after this one was deleted or lost, has another text. Empty if the store cannot
        tell, or if the partition has no log yet. Costs a round trip; the answer may be a second old.
        """
        ...

    def amounts(self, topic: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        """Return, by partition, the amounts before and after each of these positions (``None``: before the first event).

        Quick: nothing is read. A partition that does not exist is left out.
        """
        ...

    # -- writing

    def append(self, topic: str, messages: Sequence[NewMessage], *, expected_version: int | None = None) -> Sequence[Position]:
        """Publish in order, and return the positions in the same order once all messages are durable.

        ``InvalidMessage`` and ``InvalidName`` mean that nothing of this call was written. ``StoreRefused``,
        ``StoreUnreachable`` and ``StoreClosed`` may be raised after a part of it was written. The error then says how
        many messages are confirmed, and sending the call again may duplicate them.

        Messages with the same key go to the same partition, the one that Java's client would choose.
        ``expected_version`` (if the driver supports it) is how many messages the one key of this call has in the topic.
        Otherwise ``VersionConflict`` is raised, and nothing was written.
        """
        ...

    def known_ids(self, topic: str, ids: Sequence[str]) -> set[str]:
        """Return those of these event ids (``ce_id``) that the topic holds. Raises ``NotSupported`` without the
        capability."""
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
        """Return at most ``limit`` messages in log order, from the first one or after (``inclusive``: at) a position.

        Fewer mean the end of the log, unless their payloads have ``most_bytes`` or more, which the last message then
        filled. Without ``most_bytes`` no number of bytes limits the result: choose ``limit`` with the payloads in mind.
        """
        ...

    def read_backward(
        self, topic: str, partition: int, *, before: Position | None = None, limit: int, most_bytes: int | None = None
    ) -> Sequence[Message]:
        """Return at most ``limit`` messages, newest first, from the last one or before a position (excluded).

        Fewer mean the beginning of the log, unless ``most_bytes`` are full, as with ``read_forward``.
        """
        ...

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        """Return the messages at these positions, of any topics and partitions. Those that no longer exist are left out."""
        ...

    def first_since(self, topic: str, partition: int, when: datetime) -> Position | None:
        """Return the position of the first message published at or after ``when``; ``None`` if there is none yet."""
        ...

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        """Return a reader that stands just after the position (or edge) when this call returns, so that it misses nothing
        later."""
        ...

    def position(self, topic: str, partition: int, token: str) -> Position:
        """Return the position with its label, from a stored token. Raises ``InvalidPosition`` if it is not this driver's."""
        ...

    def labelled(self, topic: str, partition: int, label: str) -> Position | None:
        """Return the position with this label, whether anything lies there or not; ``None`` if it is not a label of this
        store.

        The label of a chunked message does not tell its position.
        """
        ...

    def entry(self, position: Position) -> tuple[Position, Position]:
        """Return the bounds of what the store keeps and acknowledges as one, in which the event here lies: the place before
        its first event, and the place of its last or just after it. Nothing is read. Only events within are acknowledged
        together.
        """
        ...

    def key_is_bytes(self, position: Position) -> bool | None:
        """Return whether the key of the message at this position was set as bytes, so that it reads as their base64.

        ``None`` if that cannot be told.

        Messages come without this, because asking takes a round trip for each. Ask only for a key that reads like base64.
        """
        ...
