"""Resetting a cursor: a preview with counts, its confirmation, and the reset.

The way of a reset: ``new`` shows a preview. ``create`` takes its confirmation, and the desk carries it out under the lock of
the subscription, unless the subscription was acted on since the preview. If a reset was not wholly done, the result for each
partition is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils.html import format_html

from dashboard.auditing.acts import Act, newest
from dashboard.cursors import after_move
from dashboard.cursors.forms import (
    LONGEST_REASON,
    Aim,
    ConfirmationForm,
    WrongTarget,
    aim_of,
    given_time,
    refuse_unchosen,
)
from dashboard.cursors.texts import count_words, outcome_sentences, place_words, touched_words
from dashboard.gateway import desk
from dashboard.models import State
from dashboard.rendering import build_line
from dashboard.rendering.text import visible
from dashboard.web.pages import page, person_of, profile_of, render
from eventstore.actions import Actor, Ending, Outcome, Resource, outcome_of_error, subscription_resource
from eventstore.cursors import RESET_CURSOR, ResetPlan
from eventstore.model import (
    EventStoreError,
    InvalidPosition,
    LeaseLost,
    ResourceBusy,
    StalePlan,
    StoreRefused,
    StoreUnreachable,
    Topic,
)

CHANGED = "The subscription has changed since you looked. Nothing was moved: this is what would happen now."
HEADLINES = {
    Ending.PARTLY_DONE: "It was partly done.",
    Ending.UNKNOWN: "Whether this was done is not known.",
    Ending.FAILED: "The store did not do this.",
}
LOOK_FIRST = "Look at the subscription's cursors before you try again."
MEANWHILE = {
    State.DONE: "has reset this subscription meanwhile",
    State.PARTLY_DONE: "has reset this subscription meanwhile, in part",
    State.UNKNOWN: "may have reset this subscription meanwhile",
    State.INTENDED: "has begun to reset this subscription meanwhile",
}
"""What somebody's newer act means for a preview. Failed acts changed nothing, and make no preview out of date."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestedReset:
    """A reset as it was asked for: the subscription, the target, and what it would do now.

    ``since`` is the number of the newest act on the subscription. It is read before the plan is made, so that no act comes
    between them unseen.
    """

    topic: Topic
    resource: Resource
    aim: Aim
    since: int
    plan: ResetPlan

    @property
    def name(self) -> str:
        return self.resource.subscription

    @property
    def must_type(self) -> bool:
        """Whether the name must be typed: if many events are affected, or if they cannot be counted."""
        touched = self.plan.touched
        return touched is None or self.plan.at_least or touched > settings.EVENTDESK.limits.typed_confirmation_above


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewNotes:
    """Messages shown with a preview. ``notice``: why it is shown again. ``failure``: a headline, and sentences that say what
    went wrong.

    ``form`` is the form with its errors; ``reason`` what was typed there and need not be typed again.
    """

    status: int = 200
    notice: str = ""
    failure: tuple[str, Sequence[str]] = ("", ())
    form: ConfirmationForm | None = None
    reason: str = ""


