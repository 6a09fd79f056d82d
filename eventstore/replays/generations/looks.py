"""One generation as the store shows it now: its subscription of each topic, what waits, and who is connected."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eventstore.actions import Resource, subscription_resource
from eventstore.model.errors import EventStoreError, UnknownSubscription
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Subscription
from eventstore.subscriptions.progress import reach


class GenerationRefused(EventStoreError):
    """This cannot be done to the generation now. Nothing was changed; the text says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationAim:
    """``topics``: the full names of the projection's topics. ``present``: the subscription that the configuration names; of a
    projection that is not ``declared``, the one that was asked for. ``is_generation``: whether a subscription of this name is
    a generation of the projection, and not another one's."""

    topics: Sequence[str]
    present: str
    is_generation: Callable[[str], bool]
    declared: bool = True

    def check(self, name: str) -> None:
        """Raise ``GenerationRefused`` for a subscription that is no generation of the projection."""
        if not self.is_generation(name):
            raise GenerationRefused(f"{name} is no generation beside {self.present}. Nothing was changed.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """``subscriptions``: by topic that has one. ``missing``: topics that have none. ``acknowledged`` and ``waiting`` count
    events; ``None`` where the index does not know a partition."""

    name: str
    subscriptions: Mapping[str, Subscription]
    missing: Sequence[str]
    acknowledged: int | None
    waiting: int | None

    @property
    def consumers(self) -> int:
        """How many are connected, each counted once a topic."""
        return len({(topic, one.name) for topic, each in self.subscriptions.items() for one in each.consumers})

    @property
    def topics(self) -> Sequence[str]:
        """Those that have its subscription, by name."""
        return sorted(self.subscriptions)

    @property
    def events(self) -> int | None:
        """All events of its topics up to now; ``None`` if that is not known."""
        return None if self.acknowledged is None or self.waiting is None else self.acknowledged + self.waiting

    @property
    def percent(self) -> int | None:
        """Of all events up to now, how many are acknowledged, rounded down; ``None`` if that is not known."""
        if self.events is None or self.acknowledged is None:
            return None
        return 100 * self.acknowledged // self.events if self.events else 100


def generation_resource(aim: GenerationAim, name: str) -> Resource:
    """What is acted on: the generation's subscription of the projection's first topic."""
    return subscription_resource(aim.topics[0], name)


def look(storage: Storage, topics: Sequence[str], name: str) -> Look:
    """Ask the store for the subscription on each topic, and count by the index."""
    there = subscriptions_of(storage)
    found: dict[str, Subscription] = {}
    for topic in topics:
        try:
            found[topic] = there.named(topic, name)
        except UnknownSubscription:
            continue
    acknowledged, waiting = _counts(list(found.values()))
    return Look(
        name=name,
        subscriptions=found,
        missing=[topic for topic in topics if topic not in found],
        acknowledged=acknowledged,
        waiting=waiting,
    )


def _counts(subscriptions: Sequence[Subscription]) -> tuple[int | None, int | None]:
    acknowledged = waiting = 0
    for one in subscriptions:
        reached = reach(one)
        if len(reached) < len(one.cursors):
            return None, None
        waiting += sum(len(there.waiting) for there in reached.values())
        acknowledged += sum(there.partition.next_ordinal - len(there.waiting) for there in reached.values())
    return acknowledged, waiting
