"""Writes pointers into the index without any store behind it: for tests of what the index alone says."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from eventstore.events import Event, Message, Position, Topic
from eventstore.index.writer import Checkpoint, checkpoint_of, note_caught_up, write_batch
from eventstore.ordering import encode

START = datetime(2024, 5, 1, 9, 0, tzinfo=UTC)


def place(number: int, *, topic: str = "patients", partition: int = 0) -> Position:
    """The position of the event of this number, as a broker with unbatched entries would name it."""
    return Position(topic=topic, partition=partition, token=encode(7, number, 0), label=f"7:{number}:0")


def event(
    number: int,
    *,
    topic: str = "patients",
    partition: int = 0,
    type: str = "patient.registered",
    aggregate: tuple[str, str] = ("patient", "4711"),
    time: datetime | None = None,
    published: datetime | None = None,
    problem: str = "",
    id: str = "",
) -> Event:
    """The event at ``place(number)``, a minute after the one before it."""
    at = published or START + timedelta(minutes=number)
    position = place(number, topic=topic, partition=partition)
    return Event(
        message=Message(position=position, payload=b"{}", published=at, key=aggregate[1]),
        id=id or f"e-{topic}-{partition}-{number}",
        time=time or at,
        data=b"{}",
        type="" if problem else type,
        aggregate_type="" if problem else aggregate[0],
        aggregate_id="" if problem else aggregate[1],
        problem=problem,
    )


def index(events: Sequence[Event], *, topic: Topic, partition: int = 0, caught_up: bool = True) -> Checkpoint:
    """Index these events behind what is indexed of the partition."""
    checkpoint = write_batch(topic, partition, checkpoint_of(topic, partition), events)
    if caught_up:
        note_caught_up(topic, partition)
    return checkpoint
