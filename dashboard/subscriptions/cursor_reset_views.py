"""Resetting a subscription's cursor: a preview that counts what would happen, a confirmation of that very preview, the act."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.auditing import chain
from dashboard.auditing.chain import Act
from dashboard.gateway import desk
from dashboard.models import State
from dashboard.rendering import event_line_builder
from dashboard.rendering import text as words
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.cursor_reset_text import count_words, event_words, place_words, touched_words
from dashboard.templatetags.desk import when
from dashboard.web.pages import page, person_of, render, viewer_of
from eventstore.actions import Actor
from eventstore.model import Edge, EventStoreError, InvalidPosition, Position, StalePlan, StoreRefused, StoreUnreachable, Topic
from eventstore.streams import Row
from eventstore.subscriptions import ResetPlan

LONGEST_REASON = 500
Target = Edge | datetime | Position

_one_at_a_time = threading.Lock()
"""Between the look whether somebody has just reset it, and the reset, nobody of this process comes."""


class WrongTarget(ValueError):
    """Where the cursor shall go was not said, or cannot be used; the text says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """Where to, as it was given and as it was understood. ``words`` may hold a ``<time>``; ``row`` is the event itself."""

    to: str
    target: Target
    words: SafeString | str
    time: datetime | None = None
    row: Row | None = None


