"""Approving a replay that somebody else has asked for: its plan as it is now, and the agreement to that very plan."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.auditing.reasons import LONGEST_DIGEST, LONGEST_REASON
from dashboard.gateway import desk
from dashboard.replays.asking.shown import preview_of
from dashboard.web.pages import actor_of, page, person_of, profile_of, render
from eventstore.jobs import APPROVE_JOB, Job, JobRefused, State
from eventstore.model import EventStoreError, ResourceBusy, StalePlan, StoreUnreachable

STALE = (
    "What would happen now is not what was asked for: events were removed, the cursor was moved, or a new danger has come. "
    "It cannot be approved. Cancel it, and ask for a new plan."
)


class ApprovalForm(forms.Form):
    """Which plan is approved. ``since``: the newest act on the job that the page knew."""

    digest = forms.CharField(max_length=LONGEST_DIGEST)
    since = forms.IntegerField(min_value=0, max_value=2**62)
    reason = forms.CharField(max_length=LONGEST_REASON, required=False)


@page(APPROVE_JOB.name)
def approval(request: HttpRequest, id: str) -> HttpResponse:
    """The plan, and the button that approves it, for whoever may."""
    return _shown(request, desk().jobs.get(id))


@page(APPROVE_JOB.name, methods=("POST",))
def approvals(request: HttpRequest, id: str) -> HttpResponse:
    job, form = desk().jobs.get(id), ApprovalForm(request.POST)
    if not form.is_valid():
        unknown = "The button does not say which plan its page showed. Look at the plan below, and approve that."
        return _shown(request, job, refused=unknown, status=409)
    actor, given = actor_of(request), form.cleaned_data
    try:
        desk().replay_plans.approve(actor, id, digest=given["digest"], reason=given["reason"], since=given["since"])
    except (JobRefused, ResourceBusy, StalePlan, StoreUnreachable) as refused:
        status = 502 if isinstance(refused, StoreUnreachable) else 409
        return _shown(request, desk().jobs.get(id), refused=str(refused), status=status)
    messages.success(request, "The replay is approved, and queued.")
    return HttpResponseRedirect(reverse("replay", args=[id]))


def _shown(request: HttpRequest, job: Job, *, refused: str = "", status: int = 200) -> HttpResponse:
    person = person_of(request)
    context: dict[str, Any] = {
        "job": job,
        "refused": refused,
        "since": desk().jobs.newest_act(job),
        "waits": job.state is State.WAITING,
        "own": job.asker.name == person.username,
        "longest_reason": LONGEST_REASON,
    }
    try:
        plan = desk().replay_plans.plan_of(job)
    except EventStoreError as error:
        context |= {"plan": None, "why": str(error)}
        return render(request, "replays/approval.html", context, status=max(status, 409))
    stale = "" if plan.confirmed_by(job.digest) else STALE
    context |= {**preview_of(plan, profile_of(request)), "stale": stale, "ticket": plan.ticket}
    return render(request, "replays/approval.html", context, status=status)


urls = [
    path("replays/<hex:id>/approval/", approval, name="replay_approval"),
    path("replays/<hex:id>/approvals/", approvals, name="replay_approvals"),
]
