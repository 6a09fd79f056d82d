"""Doing something under the safeguards: allowed, one at a time on its resource, and on the record before and after.

The record says *intended* before anything is touched, and how it ended after, so that a crash in between leaves a trace
(settled later as *unknown*, with what the store shows).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from eventstore.actions.action import Action, Aim, P, PlannedAction
from eventstore.actions.actor import Actor, Authorizer
from eventstore.actions.lock import Lease, Locks
from eventstore.actions.outcome import Outcome, outcome_of, outcome_of_error
from eventstore.actions.resource import Resource
from eventstore.actions.running import Running
from eventstore.model.errors import NotAllowed, StalePlan
from eventstore.model.storage import Storage


class Record(Protocol):
    """The audit record. ``details`` hold names, positions and counts; never a value of an event."""

    def intended(self, actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> str:
        """Write that this is about to happen; returns the act's id."""
        ...

    def ended(self, act: str, outcome: Outcome) -> None: ...

    def newest(self, resource: Resource) -> int:
        """The number of the newest act that has, or may have, changed this resource; 0 for none. Failed ones do not count."""
        ...

    def acted_since(self, resource: Resource, since: int) -> bool:
        """Whether ``newest`` is above this number: cheaper, where it is not."""
        ...


def of_role(actor: Actor, action: str, resource: Resource) -> str:
    """Why somebody may not, where nothing more is known."""
    return f"{actor.name} may not do this ({action}). An admin can give you a role that may."


def no_limit(actor: Actor, action: str) -> int | None:
    """The limit of somebody who has none."""
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Safeguards:
    """What the event store is handed of people: who may act, one at a time, and the record of it.

    ``refusal``: why the authorizer does not let somebody act, as a sentence. ``unapproved``: events of one job for which this
    person needs nobody else; ``None`` for as many as the job's kind says.
    """

    authorizer: Authorizer
    locks: Locks
    record: Record
    refusal: Callable[[Actor, str, Resource], str] = of_role
    unapproved: Callable[[Actor, str], int | None] = no_limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """What a person agreed to. ``since`` is ``Record.newest`` of the resource at the time of the plan with this digest."""

    digest: str
    since: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Performed(Generic[P]):
    plan: P
    outcome: Outcome


@contextmanager
def perform(
    safeguards: Safeguards,
    actor: Actor,
    action: Action,
    resource: Resource,
    details: Mapping[str, Any],
    *,
    check: Callable[[], object] = lambda: None,
) -> Iterator[Running]:
    """Do something that needs no plan. The ``with`` block does it, and adds to ``Running.facts`` or ``Running.parts``.

    ``check`` is called under the lock, before anything is recorded; what it raises is raised. So do ``NotAllowed`` and
    ``ResourceBusy`` come before anything is recorded. An error in the block is recorded by its class (by its message too if it
    is one of this project's own) and raised again.
    """
    with permitted(safeguards, actor, action, resource) as lease:
        check()
        with _recorded(safeguards.record, actor, action, resource, details, lease) as act:
            yield act


def perform_plan(
    safeguards: Safeguards,
    actor: Actor,
    action: PlannedAction[Aim, P],
    storage: Storage,
    resource: Resource,
    aim: Aim,
    *,
    confirmation: Confirmation,
    reason: str,
) -> Performed[P]:
    """Do what was previewed and confirmed, if it still is what would happen. It is planned once more under the lock.

    Raises ``StalePlan`` if the plan has changed, or if the resource was acted on since. Like ``NotAllowed`` and
    ``ResourceBusy``, this comes before anything is recorded. ``reason`` is the actor's own words, for the record.
    """
    with permitted(safeguards, actor, action, resource) as lease:
        plan = confirmed(safeguards.record, resource, confirmation, lambda: action.plan(storage, resource, aim))
        details = {**plan.details(), "reason": reason} if reason else plan.details()
        with _recorded(safeguards.record, actor, action, resource, details, lease) as act:
            action.execute(storage, plan, act)
    return Performed(plan=plan, outcome=act.outcome)


def confirmed(record: Record, resource: Resource, confirmation: Confirmation, plan_again: Callable[[], P]) -> P:
    """The plan, made once more under the lock, if it is what was confirmed; ``StalePlan`` where it is not."""
    plan = plan_again()
    if record.acted_since(resource, confirmation.since) or not plan.confirmed_by(confirmation.digest):
        raise StalePlan("It has changed since you looked. Nothing was done: look at the new preview.")
    return plan


@contextmanager
def permitted(safeguards: Safeguards, actor: Actor, action: Action, resource: Resource) -> Iterator[Lease | None]:
    """With the right to act, and the resource locked where the action is exclusive."""
    if resource.kind not in action.acts_on:
        raise ValueError(f"{action.name} does not act on a {resource.kind}")
    if not safeguards.authorizer(actor, action.name, resource):
        raise NotAllowed(safeguards.refusal(actor, action.name, resource))
    if not action.exclusive:
        yield None
        return
    lease = safeguards.locks.acquire(resource, actor, action.doing)
    try:
        yield lease
    finally:
        lease.release()


@contextmanager
def _recorded(
    record: Record, actor: Actor, action: Action, resource: Resource, details: Mapping[str, Any], lease: Lease | None
) -> Iterator[Running]:
    act = Running(lease=lease)
    act.renew()
    number = record.intended(actor, action.name, resource, details)
    try:
        yield act
    except BaseException as error:
        act.outcome = outcome_of_error(error, act.parts, act.facts)
        record.ended(number, act.outcome)
        raise
    act.outcome = outcome_of(act.parts, act.facts)
    record.ended(number, act.outcome)
