"""Messages that hold several events, and the flat list of the events in them."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventstore.model.events import Message, NewMessage
from tests.unit.messages import json

DECLARED = {"content-type": "application/cloudevents-batch+json"}
PLAIN = {"specversion": "1.0", "type": "patient.moved", "source": "/tests", "aggregatetype": "patient"}


@dataclass
class Numbers:
    """Events and the messages that hold them. ``ids`` is the flat list of the events' ids, in order."""

    ids: list[str] = field(default_factory=list)
    messages: list[NewMessage] = field(default_factory=list)
    aggregates: int = 5

    def document(self, **more: Any) -> dict[str, Any]:
        number = len(self.ids)
        self.ids.append(f"e{number}")
        return {**PLAIN, "id": f"e{number}", "aggregateid": f"p{number % self.aggregates}", "data": {"n": number}, **more}

    def batch(self, count: int) -> NewMessage:
        self.messages.append(in_a_batch([self.document() for _ in range(count)]))
        return self.messages[-1]

    def single(self) -> NewMessage:
        properties = {f"ce_{name}": str(value) for name, value in self.document().items() if name != "data"}
        self.messages.append(NewMessage(payload=b'{"n": 0}', key="k", properties=properties))
        return self.messages[-1]

    def add_random(self, source: random.Random, count: int) -> "Numbers":
        """Add so many messages: single events, and batches of up to 9."""
        for _ in range(count):
            size = source.choice((0, 0, 1, 2, 3, 9))
            self.batch(size) if size else self.single()
        return self


def in_a_batch(documents: Iterable[Any], *, key: str = "k") -> NewMessage:
    return NewMessage(payload=json(list(documents)), key=key, properties=DECLARED)


def members_of(messages: Sequence[Message]) -> list[tuple[int, int]]:
    """Return number and count of each event; zeros for one that is a whole message."""
    return [(one.member.number, one.member.count) if one.member else (0, 0) for one in messages]
