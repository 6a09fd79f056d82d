"""What an action acts on, as separate fields: never a text that has to be taken apart again."""

import hashlib
import json
from dataclasses import astuple, dataclass

TOPIC = "topic"
SUBSCRIPTION = "subscription"
AGGREGATE = "aggregate"
STORE = "store"
"""The kinds of resource that the event store has. The other half adds kinds of its own, such as accounts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One thing that can be acted on. A field that does not apply is empty; ``topic`` is the canonical name.

    ``name`` is for what lies in no topic, such as an account.
    """

    kind: str
    topic: str = ""
    subscription: str = ""
    aggregate_type: str = ""
    aggregate_id: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """The same for equal resources alone, however long their names are: 64 hexadecimal digits."""
        text = json.dumps(astuple(self), ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    @property
    def title(self) -> str:
        """Its own name, without the topic that it lies in."""
        return self.subscription or self.aggregate_id or self.topic or self.name or self.kind


class AggregateName(str):
    """The name of an aggregate in the details of an act: the text ``patient 4711``, which still knows the type and the id.

    So the record can hold something else in place of an id that is personal."""

    __slots__ = ("between", "id", "type")

    type: str
    id: str
    between: str

    def __new__(cls, type: str, id: str, between: str = " ") -> "AggregateName":
        made = super().__new__(cls, f"{type}{between}{id}")
        made.type, made.id, made.between = type, id, between
        return made


class FilterText(str):
    """A filter in the details of an act. It may name aggregates."""

    __slots__ = ()


def subscription_resource(topic: str, name: str) -> Resource:
    return Resource(kind=SUBSCRIPTION, topic=topic, subscription=name)


def aggregate_resource(type: str, id: str) -> Resource:
    return Resource(kind=AGGREGATE, aggregate_type=type, aggregate_id=id)


def topic_resource(name: str) -> Resource:
    return Resource(kind=TOPIC, topic=name)
