"""Making ``eventdesk-redrive``: the subscription that keeps a topic's dead letters until somebody has dealt with them.

Clients create a dead-letter topic without a subscription, so that retention removes its letters sooner or later. This is the
one durable subscription that the desk makes, only on a dead-letter topic, and only if a person asks for it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.actions import SUBSCRIPTION, Part, PlannedAction, Resource, Running, Undo, register
from eventstore.actions.outcome import Ending
from eventstore.letters.places import KEEPER, look
from eventstore.model.errors import InvalidName, UnknownSubscription, UnknownTopic
from eventstore.model.events import TopicKind
from eventstore.model.log import Edge
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import SubscriptionType

NOT_HERE = (
    "{} is no dead-letter topic, and the desk makes a subscription on no other topic: it would hold back retention. If it is "
    "one, name it under [topics] in the configuration."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepPlan:
    """What making the subscription would do. ``letters`` are in the topic now; ``others`` are its subscriptions.

    ``made``: it is there already, and nothing would happen.
    """

    topic: str
    letters: int
    others: Sequence[str]
    made: bool

    @property
    def digest(self) -> str:
        seen = json.dumps([self.topic, KEEPER, self.made])
        return hashlib.sha256(seen.encode("utf-8", "backslashreplace")).hexdigest()

    def confirmed_by(self, digest: str) -> bool:
        """New letters do not change it."""
        return digest == self.digest

    def details(self) -> Mapping[str, Any]:
        start = {"from": Edge.EARLIEST.value, "letters": self.letters}
        return {"topic": self.topic, "subscription": KEEPER, **start, "digest": self.digest}


def plan(storage: Storage, resource: Resource, aim: None) -> KeepPlan:
    """Look at the topic. ``InvalidName`` if it is no dead-letter topic."""
    topic = storage.log.topic(resource.topic)
    if topic.kind is not TopicKind.DEAD_LETTER or resource.subscription != KEEPER:
        raise InvalidName(NOT_HERE.format(topic.name))
    subscriptions_of(storage)
    dead = look(storage, topic, "")
    names = [one.name for one in dead.subscriptions]
    others = [name for name in names if name != KEEPER]
    return KeepPlan(topic=topic.name, letters=dead.letters, others=others, made=KEEPER in names)


def execute(storage: Storage, plan: KeepPlan, act: Running) -> None:
    """Make the subscription at the first letter, and read it back."""
    here = subscriptions_of(storage)
    act.renew()
    here.create(plan.topic, KEEPER, type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    made = here.named(plan.topic, KEEPER)
    act.facts["backlog"] = made.backlog
    act.parts.append(Part(name=KEEPER, ending=Ending.DONE))


def shown(storage: Storage, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whether the subscription is there now."""
    try:
        return {"backlog": subscriptions_of(storage).named(resource.topic, KEEPER).backlog}
    except (UnknownTopic, UnknownSubscription):
        return {"subscription": "is not there"}


KEEP_LETTERS: PlannedAction[None, KeepPlan] = register(
    PlannedAction(
        name="keep_letters",
        acts_on=frozenset({SUBSCRIPTION}),
        title="Keep dead letters",
        doing="is being made",
        undo=Undo(
            possible=False,
            how=f"The desk deletes no subscription. An operator can delete {KEEPER}; then retention removes letters again.",
        ),
        plan=plan,
        execute=execute,
        shows=shown,
    )
)
