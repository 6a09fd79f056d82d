"""The positions of this store: a message's number in its partition, which only this package sees."""

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position
from eventstore.model.tokens import decode, encode, message_of

LONGEST_LABEL = 18


def position_of(topic: str, partition: int, number: int) -> Position:
    return Position(topic=topic, partition=partition, token=encode(number), label=str(number))


def position_labelled(topic: str, partition: int, label: str) -> Position | None:
    """Return the position with this label; ``None`` if the label is not a number."""
    is_number = label.isascii() and label.isdigit() and len(label) <= LONGEST_LABEL
    return position_of(topic, partition, int(label)) if is_number else None


def number_in(token: str) -> int:
    return decode(token, 1)[0]


def number_of(position: Position, topic: str, partition: int) -> int:
    """Return the number of a position that must lie in this partition. Raises ``InvalidPosition`` otherwise."""
    if (position.topic, position.partition) != (topic, partition):
        raise InvalidPosition("This position lies in another partition than the one that was asked for. Open the event again.")
    return number_in(position.token)


def last_number(position: Position, topic: str, partition: int) -> int:
    """Return the last message that is covered if everything up to this place is; -1 for none. It may lie inside a message."""
    token, member = message_of(position.token)
    return number_of(Position(topic=position.topic, partition=position.partition, token=token), topic, partition) - (
        member is not None
    )
