"""Confirming an act on dead letters: the form, the act itself, and what is said of one that was not done.

A confirmation is of one preview. Whatever was done to the letters since makes it stale, and the preview of now is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django import forms
from django.http import HttpRequest, QueryDict

from dashboard.auditing.acts import Act, asked_before, newest, newest_since, number_in
from dashboard.auditing.reasons import LONGEST_REASON, PlanForm
from dashboard.gateway import desk
from dashboard.models import State
from dashboard.subscriptions import backlog_cache
from dashboard.web.pages import actor_of, person_of
from eventstore.actions import Ending, Outcome, Performed, Plan, PlannedAction, Resource
from eventstore.model import EventStoreError, LeaseLost, ResourceBusy, StalePlan, StoreRefused, StoreUnreachable

CHANGED = "Something has changed since you looked. Nothing was done: this is what would happen now."
AGAIN = "{} has acted on these letters meanwhile. This is what would happen now."

Aim = TypeVar("Aim")
P = TypeVar("P", bound=Plan)


class ConfirmationForm(PlanForm):
    """The reason, with what is confirmed."""

    digest = forms.CharField(max_length=200)


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned(Generic[Aim, P]):
    """What was asked for, and what it would do now. ``since``: the newest act on the resource, read before the plan was made,
    so that no act comes in between unseen."""

    action: PlannedAction[Aim, P]
    resource: Resource
    aim: Aim
    since: int
    plan: P


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Why a preview is shown again, and with which status. ``notice``: nothing was done. ``failure``: it was tried."""

    status: int = 200
    notice: str = ""
    failure: str = ""
    form: ConfirmationForm | None = None

    @property
    def reason(self) -> str:
        """What was typed and need not be typed again."""
        return self.form.reason_given if self.form is not None else ""


def planned(action: PlannedAction[Aim, P], resource: Resource, aim: Aim) -> Planned[Aim, P]:
    last = newest(resource)
    plan = desk().actions.plan(action, resource, aim)
    return Planned(action=action, resource=resource, aim=aim, since=last.number if last else 0, plan=plan)


def carried_out(request: HttpRequest, wanted: Planned[Aim, P]) -> Performed[P] | Act | Answer:
    """Do it, if the confirmation is of what would happen now. An ``Act`` where this very confirmation has been carried out, or
    is, already: the button was pressed twice. An ``Answer`` where it was not done."""
    form = ConfirmationForm(request.POST)
    meanwhile = _meanwhile(request, wanted)
    if meanwhile is not None:
        return meanwhile
    if not wanted.plan.confirmed_by(request.POST.get("digest", "")):
        return Answer(status=409, notice=_changed_by(wanted, request), form=form)
    if not form.is_valid():
        return Answer(status=422, form=form)
    try:
        performed = _confirmed(request, wanted, form)
    except (ResourceBusy, StalePlan) as refused:
        stale = isinstance(refused, StalePlan)
        notice = _changed_by(wanted, request) if stale else str(refused)
        return _meanwhile(request, wanted) or Answer(status=409, notice=notice, form=form)
    except (StoreRefused, StoreUnreachable, LeaseLost) as error:
        return Answer(status=502, failure=str(error), form=form)
    finally:
        backlog_cache.forget()
    return performed if performed.outcome.ending is Ending.DONE else _not_wholly_done(performed.outcome, form)


def _confirmed(request: HttpRequest, wanted: Planned[Aim, P], form: ConfirmationForm) -> Performed[P]:
    return desk().actions.confirm(
        actor_of(request),
        wanted.action,
        wanted.resource,
        wanted.aim,
        confirmation=form.confirmation,
        reason=form.cleaned_data["reason"],
    )


def _not_wholly_done(outcome: Outcome, form: ConfirmationForm) -> Answer:
    reasons = " ".join(f"{part.name}: {part.reason}" for part in outcome.parts if part.reason)
    return Answer(status=502, failure=reasons or "The store did not show it as done.", form=form)


def context_of(wanted: Planned[Any, Any], said: Answer) -> Mapping[str, Any]:
    """What a preview's template needs for its form."""
    return {
        "plan": wanted.plan,
        "since": wanted.since,
        "said": said,
        "undo": wanted.action.undo,
        "longest_reason": LONGEST_REASON,
    }


def again(wanted: Planned[Aim, P]) -> Planned[Aim, P]:
    """The same as it is now; as it was, where the store does not answer."""
    try:
        return planned(wanted.action, wanted.resource, wanted.aim)
    except EventStoreError:
        return wanted


def act_of(request: HttpRequest, resource: Resource, action: str) -> Act | None:
    """The newest act on the resource, if it is what this very confirmation has asked for, however it ended."""
    last = asked_before(resource, _posted_since(request.POST), person_of(request).username, request.POST.get("digest", ""))
    return last if last is not None and last.action == action else None


def _meanwhile(request: HttpRequest, wanted: Planned[Any, Any]) -> Act | None:
    act = act_of(request, wanted.resource, wanted.action.name)
    return act if act is not None and act.state in (State.DONE, State.INTENDED) else None


def _changed_by(wanted: Planned[Any, Any], request: HttpRequest) -> str:
    last = newest_since(wanted.resource, _posted_since(request.POST))
    return AGAIN.format(last.actor) if last is not None else CHANGED


def _posted_since(given: QueryDict) -> int:
    return number_in(given.get("since", "")) or 0
