"""Discarding a generation: its subscription is deleted from each topic, so that it no longer holds back retention."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.actions import SUBSCRIPTION, Ending, Part, PlannedAction, Resource, Running, Undo, register
from eventstore.model.errors import StoreRefused, UnknownSubscription
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.projections.generations import split
from eventstore.replays.generations.looks import GenerationAim, GenerationRefused, Look, look

PRESENT = (
    "{} is the present generation: the configuration names it. Promote another one and name that in the configuration, then "
    "discard this one."
)
ASKED_FOR = "{} is the subscription that this page is of. Declare its projection to say which generation is in use."
OLDER = (
    "No projection of {0} is declared, so nothing says whether services still read it: it may be the one in use. Declare the "
    "projection with the generation in use, then discard {0}."
)
CONNECTED = (
    "A consumer of {} is connected: it would lose its place, and its client may make the subscription again. Stop the "
    "consumers, then discard it."
)
GONE = "No topic of the projection has the subscription {}: it was discarded already."
STILL_THERE = "The store confirmed that it was deleted, but it is there: a consumer may have made it again."


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscardPlan:
    """``found``: the generation as it is now."""

    found: Look
    present: str

    @property
    def topics(self) -> Sequence[str]:
        return self.found.topics

    @property
    def digest(self) -> str:
        seen = json.dumps([self.found.name, self.present, self.topics])
        return hashlib.sha256(seen.encode("ascii")).hexdigest()

    def confirmed_by(self, digest: str) -> bool:
        """Progress changes nothing, and consumers refuse it at once."""
        return digest == self.digest

    def details(self) -> Mapping[str, Any]:
        return {
            "generation": self.found.name,
            "topics": self.topics,
            "acknowledged": self.found.acknowledged,
            "waiting": self.found.waiting,
            "digest": self.digest,
        }


def plan(storage: Storage, resource: Resource, aim: GenerationAim) -> DiscardPlan:
    """Raises ``GenerationRefused`` for the present one, for another projection's, for one with consumers, for one that is
    gone, and for an older one where nothing declares which is in use."""
    name = resource.subscription
    if name == aim.present:
        raise GenerationRefused((PRESENT if aim.declared else ASKED_FOR).format(name))
    aim.check(name)
    if not aim.declared and split(name)[1] < split(aim.present)[1]:
        raise GenerationRefused(OLDER.format(name))
    found = look(storage, aim.topics, name)
    if not found.subscriptions:
        raise GenerationRefused(GONE.format(name))
    if found.consumers:
        raise GenerationRefused(CONNECTED.format(name))
    return DiscardPlan(found=found, present=aim.present)


def execute(storage: Storage, plan: DiscardPlan, act: Running) -> None:
    """Each topic is a part of the act. The store refuses where a consumer has come meanwhile; the others are deleted."""
    there = subscriptions_of(storage)
    for topic in plan.topics:
        act.renew()
        try:
            there.delete(topic, plan.found.name)
        except UnknownSubscription:
            pass
        except StoreRefused as error:
            act.parts.append(Part(name=topic, ending=Ending.FAILED, reason=str(error)))
            continue
        gone = not look(storage, [topic], plan.found.name).subscriptions
        reason = "" if gone else STILL_THERE
        act.parts.append(Part(name=topic, ending=Ending.DONE if gone else Ending.UNKNOWN, reason=reason))


def shown(storage: Storage, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    """On which topics it is still there."""
    topics = [str(topic) for topic in details.get("topics", ())]
    found = look(storage, topics, resource.subscription)
    return {"still_on": sorted(found.subscriptions)} if found.subscriptions else {"subscription": "is not there"}


DISCARD_GENERATION: PlannedAction[GenerationAim, DiscardPlan] = register(
    PlannedAction(
        name="discard_generation",
        acts_on=frozenset({SUBSCRIPTION}),
        title="Discard generation",
        doing="is being discarded",
        undo=Undo(
            possible=False,
            how="What it has acknowledged is gone with it. A new generation reads everything from the first event.",
        ),
        plan=plan,
        execute=execute,
        shows=shown,
    )
)