class Confirmation(forms.Form):
    """Why, and where much is touched, of what: typed, so that no hand does it by habit."""

    digest = forms.CharField(max_length=64)
    since = forms.IntegerField(min_value=0)
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        strip=True,
        error_messages={
            "required": "Say why, for the record: a ticket's number, or what went wrong.",
            "max_length": f"At most {LONGEST_REASON} characters, please.",
        },
    )
    typed = forms.CharField(required=False, strip=False, max_length=4096)

    def __init__(self, *args: Any, must_type: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.must_type = must_type

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"])
        # Some characters cannot be seen, let alone typed: as the page writes them is good enough.
        if self.must_type and typed.strip() not in (self.must_type.strip(), words.visible(self.must_type).strip()):
            raise forms.ValidationError("This is not the subscription's name. Type it exactly as it is written above.")
        return typed


@page("reset_cursor")
def new(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The preview: nothing is touched."""
    found = desk().streams.topic(topic)
    try:
        aim = _aim(request.GET, found)
        plan = desk().subscriptions.plan_cursor_reset(found.name, name, aim.target)
    except (WrongTarget, InvalidPosition) as problem:
        return _choose_again(request, found, name, request.GET, str(problem))
    return _preview(request, found, aim, plan)


@page("reset_cursor", methods=("POST",))
def create(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """Reset as previewed. Everything is looked at once more; what has changed is shown again instead of done."""
    found = desk().streams.topic(topic)
    try:
        aim = _aim(request.POST, found)
        plan = desk().subscriptions.plan_cursor_reset(found.name, name, aim.target)
    except (WrongTarget, InvalidPosition) as problem:
        return _choose_again(request, found, name, request.POST, str(problem))
    form = Confirmation(request.POST, must_type=name if _must_type(plan) else "")
    if not plan.confirmed_by(request.POST.get("digest", "")):
        return _stale(request, found, aim, plan, form)
    if not form.is_valid():
        return _preview(request, found, aim, plan, form=form, status=422)
    with _one_at_a_time:
        meanwhile = _reset_since(found.name, name, form.cleaned_data["since"])
        if meanwhile is None:
            return _reset(request, found, aim, plan, form)
    if _is_this_one(meanwhile, request, plan, form):
        return _to_subscription(found.name, name)  # the button was pressed twice
    return _stale(request, found, aim, plan, form, meanwhile)


def _reset(request: HttpRequest, topic: Topic, aim: Aim, plan: ResetPlan, form: Confirmation) -> HttpResponse:
    actor = Actor(name=person_of(request).username, via="page")
    try:
        done = desk().subscriptions.reset_cursor(
            actor,
            topic.name,
            plan.subscription,
            aim.target,
            digest=form.cleaned_data["digest"],
            reason=form.cleaned_data["reason"],
        )
    except StalePlan:
        return _stale(
            request, topic, aim, desk().subscriptions.plan_cursor_reset(topic.name, plan.subscription, aim.target), form
        )
    except (StoreRefused, StoreUnreachable) as error:
        return _not_done(request, topic, aim, plan, form, error)
    finally:
        backlog_cache.forget()
    touched = touched_words(done)
    messages.success(request, format_html("{} was reset to {}: {}.", words.visible(plan.subscription), aim.words, touched))
    return _to_subscription(topic.name, plan.subscription)


def _to_subscription(topic: str, name: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("subscription", args=[topic, name]))


def _preview(
    request: HttpRequest,
    topic: Topic,
    aim: Aim,
    plan: ResetPlan,
    *,
    form: Confirmation | None = None,
    reason: str = "",
    status: int = 200,
    notice: str = "",
    failure: str = "",
) -> HttpResponse:
    can = desk().subscriptions.capabilities
    newest = _newest(topic.name, plan.subscription)
    context = {
        "topic": topic,
        "name": plan.subscription,
        "aim": aim,
        "line": event_line_builder.event_line(aim.row, viewer_of(request)) if aim.row else None,
        "plan": plan,
        "moves": [(move, place_words(move)) for move in plan.moves],
        "form": form,
        "reason": form.data.get("reason", "") if form else reason,
        "since": newest.number if newest else 0,
        "must_type": _must_type(plan),
        "limit": settings.EVENTDESK.limits.typed_confirmation_above,
        "button": touched_words(plan),
        "batches": can.backlog_unit == "entries",
        "disconnects": can.reset_disconnects,
        "lists_consumers": can.lists_consumers,
        "again": count_words(plan, plan.again),
        "passed_over": count_words(plan, plan.passed_over),
        "notice": notice,
        "failure": failure,
        "longest_reason": LONGEST_REASON,
    }
    return render(request, "cursor_resets/new.html", context, status=status)


def _stale(
    request: HttpRequest, topic: Topic, aim: Aim, plan: ResetPlan, form: Confirmation, by: Act | None = None
) -> HttpResponse:
    notice = "The subscription has changed since you looked. Nothing was moved: this is what would happen now."
    if by is not None:
        notice = f"{by.actor} has reset this subscription meanwhile. Nothing more was moved: this is what would happen now."
    return _preview(request, topic, aim, plan, reason=form.data.get("reason", ""), status=409, notice=notice)


def _not_done(
    request: HttpRequest, topic: Topic, aim: Aim, plan: ResetPlan, form: Confirmation, error: EventStoreError
) -> HttpResponse:
    unsure = " It may have been done in part: look at the subscription's cursors before you try again."
    text = str(error) + (unsure if isinstance(error, StoreUnreachable) or len(plan.moves) > 1 else "")
    return _preview(request, topic, aim, plan, reason=form.data.get("reason", ""), status=502, failure=text)


def _choose_again(request: HttpRequest, topic: Topic, name: str, given: QueryDict, problem: str) -> HttpResponse:
    context = {
        "topic": topic,
        "name": name,
        "to": given.get("to", ""),
        "given_position": given.get("position", ""),
        "problem": problem,
    }
    return render(request, "cursor_resets/choose.html", context, status=400)


def _aim(given: QueryDict, topic: Topic) -> Aim:
    to = given.get("to", "")
    if to == "earliest":
        return Aim(to=to, target=Edge.EARLIEST, words="the first event")
    if to == "latest":
        return Aim(to=to, target=Edge.LATEST, words="what comes from now on")
    if to == "time":
        time = _time(given.get("time", ""))
        return Aim(to=to, target=time, words=format_html("events published since {}", when(time, "exact")), time=time)
    if to == "position":
        row = _row(given.get("position", "").strip(), topic)
        return Aim(to=to, target=row.position, words=event_words(row), row=row)
    raise WrongTarget(
        "Choose where the subscription shall go on: the first event, a time, one event, or what comes from now on."
    )


def _time(text: str) -> datetime:
    """An ISO 8601 time; one without an offset is UTC, as the form says where no script has changed it."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WrongTarget("Give a day and a time, such as 2026-11-22T21:10 (UTC) or 2026-11-22T21:10+01:00.") from error


def _row(text: str, topic: Topic) -> Row:
    """A position as it is copied from a list, or the id of an event that the index knows once in this topic."""
    if not text.isprintable() or not text:  # also what no database can be asked for: NUL, halves of surrogate pairs
        raise WrongTarget("Give the event's id or its position: both are copied from its page or from a list.")
    here = [found.position for found in desk().index.with_event_id(text) if found.position.topic == topic.name]
    if len(here) == 1:
        return desk().streams.row_at(here[0])
    if here:
        raise WrongTarget("This topic holds several events of this id. Give the position of the one that is meant.")
    try:
        position = Position.decode(text)
    except InvalidPosition as error:
        raise WrongTarget("The index knows no event of this id in this topic, and it is no position either.") from error
    return desk().streams.row_at(position)


def _must_type(plan: ResetPlan) -> bool:
    """Where much is touched, or nobody can say how much."""
    touched = plan.touched
    return touched is None or plan.at_least or touched > settings.EVENTDESK.limits.typed_confirmation_above


def _reset_since(topic: str, name: str, number: int) -> Act | None:
    """The newest reset of this subscription that began after the preview, unless it failed."""
    newest = _newest(topic, name)
    return newest if newest and newest.number > number else None


def _newest(topic: str, name: str) -> Act | None:
    acts = chain.acts(limit=20, action="reset_cursor", scope=f"{topic} {name}")
    return next((act for act in acts if act.state != State.FAILED), None)


def _is_this_one(act: Act, request: HttpRequest, plan: ResetPlan, form: Confirmation) -> bool:
    same_person = act.actor == person_of(request).username
    return same_person and act.details.get("reason") == form.cleaned_data["reason"] and _to(plan) == act.details.get("to")


def _to(plan: ResetPlan) -> object:
    return plan.details()["to"]


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/cursor-resets/new/", new, name="cursor_reset_new"),
    path("topics/<segment:topic>/subscriptions/<segment:name>/cursor-resets/", create, name="cursor_resets"),
]
