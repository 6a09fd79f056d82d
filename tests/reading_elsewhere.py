"""A store that a reading process can open: numbered messages, the same wherever they are read, and topics that fail."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from eventstore.model.errors import MadeAnew
from eventstore.model.events import Message, Position, Topic
from eventstore.model.log import Amounts, Edge, Ends, LogCapabilities
from eventstore.model.pieces import MOST_IN_A_PIECE, Piece, Pieces
from eventstore.model.tokens import decode, encode
from tests.unit.messages import PUBLISHED

PARTITIONS = 4
SLOW = 0.0002
"""Seconds that a message takes, so that there is time to kill whoever reads it."""


class NumberedStorage:
    """``count`` messages in each partition of each topic. From number ``odd_from`` on, none fits an envelope."""

    schemas = subscriptions = details = copying = None
    capabilities = LogCapabilities(expected_version=False, detects_known_ids=False, amount_unit="entries")

    def __init__(self, count: int, slow: float = 0.0, odd_from: int | None = None) -> None:
        self.count, self.slow, self.odd_from = count, slow, count if odd_from is None else odd_from
        self.log: Any = self

    def opener(self) -> Callable[[], "NumberedStorage"]:
        return partial(NumberedStorage, self.count, self.slow, self.odd_from)

    def topics(self) -> Sequence[Topic]:
        return [Topic(name="numbers", partitions=PARTITIONS)]

    def topic(self, name: str) -> Topic:
        return self.topics()[0]

    def ends(self, topic: str) -> Sequence[Ends]:
        first, last = (partial(place, topic, number=number) for number in (0, self.count - 1))
        return [Ends(topic=topic, partition=one, first=first(one), last=last(one)) for one in range(PARTITIONS)]

    def incarnation(self, topic: str, partition: int) -> str:
        return "the only one"

    def amounts(self, topic: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        return {number: Amounts(before=0, behind=1) for number in positions}

    def read_forward(self, topic: str, partition: int, *, after: Position, inclusive: bool, limit: int) -> Sequence[Message]:
        number = decode(after.token, 3)[1] + (not inclusive)
        return self.messages(topic, partition, range(number, min(number + limit, self.count)))

    def messages(self, topic: str, partition: int, numbers: Iterable[int]) -> Sequence[Message]:
        return [message(topic, partition, number, odd=number >= self.odd_from) for number in numbers]

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> "NumberedReader":
        begin = decode(after.token, 3)[1] + 1 if isinstance(after, Position) else 0
        return NumberedReader(self, topic, partition, begin)

    def close(self) -> None: ...


class NumberedReader:
    def __init__(self, storage: NumberedStorage, topic: str, partition: int, begin: int) -> None:
        self.storage, self.topic, self.partition, self.next = storage, topic, partition, begin
        self.incarnation = "the only one"

    def pieces(self, *, limit: int, timeout: float) -> Pieces:
        if self.topic == "made anew":
            raise MadeAnew("The topic was made anew while it was read.")
        if self.topic == "broken":
            raise KeyError("a value of the message")
        end = min(self.next + limit, self.storage.count)
        while self.next < end:
            numbers = range(self.next, min(self.next + MOST_IN_A_PIECE, end))
            time.sleep(self.storage.slow * len(numbers))
            self.next = numbers.stop
            yield self._piece(self.storage.messages(self.topic, self.partition, numbers))

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        numbers = range(self.next, min(self.next + limit, self.storage.count))
        self.next = numbers.stop
        return self.storage.messages(self.topic, self.partition, numbers)

    def _piece(self, messages: Sequence[Message]) -> Piece:
        return Piece(
            topic=self.topic, partition=self.partition, tokens=[one.position.token for one in messages],
            keys=[one.key or "" for one in messages], properties=[one.properties for one in messages],
            payloads=[one.payload for one in messages], published=[1_769_851_239_000_000] * len(messages),
            incarnation=self.incarnation, whole=lambda place: messages[place],
        )  # fmt: skip

    def call_on_news(self, call: Callable[[], None]) -> bool:
        return False

    def close(self) -> None: ...


def place(topic: str, partition: int, number: int) -> Position:
    return Position(topic=topic, partition=partition, token=encode(1, number, 0))


def message(topic: str, partition: int, number: int, *, odd: bool = False) -> Message:
    """Return the message; one of a hundred, and each ``odd`` one, fits no envelope."""
    properties = {
        "ce_specversion": "1.0", "ce_id": f"6f1c9d2a-8f0e-4a53-9a5{partition}-0c7d{number:08x}", "ce_type": "counted",
        "ce_source": "/numbers", "ce_time": "2026-01-31T09:20:39.000Z", "ce_aggregatetype": "number",
    }  # fmt: skip
    return Message(
        position=place(topic, partition, number), payload=b"{}", published=PUBLISHED, key=f"k{number % 7}",
        properties={} if odd or number % 100 == 99 else properties, incarnation="the only one",
    )  # fmt: skip
