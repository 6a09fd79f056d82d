"""All jobs, the newest first; one job, live; and pausing, resuming, cancelling and approving it, and its speed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils import timezone

from dashboard.access import policy
from dashboard.auditing.reasons import LONGEST_REASON, ReasonForm
from dashboard.gateway import desk
from dashboard.jobs.acting import acting
from dashboard.jobs.words import job_line, url_of
from dashboard.web.pages import actor_of, load_whole_page, nothing_yet, page, page_token_of, person_of, render, wants_fragment
from eventstore.actions import Actor
from eventstore.jobs import APPROVE_JOB, CANCEL_JOB, PAUSE_JOB, RESUME_JOB, THROTTLE_JOB, Job, JobRefused, State, Wish
from eventstore.model import ResourceBusy

UNDER_WAY = (State.WAITING, State.QUEUED, State.RUNNING, State.PAUSED)
SHOWN = {"": (), "open": UNDER_WAY, "ended": tuple(state for state in State if state.has_ended)}
"""The choices above the list, as its address has them."""
MIN_SPEED = 0.1
"""Events a second. Whoever wants less pauses the job."""


class SeenForm(forms.Form):
    """What a button's page showed: the newest act on the job, and whether it had failed. A later act makes it stale."""

    since = forms.IntegerField(min_value=0, max_value=2**62)
    failed = forms.BooleanField(required=False)


class SpeedForm(forms.Form):
    """Events a second; empty for as many as the workers can."""

    since = forms.IntegerField(min_value=0, max_value=2**62)
    per_second = forms.FloatField(min_value=MIN_SPEED, max_value=1_000_000, required=False)


@page("browse")
def jobs(request: HttpRequest) -> HttpResponse:
    """A page of jobs. ``show``: those under way (``open``) or ended."""
    shown = request.GET.get("show", "")
    states = SHOWN.get(shown, ())
    size = desk().config.limits.page_size
    found = desk().jobs.newest(limit=size + 1, before=_before(request), states=states)
    if empty := nothing_yet(request, there=bool(found)):
        return empty
    now = timezone.now()
    named = _reads_record(request)
    lines = [job_line(job, now, named=named) for job in found[:size]]
    context = {
        "lines": lines,
        "shown": shown if shown in SHOWN else "",
        "older": _address(shown, found[size - 1].number) if len(found) > size else "",
        "newest": _address(shown) if _before(request) is not None else "",
        "unattended": _unattended(found),
        "reads_record": named,
        "as_of": now,
    }
    return render(request, "jobs/index.html", context, fragment="jobs/_table.html")


@page("browse")
def job(request: HttpRequest, id: str) -> HttpResponse:
    """One job. When it ends, its page is loaded again, since nothing can be done to it any more."""
    found = desk().jobs.get(id)
    return load_whole_page() if found.state.has_ended and wants_fragment(request) else _shown(request, found)


@page(PAUSE_JOB.name, methods=("POST",))
def pauses(request: HttpRequest, id: str) -> HttpResponse:
    return _acted_as_seen(request, id, lambda actor, seen: desk().jobs.pause(actor, id, since=seen["since"]))


@page(RESUME_JOB.name, methods=("POST",))
def resumptions(request: HttpRequest, id: str) -> HttpResponse:
    return _acted_as_seen(request, id, lambda actor, seen: desk().jobs.resume(actor, id, **seen))


@page(APPROVE_JOB.name, methods=("POST",))
def approvals(request: HttpRequest, id: str) -> HttpResponse:
    return _acted_as_seen(request, id, lambda actor, seen: desk().jobs.approve(actor, id, since=seen["since"]))


@page(THROTTLE_JOB.name, methods=("POST",))
def throttles(request: HttpRequest, id: str) -> HttpResponse:
    form = SpeedForm(request.POST)
    if not form.is_valid():
        return _shown(request, desk().jobs.get(id), speed=form, status=400)
    given = form.cleaned_data
    return _acted(request, id, lambda actor: desk().jobs.throttle(actor, id, given["per_second"], since=given["since"]))


