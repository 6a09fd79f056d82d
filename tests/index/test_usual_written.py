"""What was read side by side is written as if it had been read event by event."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstore.index.tables.keys import Key
from eventstore.index.writing.drafting import Drafter, Ways
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.prepared_batch import PreparedBatch, microseconds
from eventstore.index.writing.writer import write_prepared
from eventstore.model.events import Message, Position, Topic
from eventstore.model.pieces import Piece
from eventstore.model.pointers import Pointer
from eventstore.model.tokens import encode
from tests.indexing import pointers

pytestmark = pytest.mark.usefixtures("desk_databases")

WAYS = Ways(mappings=(), decode=lambda message: None, values_of=None)
PUBLISHED = datetime(2024, 5, 1, 9, tzinfo=UTC)
UUID = "6f1c9d2a-8f0e-4a53-9a55-0c7d{:08x}"


def read(topic: str, number: int) -> Message:
    """Return a message; one of a few has an id that is no UUID, one no correlation, one fits no envelope, one comes again."""
    properties = {
        "ce_specversion": "1.0", "ce_type": f"t{number % 3}", "ce_source": "/s",
        "ce_time": f"2024-05-01T09:{number % 60:02}:00.000Z",
        "ce_id": UUID.format(number % 700) if number % 400 < 300 else f"e-{number}", "ce_sequence": str(number),
        "ce_aggregatetype": "document",
    }  # fmt: skip
    if number % 5:
        properties["ce_correlationid"] = UUID.format(number // 7)
    if number % 97 == 0:
        properties = {}
    token = encode(7, number // 10, number % 10 + 1)
    position = Position(topic=topic, partition=0, token=token)
    return Message(
        position=position, payload=b"x" * (number % 9), published=PUBLISHED, key=f"k{number % 11}", properties=properties
    )


def piece_of(messages: Sequence[Message]) -> Piece:
    return Piece(
        topic=messages[0].position.topic, partition=0,
        tokens=[one.position.token for one in messages], keys=[one.key or "" for one in messages],
        properties=[one.properties for one in messages], payloads=[one.payload for one in messages],
        published=[microseconds(one.published) for one in messages], incarnation="", whole=lambda place: messages[place],
    )  # fmt: skip


def prepared(topic: Topic, key: Key, messages: Sequence[Message], *, usual: bool) -> PreparedBatch:
    drafter = Drafter(topic, key, WAYS)
    for start in range(0, len(messages), 40):
        part = messages[start : start + 40]
        drafter.add(piece_of(part) if usual else part)
    found = drafter.taken()
    assert found is not None
    return found


def written(name: str, sizes: Sequence[int], *, usual: bool) -> list[Pointer]:
    topic = Topic(name=name)
    partition = open_partition(topic, 0, Memory())
    begin = 0
    for size in sizes:
        messages = [read(name, number) for number in range(begin, begin + size)]
        write_prepared(partition, prepared(topic, partition.key, messages, usual=usual))
        begin += size
    return pointers(name)


@pytest.mark.parametrize("sizes", [[1, 255, 1, 300, 700], [1_200], [100] * 9])
def test_pointers_are_the_same(sizes: Sequence[int]) -> None:
    quick, careful = (written(name, sizes, usual=name == "quick") for name in ("quick", "careful"))
    assert len(quick) == sum(sizes)
    assert [without_topic(one) for one in quick] == [without_topic(one) for one in careful]


def without_topic(pointer: Pointer) -> dict[str, Any]:
    """Return the pointer's fields; the id of a message that has none is its position, topic included."""
    fields = {name: getattr(pointer, name) for name in pointer.__slots__}
    return fields | {"position": pointer.position.token, "event_id": pointer.event_id.partition("@")[0]}
