"""Who gets the events of a replay, and how far the projection is: its subscriptions as the store shows them now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from eventstore.drivers.meanwhile import meanwhile
from eventstore.index.lookup.ordinals import Ranges
from eventstore.model.errors import UnknownSubscription
from eventstore.model.events import Topic
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Subscription, Subscriptions, SubscriptionType
from eventstore.replays.planning.choosing import Choice
from eventstore.subscriptions.progress import reach

Marks = Mapping[str, Mapping[int, int]]
"""How many events a cursor has acknowledged without a gap, by topic and partition."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """- ``own``: the projection's subscription of each topic, by topic; ``missing``: its topics without one.
    - ``target``: the subscription that reads the replay topic; ``None`` if there is none yet, or the way sends no copies.
    - ``others``: the names of further subscriptions that get the copies too.
    - ``marks``: where the projection's cursors stand. ``waiting``: how many of the chosen events it has yet to acknowledge;
      ``None`` if that is not known.
    """

    own: Mapping[str, Subscription]
    missing: Sequence[str] = ()
    target: Subscription | None = None
    others: Sequence[str] = ()
    marks: Marks = field(default_factory=dict)
    waiting: int | None = None

    @property
    def type(self) -> SubscriptionType:
        """The type of the projection's subscriptions: unknown where nobody is connected, or where they differ."""
        types = {one.type for one in self.own.values()} - {SubscriptionType.UNKNOWN}
        return types.pop() if len(types) == 1 else SubscriptionType.UNKNOWN

    @property
    def types(self) -> Mapping[str, SubscriptionType]:
        return {topic: one.type for topic, one in self.own.items()}

    @property
    def consumers(self) -> int:
        """Connected instances of the projection: of a partitioned topic, one counts once."""
        return len({(each.name, each.address) for one in self.own.values() for each in one.consumers})

    @property
    def target_consumers(self) -> int:
        return len({(each.name, each.address) for each in self.target.consumers}) if self.target else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is asked of the store; each call waits for its answer."""

    own: Mapping[str, Callable[[], Subscription | None]]
    receivers: Callable[[], tuple[Subscription | None, Sequence[str]]]


def begin(storage: Storage, topics: Sequence[Topic], name: str, replay: tuple[Topic, str] | None) -> Asked:
    """Ask for the subscription of this name in each topic. ``replay``: the topic that gets copies, and who reads it there.

    A store that takes so many questions at once is asked while its topics are looked at: a broker takes long for each.
    """
    there, several = subscriptions_of(storage), storage.log.capabilities.parallel_reads > len(topics)
    at_once: Callable[[Callable[[], Any]], Callable[[], Any]] = meanwhile if several else lambda call: call
    own = {topic.name: at_once(partial(_named, there, topic.name, name)) for topic in topics}
    return Asked(own=own, receivers=at_once(partial(_receivers, there, replay)))


def audience_of(topics: Sequence[Topic], choice: Choice, asked: Asked) -> Audience:
    own = {topic: found for topic, answer in asked.own.items() if (found := answer()) is not None}
    marks, waiting = _standing(own, choice)
    target, others = asked.receivers()
    return Audience(
        own=own,
        missing=[topic.name for topic in topics if topic.name not in own],
        target=target,
        others=others,
        marks=marks,
        waiting=waiting,
    )


def _named(there: Subscriptions, topic: str, name: str) -> Subscription | None:
    try:
        return there.named(topic, name)
    except UnknownSubscription:
        return None


def _receivers(there: Subscriptions, replay: tuple[Topic, str] | None) -> tuple[Subscription | None, Sequence[str]]:
    if replay is None:
        return None, ()
    topic, name = replay
    found = [one for one in there.members(topic.name) if not one.kind.of_the_store]
    return next((one for one in found if one.name == name), None), [one.name for one in found if one.name != name]


def _standing(own: Mapping[str, Subscription], choice: Choice) -> tuple[Marks, int | None]:
    """Where the cursors stand, and how many of the chosen events they have not acknowledged."""
    marks: dict[str, dict[int, int]] = {}
    waiting, known = 0, choice.events is not None
    for topic, subscription in own.items():
        reached = reach(subscription)
        marks[topic] = {number: _mark(there.acknowledged) for number, there in reached.items()}
        for number, bounds in choice.topics.get(topic, {}).items():
            if number not in reached:
                known = False
            elif choice.known is None:
                waiting += len(reached[number].waiting.since(bounds.first).below(bounds.end))
            else:
                waiting += sum(at in reached[number].waiting for at in choice.known[topic, number])
    return marks, waiting if known else None


def _mark(acknowledged: Ranges) -> int:
    edges = acknowledged.edges
    if not edges or 0 not in acknowledged:
        return 0
    return next(iter(acknowledged.left_out(edges[1] + 1).ordinals()), edges[1] + 1)