@page(CANCEL_JOB.name, methods=("POST",))
def cancellations(request: HttpRequest, id: str) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _shown(request, desk().jobs.get(id), form=form, status=400)
    reason = form.cleaned_data["reason"]
    return _acted(request, id, lambda actor: desk().jobs.cancel(actor, id, reason=reason))


def _acted_as_seen(request: HttpRequest, id: str, act: Callable[[Actor, Mapping[str, Any]], Job]) -> HttpResponse:
    """Act on the job if it is still as the button's page showed it."""
    form = SeenForm(request.POST)
    if not form.is_valid():
        unknown = "The button does not say what its page showed. Press it on the page below."
        return _shown(request, desk().jobs.get(id), refused=unknown, status=409)
    return _acted(request, id, lambda actor: act(actor, form.cleaned_data))


def _acted(request: HttpRequest, id: str, act: Callable[[Actor], Job]) -> HttpResponse:
    """To the job's page; if it was refused, that page says why, and that nothing was changed."""
    try:
        changed = act(actor_of(request))
    except (JobRefused, ResourceBusy) as error:
        return _shown(request, desk().jobs.get(id), refused=str(error), status=409)
    messages.success(request, _done(changed))
    return HttpResponseRedirect(url_of(changed))


def _done(job: Job) -> str:
    if job.wish is not Wish.NONE:
        return f"The job will be {'paused' if job.wish is Wish.PAUSE else 'cancelled'} as soon as nothing of it is half done."
    return {State.QUEUED: "The job is queued.", State.RUNNING: "The job continues."}.get(job.state, f"The job is {job.state}.")


def _shown(
    request: HttpRequest,
    job: Job,
    *,
    refused: str = "",
    form: ReasonForm | None = None,
    speed: SpeedForm | None = None,
    status: int = 200,
) -> HttpResponse:
    now, reads_record = timezone.now(), _reads_record(request)
    context = {
        "line": job_line(job, now, named=reads_record),
        "since": desk().jobs.newest_act(job),
        "acting": acting(person_of(request), job),
        "workers": desk().jobs.workers(job.kind),
        "refused": refused,
        "form": form,
        "speed": speed,
        "min_speed": MIN_SPEED,
        "longest_reason": LONGEST_REASON,
        "as_of": now,
        "cancel_undo": CANCEL_JOB.undo.how,
        "reads_record": reads_record,
    }
    return render(request, "jobs/show.html", context, fragment="jobs/_job.html", status=status)


def _reads_record(request: HttpRequest) -> bool:
    """Whether this person may know who did what, and why."""
    return policy.allows(person_of(request), "read_audit")


def _unattended(found: Sequence[Job]) -> bool:
    """Whether a job waits for a worker, and none is running."""
    waits = any(job.state is State.QUEUED and job.not_before is None for job in found)
    return waits and not desk().jobs.workers()


def _before(request: HttpRequest) -> int | None:
    given = page_token_of(request) or ""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def _address(shown: str, before: int | None = None) -> str:
    query = QueryDict(mutable=True)
    if shown in SHOWN and shown:
        query["show"] = shown
    if before is not None:
        query["page"] = str(before)
    return f"{reverse('jobs')}?{query.urlencode()}" if query else reverse("jobs")


urls = [
    path("jobs/", jobs, name="jobs"),
    path("jobs/<segment:id>/", job, name="job"),
    path("jobs/<segment:id>/pauses/", pauses, name="job_pauses"),
    path("jobs/<segment:id>/resumptions/", resumptions, name="job_resumptions"),
    path("jobs/<segment:id>/cancellations/", cancellations, name="job_cancellations"),
    path("jobs/<segment:id>/throttles/", throttles, name="job_throttles"),
    path("jobs/<segment:id>/approvals/", approvals, name="job_approvals"),
]
