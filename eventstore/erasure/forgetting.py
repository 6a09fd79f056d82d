"""The act of forgetting: an aggregate's searchable values leave the index, and never come back into it.

The memory of it comes first (``eventstore.forgotten``), so that an indexer beside it, a rebuild and a new index leave them
out. Cut off in the middle, the act is done again: what is left of the values is removed then.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from eventstore.actions import AGGREGATE, PlannedAction, Resource, Running, Undo, register
from eventstore.erasure.values import ValuesFound, values_found
from eventstore.forgotten.memory import remember
from eventstore.index.lookup import queries
from eventstore.index.writing.forgetting import remove_values
from eventstore.model.errors import InvalidName
from eventstore.model.storage import Storage

LONGEST_TICKET = 200
UNKNOWN = (
    "The index knows no such aggregate, so it has no searchable value of it now. An index that is still being built may get "
    "to know it: forget it then, or by the command with --ahead."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """``ticket``: the request for erasure, as another system calls it. ``ahead``: also an aggregate that the index does not
    know yet."""

    ticket: str = ""
    ahead: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgetPlan:
    """What forgetting would remove, as far as it was counted. ``events`` are the aggregate's, by now."""

    type: str
    id: str
    events: int
    found: ValuesFound
    ticket: str = field(default="")

    @property
    def digest(self) -> str:
        """Of what is confirmed: whose values, and whether they were forgotten before. More events do not change it."""
        since = self.found.forgotten.isoformat() if self.found.forgotten else ""
        return hashlib.sha256(json.dumps([self.type, self.id, since]).encode("ascii")).hexdigest()

    def confirmed_by(self, digest: str) -> bool:
        return digest == self.digest

    def details(self) -> Mapping[str, Any]:
        """For the record: names and counts of values."""
        ticket = {"ticket": self.ticket} if self.ticket else {}
        counted = {"values": dict(self.found.values), "all_counted": self.found.complete}
        return {"events": self.events, **counted, **ticket, "digest": self.digest}


def plan(storage: Storage, resource: Resource, aim: Wish) -> ForgetPlan:
    """Count what there is, within a page's bounds. An aggregate may be forgotten again, to finish what was cut off."""
    type, id = resource.aggregate_type, resource.aggregate_id
    known = queries.aggregate(type, id)
    found = values_found(type, id)
    if known is None and found.forgotten is None and not aim.ahead:
        raise InvalidName(UNKNOWN)
    return ForgetPlan(type=type, id=id, events=known.events if known else 0, found=found, ticket=aim.ticket)


def execute(storage: Storage, plan: ForgetPlan, act: Running) -> None:
    """Remember the aggregate as forgotten, then remove its values, a few blocks at a time."""
    act.renew()
    since: datetime = remember(plan.type, plan.id)
    act.facts["forgotten_since"] = since.isoformat()
    removed = remove_values(plan.type, plan.id, lambda events: act.renew())
    act.facts |= {"values_removed": removed.values, "events_with_values": removed.events}


def _shows(storage: Storage, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    found = values_found(resource.aggregate_type, resource.aggregate_id)
    forgotten = "no" if found.forgotten is None else f"since {found.forgotten.isoformat()}"
    return {"forgotten": forgotten, "values_left": found.total if found.complete else f"at least {found.total}"}


FORGET_VALUES: PlannedAction[Wish, ForgetPlan] = register(
    PlannedAction(
        name="forget_values",
        acts_on=frozenset({AGGREGATE}),
        title="Forget searchable values",
        doing="is being removed from the searchable values of the index",
        undo=Undo(
            possible=False,
            how="The index keeps no searchable value of this aggregate any more, not even when it is built again.",
        ),
        shows=_shows,
        plan=plan,
        execute=execute,
    )
)
