"""From a message that holds a batch of events to a message for each member.

Ordinary messages pass at the cost of a look at the first byte of their payload.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Raw
from msgspec.structs import replace

from eventstore.envelope.cloudevents import batch_in
from eventstore.envelope.contents import SIGNS
from eventstore.model.errors import NOT_THE_MESSAGE
from eventstore.model.events import Member, Message, Position

UNPACKED = "Of the batch that it is a member of: {}"
STARTS = frozenset({b"[", b" ", b"\t", b"\n", b"\r"}) | SIGNS
"""First bytes of a payload that may be a JSON list: the bracket, white space before it, and what has to be unpacked first."""


def may_hold_batches(messages: Iterable[Message]) -> bool:
    """Return whether one of them may hold several events. Nearly always false."""
    return not STARTS.isdisjoint([message.payload[:1] for message in messages])


def unfold(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield the events in these messages, in order."""
    for message in messages:
        if message.payload[:1] in STARTS:
            yield from Unfolded(message).from_first()
        else:
            yield message


def unfold_backward(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield the events in these messages, which come newest first, in this order."""
    for message in messages:
        if message.payload[:1] in STARTS:
            yield from Unfolded(message).from_last()
        else:
            yield message


def first_of(message: Message) -> Message:
    """Return the first event in this message."""
    return next(Unfolded(message).from_first())


class Unfolded:
    """The events of one message: its members, or the message itself. They are made one at a time, as they are asked for."""

    __slots__ = ("_documents", "_message", "_notes")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._notes = message.notes
        self._documents: Sequence[Raw] = ()
        if message.payload[:1] in STARTS:
            self._documents, unpacked = _batch_in(message)
            if unpacked:
                self._notes = (*self._notes, UNPACKED.format(unpacked))

    def from_first(self) -> Iterator[Message]:
        return map(self._of, range(1, len(self._documents) + 1)) if self._documents else iter((self._message,))

    def from_last(self) -> Iterator[Message]:
        return map(self._of, range(len(self._documents), 0, -1)) if self._documents else iter((self._message,))

    def at(self, position: Position) -> Message | None:
        """Return the event at this position of the message; ``None`` if there is no such member."""
        number = position.member
        if number is None:
            return next(self.from_last())
        return self._of(number) if 0 < number < len(self._documents) else None

    def _of(self, number: int) -> Message:
        whole, count = self._message, len(self._documents)
        return replace(
            whole,
            position=whole.position if number == count else whole.position.inside(number),
            payload=bytes(self._documents[number - 1]),
            member=Member(number=number, count=count, message_bytes=len(whole.payload)),
            notes=self._notes,
        )


def _batch_in(message: Message) -> tuple[Sequence[Raw], str]:
    """Do as ``batch_in``. A message on which it fails stays whole: reading it fails likewise, and says so."""
    try:
        return batch_in(message)
    except NOT_THE_MESSAGE:
        raise
    except Exception:  # noqa: BLE001 -- whatever one message does, the others go on
        return (), ""


def fetched(found: Mapping[Position, Message], positions: Iterable[Position]) -> dict[Position, Message]:
    """Return the events at these positions of the messages found."""
    unfolded = {position: Unfolded(message) for position, message in found.items()}
    events = {}
    for position in positions:
        within = unfolded.get(position.message)
        event = within.at(position) if within else None
        if event is not None:
            events[position] = event
    return events