@page(RESET_CURSOR.name)
def new(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The preview: nothing is touched."""
    found = desk().streams.topic(topic)
    try:
        refuse_unchosen(request.GET)
        wanted = _wanted(request.GET, found, name)
    except (WrongTarget, InvalidPosition) as problem:
        return _choose_again(request, found, name, request.GET, str(problem))
    return _preview(request, wanted, PreviewNotes())


@page(RESET_CURSOR.name, methods=("POST",))
def create(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """Reset as previewed, if the confirmation is of what would happen now."""
    found = desk().streams.topic(topic)
    try:
        wanted = _wanted(request.POST, found, name)
    except (WrongTarget, InvalidPosition) as problem:
        return _choose_again(request, found, name, request.POST, str(problem))
    form = ConfirmationForm(request.POST, must_type=name if wanted.must_type else "")
    if not wanted.plan.confirmed_by(request.POST.get("digest", "")):
        return _preview(request, wanted, PreviewNotes(status=409, notice=CHANGED, reason=_reason(form)))
    if not form.is_valid():
        return _preview(request, wanted, PreviewNotes(status=422, form=form, reason=_reason(form)))
    return _carry_out(request, wanted, form)


def _wanted(given: QueryDict, topic: Topic, name: str) -> RequestedReset:
    aim = aim_of(given, topic)
    return _planned(topic, subscription_resource(topic.name, name), aim)


def _planned(topic: Topic, resource: Resource, aim: Aim) -> RequestedReset:
    last = newest(resource)
    plan = desk().actions.plan(RESET_CURSOR, resource, aim.target)
    return RequestedReset(topic=topic, resource=resource, aim=aim, since=last.number if last else 0, plan=plan)


def _carry_out(request: HttpRequest, wanted: RequestedReset, form: ConfirmationForm) -> HttpResponse:
    actor = Actor(name=person_of(request).username, via="page")
    reason = form.cleaned_data["reason"]
    try:
        performed = desk().actions.confirm(
            actor, RESET_CURSOR, wanted.resource, wanted.aim.target, confirmation=form.confirmation, reason=reason
        )
    except ResourceBusy as busy:
        return _not_begun(request, wanted, form, str(busy))
    except StalePlan:
        return _not_begun(request, wanted, form, "")
    except (StoreRefused, StoreUnreachable, LeaseLost) as error:
        return _not_done(request, wanted, form, _what_failed(error))
    finally:
        after_move.forget_figures()
    after_move.note_skips(performed.plan, performed.outcome)
    if performed.outcome.ending is not Ending.DONE:
        return _not_done(request, wanted, form, _what_came_of_it(performed.outcome))
    level = messages.WARNING if _may_lose(performed.plan, wanted.aim) else messages.SUCCESS
    touched = touched_words(performed.plan)
    words = format_html("{} was reset to {}: {}.", visible(wanted.name), wanted.aim.words, touched)
    messages.add_message(request, level, words)
    return _to_subscription(wanted)


def _may_lose(plan: ResetPlan, aim: Aim) -> bool:
    """Whether events were skipped, or may have been: no banner in green then."""
    return plan.passed_over != 0 or (plan.at_least and aim.to != "earliest")


def _not_begun(request: HttpRequest, wanted: RequestedReset, form: ConfirmationForm, busy: str) -> HttpResponse:
    """Somebody is resetting it, or did since the preview. If that was this same confirmation, the button was pressed twice."""
    last = newest(wanted.resource)
    meanwhile = last if last and last.number > form.cleaned_data["since"] else None
    if meanwhile and _is_this_one(meanwhile, request, wanted, form):
        if meanwhile.state == State.INTENDED:
            messages.info(request, format_html("{} is being reset at this moment.", visible(wanted.name)))
        return _to_subscription(wanted)
    notice = busy or _changed_by(meanwhile)
    again = _planned(wanted.topic, wanted.resource, wanted.aim)
    return _preview(request, again, PreviewNotes(status=409, notice=notice, reason=_reason(form)))


def _not_done(
    request: HttpRequest, wanted: RequestedReset, form: ConfirmationForm, failure: tuple[str, Sequence[str]]
) -> HttpResponse:
    """The preview once more, as things are now; where the store does not answer, as they were."""
    try:
        again = _planned(wanted.topic, wanted.resource, wanted.aim)
    except EventStoreError:
        last = newest(wanted.resource)
        again = replace(wanted, since=last.number if last else 0)
    return _preview(request, again, PreviewNotes(status=502, failure=failure, reason=_reason(form)))


def _preview(request: HttpRequest, wanted: RequestedReset, said: PreviewNotes) -> HttpResponse:
    aim, plan, can = wanted.aim, wanted.plan, desk().subscriptions.capabilities
    context = {
        "topic": wanted.topic,
        "name": wanted.name,
        "aim": aim,
        "line": build_line(aim.row, profile_of(request)) if aim.row else None,
        "plan": plan,
        "moves": [(move, place_words(move)) for move in plan.moves],
        "said": said,
        "since": wanted.since,
        "must_type": wanted.must_type,
        "limit": settings.EVENTDESK.limits.typed_confirmation_above,
        "button": touched_words(plan),
        "batches": can.backlog_unit == "entries",
        "disconnects": can.reset_disconnects,
        "lists_consumers": can.lists_consumers,
        "again": count_words(plan, plan.again),
        "passed_over": count_words(plan, plan.passed_over),
        "undo": RESET_CURSOR.undo,
        "longest_reason": LONGEST_REASON,
    }
    return render(request, "cursor_resets/new.html", context, status=said.status)


def _choose_again(request: HttpRequest, topic: Topic, name: str, given: QueryDict, problem: str) -> HttpResponse:
    context = {
        "topic": topic,
        "name": name,
        "to": given.get("to", ""),
        "given_position": given.get("position", ""),
        "given_time": given_time(given),
        "problem": problem,
    }
    return render(request, "cursor_resets/choose.html", context, status=400)


def _to_subscription(wanted: RequestedReset) -> HttpResponse:
    return HttpResponseRedirect(reverse("subscription", args=[wanted.topic.name, wanted.name]))


def _changed_by(act: Act | None) -> str:
    if act is None:
        return CHANGED
    did = MEANWHILE.get(act.state, MEANWHILE[State.DONE])
    return f"{act.actor} {did}. This is what would happen now."


def _what_failed(error: EventStoreError) -> tuple[str, Sequence[str]]:
    """An error that came when nothing was known to have moved."""
    ending = outcome_of_error(error, (), {}).ending
    return HEADLINES[ending], [f"{error} {LOOK_FIRST}" if ending is Ending.UNKNOWN else str(error)]


def _what_came_of_it(outcome: Outcome) -> tuple[str, Sequence[str]]:
    sentences = outcome_sentences(outcome)
    return HEADLINES[outcome.ending], [*sentences, LOOK_FIRST] if outcome.ending is Ending.UNKNOWN else sentences


def _is_this_one(act: Act, request: HttpRequest, wanted: RequestedReset, form: ConfirmationForm) -> bool:
    """Whether the act is what this very confirmation asks for, done or under way."""
    same_person = act.actor == person_of(request).username
    same_reason = act.details.get("reason") == form.cleaned_data["reason"]
    same_place = act.details.get("to") == wanted.plan.details()["to"]
    return act.state in (State.DONE, State.INTENDED) and same_person and same_reason and same_place


def _reason(form: ConfirmationForm) -> str:
    return str(form.data.get("reason", ""))


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/cursor-resets/new/", new, name="cursor_reset_new"),
    path("topics/<segment:topic>/subscriptions/<segment:name>/cursor-resets/", create, name="cursor_resets"),
]
