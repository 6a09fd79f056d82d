"""The desk's face for actions: planning them, and carrying them out under the safeguards."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from eventstore.actions.action import Action, Aim, P, PlannedAction
from eventstore.actions.actor import Actor
from eventstore.actions.perform import Confirmation, Performed, Safeguards, perform, perform_plan
from eventstore.actions.recovery import shown_by_store
from eventstore.actions.resource import Resource
from eventstore.actions.running import Running
from eventstore.model.storage import Storage


class ActionFace:
    """``desk.actions``. See ``perform`` and ``perform_plan`` for what may be raised."""

    def __init__(self, *, storage: Storage, safeguards: Safeguards) -> None:
        self._storage, self._safeguards = storage, safeguards

    def plan(self, action: PlannedAction[Aim, P], resource: Resource, aim: Aim) -> P:
        """What the action would do. Nothing is touched, and nothing recorded."""
        return action.plan(self._storage, resource, aim)

    def confirm(
        self,
        actor: Actor,
        action: PlannedAction[Aim, P],
        resource: Resource,
        aim: Aim,
        *,
        confirmation: Confirmation,
        reason: str,
    ) -> Performed[P]:
        """Do what was planned and confirmed; ``StalePlan`` where that is no longer what would happen."""
        return perform_plan(
            self._safeguards, actor, action, self._storage, resource, aim, confirmation=confirmation, reason=reason
        )

    def perform(
        self, actor: Actor, action: Action, resource: Resource, details: Mapping[str, Any]
    ) -> AbstractContextManager[Running]:
        """Do something that needs no plan, in a ``with`` block."""
        return perform(self._safeguards, actor, action, resource, details)

    def shown_by_store(self, action: str, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the store shows now of an act that a crash left open."""
        return shown_by_store(self._storage, action, resource, details)
