"""Sending copies of messages to a topic, and acknowledging exactly those: what a redrive needs of a driver.

Nothing here is atomic over two topics. Whoever copies sends first, notes how far it is, and acknowledges last. After a crash
it opens the publisher again under the same name, reads what the topic has got, and goes on from there.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from msgspec import Struct, field

from eventstore.model.events import NOTHING, Message, Position
from eventstore.model.log import Edge, Reader
from eventstore.model.schema_registry import Schema
from eventstore.model.subscriptions import SubscriptionType


class Copy(Struct, frozen=True, kw_only=True, gc=False):
    """A message to be sent to ``partition``: payload, key, ordering key and schema version are those of ``message``."""

    partition: int
    message: Message
    properties: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    event_time: datetime | None = None


class Sent(Protocol):
    """Copies that are on their way."""

    def settle(self) -> Mapping[int, Position]:
        """Wait until the store has confirmed all of them, and return the place of the last one in each partition.

        Raises ``StoreUnreachable`` or ``StoreRefused`` if it has not. Then some of them may be stored, in each partition the
        first ones without a gap, and the publisher sends nothing more.
        """
        ...


class Start(NamedTuple):
    """Where a partition ended when a publisher was opened. All that it sends lies behind ``place``: the token of
    ``Ends.farthest``, or, of a partition that is ``empty``, ``Ends.written``."""

    place: str
    empty: bool
    held: tuple[str, ...] = ()
    """How subscriptions stood there, for ``Copying.is_held``."""


class Publisher(Protocol):
    """Sends copies under a fixed name. Belongs to one thread.

    The store admits one publisher of a name: while this one is open, or as soon as another one sends, nobody else sends under
    it. It never repeats a message by itself, not even after an outage: where the store's answer is missing, ``settle`` raises.
    """

    @property
    def starts(self) -> Mapping[int, Start]:
        """By partition: where it ended when nobody else sent under this name any more, and this one had sent nothing."""
        ...

    def send(self, copies: Sequence[Copy]) -> Sent:
        """Send these in order, each to its partition, behind what was sent before, which is settled in the same order.

        What was sent before may still be on its way. If one of it has failed, these are not sent, and ``settle`` raises.
        Raises as ``settle`` too.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Acknowledger(Protocol):
    """Acknowledges by position in one subscription, and takes no message of it. Belongs to one thread."""

    def acknowledge(self, positions: Sequence[Position]) -> None:
        """Acknowledge what the store keeps as one at each of these positions (``Log.entry``), and nothing else.

        Acknowledging twice is harmless. The store may take a moment, and loses it if it is lost on the way: read the cursors.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Copying(Protocol):
    """A driver's access to whole messages (a batch of events is one), to copy them."""

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        """As ``Log.open_reader``, but for whole messages."""
        ...

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        """As ``Log.fetch``, but for whole messages."""
        ...

    def begin_fetch(self, positions: Sequence[Position]) -> Callable[[], Mapping[Position, Message]]:
        """Begin to fetch, where the store can do so while something else is asked of it. What is returned waits for the end,
        and returns or raises as ``fetch``. It need not be called."""
        ...

    def refusal(self, message: Message, *, acknowledged: bool = True) -> str:
        """Return why a copy of this message would not be the same, as a sentence; empty if it would.

        ``acknowledged``: the message itself is to be acknowledged then, which not every one can be.
        """
        ...

    def schema_refusal(self, schema: Schema) -> str:
        """Return why no publisher sends messages of this schema, as a sentence; empty if one does."""
        ...

    def get_ready(self, topic: str) -> None:
        """Begin what the next ``open_publisher`` for this topic needs that takes time, for somebody who is about to open one.
        Asks for nothing that anybody would see of the topic; whatever fails here is found out there."""
        ...

    def open_publisher(
        self, topic: str, *, partitions: Sequence[int], mark: tuple[str, str], schemas: Mapping[str, Schema | None]
    ) -> Publisher:
        """Return a publisher for these partitions, when nobody else sends under its name any more.

        ``mark`` is a property (name and value) that every one of its copies has, and no other message; the value is the
        publisher's name. ``schemas`` has each ``Message.schema_version`` that copies may have, with its schema (none for the
        empty one). Raises ``ResourceBusy`` while
        another one is open under this name, and ``StoreRefused`` where the topic does not admit it.
        """
        ...

    def is_held(self, topic: str, partition: int, held: Sequence[str]) -> bool:
        """Whether one of the subscriptions that stood there so (``Start.held``) has acknowledged nothing since: then the store
        has removed nothing since. ``False`` where that is not known."""
        ...

    def open_acknowledger(
        self, topic: str, subscription: str, *, type: SubscriptionType, partitions: Sequence[int]
    ) -> Acknowledger:
        """Join the subscription in these partitions, as a member that takes nothing. ``type`` is the one of its other members.

        Raises ``StoreRefused`` where they do not admit it.
        """
        ...
