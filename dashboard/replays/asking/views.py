"""The preview of a replay, and its confirmation with a reason and a ticket."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.auditing.acts import asked_before, newest, newest_since, number_in
from dashboard.auditing.reasons import LONGEST_DIGEST, LONGEST_REASON, ReasonForm, required_text
from dashboard.gateway import desk
from dashboard.jobs.asked import Said, speed_field, speed_of
from dashboard.models import State
from dashboard.privacy.by_reason.of_request import open_case_of
from dashboard.replays.asking.asked import (
    Asked,
    IncompleteReplay,
    aim_of,
    asked_in,
    canary_address,
    projections_for,
    until_as_posted,
)
from dashboard.replays.asking.shown import TITLES, preview_of
from dashboard.web.pages import actor_of, page, person_of, profile_of, render
from eventstore.actions import Confirmation, Resource
from eventstore.jobs import JobRefused
from eventstore.model import EventStoreError, ResourceBusy, StalePlan, StoreUnreachable
from eventstore.replays import LONGEST_TICKET, REPLAY_EVENTS, THROTTLED, Aim, Kind, ReplayPlan, UnreadHazards

CHANGED = "Something has changed since you looked. Nothing was done: this is what would happen now."
AGAIN = "{} has acted on this projection meanwhile. This is what would happen now."
TWICE = "This replay was asked for already: the button was pressed twice."


class ReplayForm(ReasonForm):
    """The reason and the ticket, with what is confirmed, and the most events a second.

    ``seen``: the newest act on the projection that the preview knew. ``since`` is a time here, as in the preview's address.
    """

    digest = forms.CharField(max_length=LONGEST_DIGEST)
    seen = forms.IntegerField(min_value=0)
    ticket = required_text(LONGEST_TICKET, "Give the ticket, such as SUP-8812. If there is none, say so.")
    throttle = speed_field("event")
    read = forms.CharField(required=False)
    """Posted once for each hazard that was read, by its code."""

    @property
    def confirmation(self) -> Confirmation:
        """Of a valid form."""
        return Confirmation(digest=self.cleaned_data["digest"], since=self.cleaned_data["seen"])


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplaySaid(Said):
    """``unread``: a grave hazard was not ticked as read."""

    unread: bool = False

    @property
    def ticket(self) -> str:
        return self.entered("ticket")


@page(REPLAY_EVENTS.name)
def new(request: HttpRequest) -> HttpResponse:
    """The preview: nothing is touched."""
    return _preview(request, asked_in(request.GET, profile_of(request)), ReplaySaid(), until=request.GET.get("until", ""))


@page(REPLAY_EVENTS.name, methods=("POST",))
def create(request: HttpRequest) -> HttpResponse:
    """Queue the job as previewed, or have it wait for a second person, if the confirmation is of what would happen now."""
    asked, form = asked_in(request.POST, profile_of(request)), ReplayForm(request.POST)
    aim = aim_of(request, asked, until=request.POST.get("until", ""), ticket=str(form.data.get("ticket", "")).strip())
    resource = desk().replay_plans.resource(aim.projection)
    already = _already(request, resource)
    if already is not None:
        messages.info(request, TWICE)
        return HttpResponseRedirect(reverse("replay", args=[already]))
    if not form.is_valid():
        return _preview(request, asked, ReplaySaid(status=422, form=form), until=request.POST.get("until", ""))
    try:
        job = _confirmed(request, aim, form)
    except UnreadHazards:
        return _preview(request, asked, ReplaySaid(status=422, form=form, unread=True), until=request.POST.get("until", ""))
    except (ResourceBusy, StalePlan, JobRefused, StoreUnreachable) as refused:
        notice = _changed_by(resource, form) if isinstance(refused, StalePlan) else str(refused)
        status = 502 if isinstance(refused, StoreUnreachable) else 409
        return _preview(request, asked, ReplaySaid(status=status, notice=notice, form=form))
    return HttpResponseRedirect(reverse("replay", args=[job]))


def _confirmed(request: HttpRequest, aim: Aim, form: ReplayForm) -> str:
    """Return the job's id. Raises as ``ReplayPlanFace.confirm``."""
    job = desk().replay_plans.confirm(
        actor_of(request),
        aim,
        confirmation=form.confirmation,
        reason=form.cleaned_data["reason"],
        throttle=speed_of(form),
        read=request.POST.getlist("read"),
    )
    return job.id


def _already(request: HttpRequest, resource: Resource) -> str | None:
    """The job of this very confirmation, if the button was pressed twice."""
    seen, fixed = number_in(request.POST.get("seen", "")) or 0, request.POST.get("digest", "").partition("/")[0]
    last = asked_before(resource, seen, person_of(request).username, fixed)
    if last is None or last.action != REPLAY_EVENTS.name or last.state is State.FAILED:
        return None
    return str(last.details["job"])


def _changed_by(resource: Resource, form: ReplayForm) -> str:
    last = newest_since(resource, form.cleaned_data["seen"])
    return AGAIN.format(last.actor) if last is not None else CHANGED


def _preview(request: HttpRequest, asked: Asked, said: ReplaySaid, *, until: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "asked": asked,
        "given": asked.given,
        "events": " ".join(asked.events),
        "projections": projections_for(asked),
        "kinds": list(Kind),
        "said": said,
        "longest_reason": LONGEST_REASON,
        "longest_ticket": LONGEST_TICKET,
        "ticket": said.ticket or (case.ticket if (case := open_case_of(request)) else ""),
        "back": reverse("replays"),
    }
    try:
        aim = aim_of(request, asked, until=until)
        last = newest(desk().replay_plans.resource(aim.projection))
        plan = desk().replay_plans.plan(aim, actor_of(request))
    except IncompleteReplay as missing:
        context |= {"plan": None, "missing": str(missing)}
        return render(request, "replays/new.html", context, status=said.status)
    except EventStoreError as error:
        context |= {"plan": None, "why": str(error)}
        return render(request, "replays/new.html", context, status=max(said.status, 409))
    context |= {**preview_of(plan, profile_of(request)), "seen": last.number if last else 0, **_form(asked, plan)}
    return render(request, "replays/new.html", context, status=said.status)


def _form(asked: Asked, plan: ReplayPlan) -> Mapping[str, Any]:
    return {
        "until": until_as_posted(plan.until),
        "ways": [(TITLES[way], asked.address(way=way.value), way is plan.way) for way in asked.ways],
        "canary": canary_address(asked, plan),
        "tried": plan.only if plan.only != ("", "") else None,
        "way": plan.way.value,
        "can_throttle": plan.way in THROTTLED,
        "nothing": plan.events == 0 or not plan.choice.topics,
        "button": "Ask for approval" if plan.approval else "Replay",
    }


urls = [
    path("replays/new/", new, name="replay_new"),
    path("replays/confirmations/", create, name="replay_confirmations"),
]
