"""Redriving dead letters: a preview, its confirmation with a reason, and the job that does it."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.auditing.acts import Act, newest, newest_since
from dashboard.auditing.reasons import LONGEST_REASON
from dashboard.gateway import desk
from dashboard.jobs.asked import Said, speed_field, speed_of
from dashboard.letters.asked import as_posted
from dashboard.letters.confirming import AGAIN, CHANGED, ConfirmationForm, act_of
from dashboard.letters.lines import letter_lines
from dashboard.models import State
from dashboard.redrives.asked import AskedRedrive, address_of, asked_redrive, until_as_posted
from dashboard.web.filter_form import EnteredFilter
from dashboard.web.pages import actor_of, page, problem, profile_of, render
from dashboard.web.problems import Problem
from eventstore.actions import Resource
from eventstore.letters import KEEPER
from eventstore.model import EventStoreError, InvalidPosition, ResourceBusy, StalePlan, StoreRefused, StoreUnreachable
from eventstore.redrives import MOST_LETTERS, REDRIVE_LETTERS, RedrivePlan, resource_of

SHOWN = 20
"""Letters that a preview shows as lines."""
TWICE = "This redrive was queued already: the button was pressed twice."
ENDED = (
    "This redrive was queued, and its job has not done all of it. Resume the job, or go back to the letters that still wait."
)
REFUSALS = (ResourceBusy, StalePlan, InvalidPosition, StoreRefused, StoreUnreachable)


class RedriveForm(ConfirmationForm):
    """The reason, with what is confirmed, and the most letters a second."""

    throttle = speed_field("letter")
    others = forms.BooleanField(required=False)
    """Whether it was confirmed that other subscriptions get the letters too."""


@page(REDRIVE_LETTERS.name)
def new(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The preview: nothing is touched."""
    wanted = asked_redrive(request, topic, name)
    return _bad_filter(request, wanted) if isinstance(wanted, EnteredFilter) else _preview(request, wanted, Said())


@page(REDRIVE_LETTERS.name, methods=("POST",))
def create(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """Queue the job as previewed, if the confirmation is of what would happen now."""
    wanted = asked_redrive(request, topic, name)
    if isinstance(wanted, EnteredFilter):
        return _bad_filter(request, wanted)
    resource = resource_of(wanted.dead.topic.name)
    already = act_of(request, resource, REDRIVE_LETTERS.name)
    job: str | None = None
    if already is not None and already.state is not State.FAILED:
        job = str(already.details["job"])
        messages.info(request, TWICE if already.state in (State.INTENDED, State.DONE) else ENDED)
    else:
        form = RedriveForm(request.POST)
        try:
            job = _queued(request, wanted, resource, form) if form.is_valid() else None
        except REFUSALS as refused:
            notice = _changed_by(resource, form) if isinstance(refused, StalePlan) else str(refused)
            status = 502 if isinstance(refused, StoreRefused | StoreUnreachable) else 409
            return _preview(request, wanted, Said(status=status, notice=notice, form=form))
        if job is None:
            return _preview(request, wanted, Said(status=422, form=form))
    return HttpResponseRedirect(reverse("job", args=[job]))


def _queued(request: HttpRequest, wanted: AskedRedrive, resource: Resource, form: RedriveForm) -> str | None:
    """Return the job's id; ``None`` if other subscriptions get the letters and that was not confirmed.

    The letters are gone through only once, which takes seconds.
    """
    if wanted.target.others and not form.cleaned_data["others"]:
        form.add_error("others", "Confirm that these subscriptions get the letters too.")
        return None
    job = desk().jobs.confirm(
        actor_of(request),
        REDRIVE_LETTERS,
        resource,
        wanted.aim,
        confirmation=form.confirmation,
        reason=form.cleaned_data["reason"],
        throttle=speed_of(form),
    )
    return job.id


def _changed_by(resource: Resource, form: RedriveForm) -> str:
    last = newest_since(resource, form.cleaned_data["since"])
    return AGAIN.format(last.actor) if last is not None else CHANGED


def _preview(request: HttpRequest, wanted: AskedRedrive, said: Said) -> HttpResponse:
    resource = resource_of(wanted.dead.topic.name)
    last: Act | None = newest(resource)
    context: dict[str, Any] = {
        "asked": wanted.asked,
        "topic": wanted.asked.topic,
        "name": wanted.asked.name,
        "dead": wanted.dead,
        "keeper": KEEPER,
        "targets": wanted.targets,
        "target": wanted.target,
        "filter": wanted.filter,
        "letters": as_posted(wanted.aim.positions),
        "here": address_of(wanted),
        "alone": wanted.aim.alone,
        "since": last.number if last else 0,
        "said": said,
        "undo": REDRIVE_LETTERS.undo,
        "longest_reason": LONGEST_REASON,
        "most": MOST_LETTERS,
        "workers": desk().jobs.workers(REDRIVE_LETTERS.name),
    }
    try:
        plan = desk().jobs.plan(REDRIVE_LETTERS, resource, wanted.aim)
    except EventStoreError as error:
        context |= {"plan": None, "why": str(error)}
        return render(request, "redrives/new.html", context, status=max(said.status, 409))
    context |= {"plan": plan, **_shown(request, wanted, plan)}
    return render(request, "redrives/new.html", context, status=said.status)


def _shown(request: HttpRequest, wanted: AskedRedrive, plan: RedrivePlan) -> Mapping[str, Any]:
    profile = profile_of(request)
    lines = letter_lines(plan.first[:SHOWN], plan.source, plan.name, profile)
    return {
        "lines": lines,
        "further": max(0, plan.letters - len(lines)),
        "until": until_as_posted(plan.until),
        "has_tries": any(line.tries is not None for line in lines),
        "has_reasons": any(line.reason for line in lines),
    }


def _bad_filter(request: HttpRequest, entered: EnteredFilter) -> HttpResponse:
    return problem(request, Problem(status=entered.status, title="This filter does not work", text=entered.problem))


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/dead-letters/redrives/new/", new, name="redrive_new"),
    path("topics/<segment:topic>/subscriptions/<segment:name>/dead-letters/redrives/", create, name="redrives"),
]
