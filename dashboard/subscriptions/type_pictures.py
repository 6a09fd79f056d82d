"""How each subscription type deals out events: three sentences, and a picture of the same six events each time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eventstore.model import SubscriptionType

QUEUE = ("a1", "b1", "a2", "c1", "b2", "a3")
"""The events of the pictures: of three aggregates, numbered by version."""
EVENT, GAP, LEFT, TOP = 26, 4, 6, 30
CONSUMER_LEFT, CONSUMER_WIDTH, CONSUMER_HEIGHT, CONSUMER_STEP = 244, 270, 34, 42


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnEvent:
    """``tone`` is the number of its aggregate."""

    name: str
    tone: int
    x: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnConsumer:
    """``idle``: it is given nothing."""

    name: str
    y: int
    idle: bool
    events: Sequence[DrawnEvent]


@dataclass(frozen=True, kw_only=True, slots=True)
class TypePicture:
    title: str
    sentences: str
    text: str
    """What the picture shows, in words."""
    queue: Sequence[DrawnEvent]
    consumers: Sequence[DrawnConsumer]


def _events(names: Sequence[str], left: int) -> Sequence[DrawnEvent]:
    return [
        DrawnEvent(name=name, tone="abc".index(name[0]), x=left + number * (EVENT + GAP)) for number, name in enumerate(names)
    ]


def _picture(title: str, sentences: str, text: str, *consumers: tuple[str, Sequence[str]]) -> TypePicture:
    drawn = [
        DrawnConsumer(
            name=name,
            y=4 + number * CONSUMER_STEP,
            idle=not names,
            events=_events(names, CONSUMER_LEFT + CONSUMER_WIDTH - 6 - len(QUEUE) * (EVENT + GAP)),
        )
        for number, (name, names) in enumerate(consumers)
    ]
    return TypePicture(title=title, sentences=sentences, text=text, queue=_events(QUEUE, LEFT), consumers=drawn)


PICTURES: Mapping[SubscriptionType, TypePicture] = {
    SubscriptionType.EXCLUSIVE: _picture(
        "How an exclusive subscription delivers",
        "One consumer receives every event, in the order of each partition. A second consumer is refused while the first is "
        "connected; the broker does not show that it tried, so look in that consumer's own log. An event that is never "
        "acknowledged stops its partition only if the consumer waits for it.",
        "Six events of three aggregates. Consumer 1 receives all six in order. Consumer 2 is refused.",
        ("consumer 1", QUEUE),
        ("refused", ()),
    ),
    SubscriptionType.FAILOVER: _picture(
        "How a failover subscription delivers",
        "In each partition one consumer is active and receives every event, in order. The others are on standby and receive "
        "nothing there. If the active one disconnects, another takes over, and receives again what was not acknowledged.",
        "Six events of three aggregates. Consumer 1 is active and receives all six in order. Consumer 2 is on standby.",
        ("active", QUEUE),
        ("standby", ()),
    ),
    SubscriptionType.SHARED: _picture(
        "How a shared subscription delivers",
        "Events are dealt out to all consumers in turn. No order is kept: events of one aggregate may be handled at the same "
        "time, or in reverse. An event that is not acknowledged holds up no other, but the cursor stands before it.",
        "Six events of three aggregates. Consumer 1 receives a1, a2 and b2, consumer 2 receives b1, c1 and a3: events of one "
        "aggregate go to both.",
        ("consumer 1", ("a1", "a2", "b2")),
        ("consumer 2", ("b1", "c1", "a3")),
    ),
    SubscriptionType.KEY_SHARED: _picture(
        "How a key_shared subscription delivers",
        "Events are dealt out by key, so that each aggregate's events go to one consumer, in order. Each consumer is given "
        "ranges of key hashes. Producers must not batch events of several keys together: such a batch goes to one consumer as "
        "a whole, by the key of its first event.",
        "Six events of three aggregates. Consumer 1 receives all events of aggregate a, consumer 2 those of b and c.",
        ("consumer 1", ("a1", "a2", "a3")),
        ("consumer 2", ("b1", "c1", "b2")),
    ),
}
