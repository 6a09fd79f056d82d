"""Messages and entries for tests of the tail's parts, as a reader returns them, and messages to publish."""

from collections.abc import Sequence
from datetime import UTC, datetime

from eventstore.config.loading import Config
from eventstore.envelope import read_event
from eventstore.model.events import Message, NewMessage, Position
from eventstore.tail.pieces import Entry, EventParser

PARSER = EventParser(lambda message: read_event(message, Config().mappings))


def message(number: int, *, size: int = 10, partition: int = 0) -> Message:
    """The number is its token, its id and, by its remainder by 3, its type: ``t0``, ``t1`` or ``t2``."""
    return Message(
        position=Position(topic="t", partition=partition, token=f"{number:06d}"),
        payload=b"x" * size,
        published=datetime(2026, 1, 1, tzinfo=UTC),
        key="k",
        properties={"ce_id": str(number), "ce_type": f"t{number % 3}", "ce_source": "/s", "ce_specversion": "1.0"},
    )


def entries(numbers: Sequence[int], *, size: int = 10, partition: int = 0) -> list[Entry]:
    return [Entry(message(number, size=size, partition=partition), PARSER) for number in numbers]


def numbers_of(found: Sequence[Entry]) -> list[int]:
    return [int(entry.message.position.token) for entry in found]


def numbered(numbers: Sequence[int], *, keys: int = 7) -> list[NewMessage]:
    """Envelopes whose payloads are these numbers, over this many keys. The type of odd numbers is ``odd``."""
    return [
        NewMessage(
            payload=str(number).encode(),
            key=f"k{number % keys}",
            properties={
                "ce_id": str(number),
                "ce_type": "odd" if number % 2 else "even",
                "ce_source": "/s",
                "ce_specversion": "1.0",
            },
        )
        for number in numbers
    ]
