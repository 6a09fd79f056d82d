"""Promoting a generation: the decision that services read it from now on, on the record.

Nothing in the store changes. What changes is in the service, and the name in the configuration.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eventstore.actions import SUBSCRIPTION, PlannedAction, Resource, Running, Undo, register
from eventstore.model.storage import Storage
from eventstore.replays.generations.compared import Compared, compared
from eventstore.replays.generations.looks import GenerationAim, GenerationRefused

PRESENT = "{} is the present generation already."
MISSING = "{} has no subscription {}, so no consumer would get its events. Create it, or discard this generation."

UNDO = (
    "Leave the configuration as it is, or name the old generation in it again. Nothing in the store has changed, and as long "
    "as neither is discarded, both are complete."
)


class Doubt(StrEnum):
    """What speaks against it, as a code. It can be promoted all the same."""

    BEHIND = "behind"
    """More events wait for it than for the present one."""
    UNKNOWN = "unknown"
    """The index does not know how far one of them is."""
    NOBODY = "nobody"
    """No consumer is connected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromotePlan:
    """``found``: both generations as they are now."""

    found: Compared
    doubts: Sequence[Doubt]

    @property
    def digest(self) -> str:
        """A hash of what is promoted, and the doubts: ``9f…/behind,nobody``."""
        return f"{self._fixed}/{','.join(self.doubts)}"

    def confirmed_by(self, digest: str) -> bool:
        """Progress changes nothing. A doubt that is new does, and one that is gone does not."""
        fixed, _, doubts = digest.partition("/")
        return fixed == self._fixed and set(self.doubts) <= set(doubts.split(","))

    def details(self) -> Mapping[str, Any]:
        return {
            "generation": self.found.other.name,
            "instead_of": self.found.present.name,
            "waiting": self.found.other.waiting,
            "doubts": [one.value for one in self.doubts],
            "digest": self.digest,
        }

    @property
    def _fixed(self) -> str:
        seen = [self.found.present.name, self.found.other.name, sorted(self.found.other.subscriptions)]
        return hashlib.sha256(json.dumps(seen).encode("ascii")).hexdigest()


def plan(storage: Storage, resource: Resource, aim: GenerationAim) -> PromotePlan:
    """Raises ``GenerationRefused`` for the present one, for another projection's, and for one that a topic of the projection
    lacks."""
    name = resource.subscription
    if name == aim.present:
        raise GenerationRefused(PRESENT.format(name))
    aim.check(name)
    found = compared(storage, aim, name)
    if found.other.missing:
        raise GenerationRefused(MISSING.format(found.other.missing[0], name))
    return PromotePlan(found=found, doubts=doubts_of(found))


def doubts_of(found: Compared) -> Sequence[Doubt]:
    """What speaks against promoting the other one now."""
    doubts = []
    if found.behind is None:
        doubts.append(Doubt.UNKNOWN)
    elif found.behind:
        doubts.append(Doubt.BEHIND)
    if not found.other.consumers:
        doubts.append(Doubt.NOBODY)
    return doubts


def execute(storage: Storage, plan: PromotePlan, act: Running) -> None:
    act.facts["waits"] = plan.found.other.waiting


PROMOTE_GENERATION: PlannedAction[GenerationAim, PromotePlan] = register(
    PlannedAction(
        name="promote_generation",
        acts_on=frozenset({SUBSCRIPTION}),
        title="Promote generation",
        doing="is being promoted",
        undo=Undo(possible=True, how=UNDO),
        plan=plan,
        execute=execute,
    )
)
