"""A store that a reading process opens: numbered messages, and topics on which reading fails."""

from collections.abc import Sequence
from typing import Any

from eventstore.model.errors import MadeAnew
from eventstore.model.events import Message, Position
from eventstore.model.tokens import decode, encode
from tests.unit.messages import PUBLISHED


class NumberedStorage:
    def __init__(self, count: int) -> None:
        self.count = count
        self.log: Any = self

    def open_reader(self, topic: str, partition: int, *, after: Position) -> "NumberedReader":
        return NumberedReader(topic, decode(after.token, 3)[1] + 1, self.count)

    def close(self) -> None: ...


class NumberedReader:
    def __init__(self, topic: str, next: int, count: int) -> None:
        self.topic, self.next, self.count = topic, next, count

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        if self.topic == "made anew":
            raise MadeAnew("The topic was made anew while it was read.")
        if self.topic == "broken":
            raise KeyError("a value of the message")
        numbers = range(self.next, min(self.next + limit, self.count))
        self.next = numbers.stop
        at = [Position(topic=self.topic, partition=0, token=encode(1, number, 0)) for number in numbers]
        return [Message(position=position, payload=b"{}", published=PUBLISHED) for position in at]

    def close(self) -> None: ...
