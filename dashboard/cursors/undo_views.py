"""Undoing a move: a preview of what is delivered then, its confirmation, and the undo.

Only the newest move of a subscription can be undone, and an undo cannot. The way is that of every move (``views``): planned
again under the lock, refused if anybody acted on the subscription since, and told by partition if it was not wholly done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html

from dashboard.auditing.acts import Act, newest
from dashboard.auditing.reasons import LONGEST_REASON
from dashboard.cursors import after_move
from dashboard.cursors.forms import ConfirmationForm
from dashboard.cursors.newest import moved_words, newest_move
from dashboard.cursors.preview import PreviewNotes
from dashboard.cursors.texts import failure_of, what_came_of
from dashboard.cursors.undo_texts import button_words, consequences
from dashboard.gateway import desk
from dashboard.models import State
from dashboard.rendering.text import visible
from dashboard.web.pages import actor_of, page, person_of, render
from eventstore.actions import Ending, Resource, action_named, subscription_resource
from eventstore.cursors import UNDO_MOVE, UndoPlan, undone_of
from eventstore.model import (
    EventStoreError,
    LeaseLost,
    MadeAnew,
    ResourceBusy,
    StalePlan,
    StoreRefused,
    StoreUnreachable,
    Topic,
)

NOTHING_KEPT = (
    "No move of this subscription is on the record with the place before it, so there is nothing to undo. Reset the cursor to "
    "an event instead."
)
UNDER_WAY = (
    "{} has begun a move of this subscription, and it has not ended yet, or its process was ended within it. Until that is "
    "known there is nothing to undo: look again in a moment."
)
UNDOING = "{} is undoing that move at this moment, or the process was ended within it. Look again in a moment."
UNDONE = "{} has undone that move already. To move the cursor again, reset it."
UNDONE_IN_PART = (
    "{} has begun to undo that move, and not all of it is known to be done. Look at the subscription's cursors, and reset "
    "those that stand elsewhere than they should."
)
UNDOES = {State.DONE: UNDONE, State.INTENDED: UNDOING}
ANOTHER = "{} That was another move than the one that you wanted to undo. Look at the newest one."
CHANGED = "The subscription has changed since you looked. Nothing was moved: this is what would happen now."


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestedUndo:
    """As ``preview.RequestedMove``. ``act`` is the move that is undone."""

    topic: Topic
    resource: Resource
    act: Act
    since: int
    plan: UndoPlan

    @property
    def must_type(self) -> bool:
        touched = self.plan.touched
        return touched is None or self.plan.at_least or touched > settings.EVENTDESK.limits.typed_confirmation_above

    @property
    def may_lose(self) -> bool:
        """Whether something is missing or comes twice: nothing in green then."""
        counts = self.plan.counts
        return counts.gone != 0 or counts.twice != 0 or self.plan.at_least or self.plan.inside_batches


@page(UNDO_MOVE.name)
def new(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The preview: nothing is touched."""
    found = desk().streams.topic(topic)
    return _preview(request, _wanted(found, name, request.GET.get("act", "")), PreviewNotes())


@page(UNDO_MOVE.name, methods=("POST",))
def create(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """Undo as previewed, if the confirmation is of what would happen now."""
    found, act = desk().streams.topic(topic), request.POST.get("act", "")
    if _pressed_twice(request, subscription_resource(found.name, name), act):
        return _to_moves(found, name)
    wanted = _wanted(found, name, act)
    form = ConfirmationForm(request.POST, must_type=name if wanted.must_type else "")
    if not wanted.plan.confirmed_by(request.POST.get("digest", "")):
        return _preview(request, wanted, PreviewNotes(status=409, notice=CHANGED, reason=form.reason_given))
    if not form.is_valid():
        return _preview(request, wanted, PreviewNotes(status=422, form=form, reason=form.reason_given))
    return _carry_out(request, wanted, form)


def _wanted(topic: Topic, name: str, asked: str) -> RequestedUndo:
    """The undo of the newest move. Raises ``StalePlan`` if that cannot be undone, or is another than the one asked for."""
    resource = subscription_resource(topic.name, name)
    last, act = newest(resource), newest_move(resource)
    desk().subscriptions.named(topic.name, name)
    if act is None:
        raise StalePlan(NOTHING_KEPT)
    if act.action == UNDO_MOVE.name:
        raise StalePlan(UNDOES.get(act.state, UNDONE_IN_PART).format(visible(act.actor)))
    if asked and asked != str(act.act):
        raise StalePlan(ANOTHER.format(moved_words(act)))
    undone = undone_of(str(act.act), act.details, act.outcome)
    if act.state == State.INTENDED:
        raise StalePlan(UNDER_WAY.format(visible(act.actor)))
    if undone is None:
        raise StalePlan(NOTHING_KEPT)
    try:
        plan = desk().cursors.plan(UNDO_MOVE, resource, undone)
    except MadeAnew as error:
        raise StalePlan(str(error)) from error
    return RequestedUndo(topic=topic, resource=resource, act=act, since=last.number if last else 0, plan=plan)


def _carry_out(request: HttpRequest, wanted: RequestedUndo, form: ConfirmationForm) -> HttpResponse:
    actor = actor_of(request)
    topic, name = wanted.topic, wanted.resource.subscription
    try:
        performed = desk().cursors.confirm(
            actor,
            UNDO_MOVE,
            wanted.resource,
            wanted.plan.undone,
            confirmation=form.confirmation,
            reason=form.cleaned_data["reason"],
        )
    except ResourceBusy as busy:
        return _again(request, wanted, PreviewNotes(status=409, notice=str(busy), reason=form.reason_given))
    except (StalePlan, MadeAnew):
        return _again(request, wanted, PreviewNotes(status=409, notice=CHANGED, reason=form.reason_given))
    except (StoreRefused, StoreUnreachable, LeaseLost) as error:
        return _again(request, wanted, PreviewNotes(status=502, failure=failure_of(error), reason=form.reason_given))
    finally:
        after_move.forget_figures()
    after_move.note_undo(performed.plan)
    if performed.outcome.ending is not Ending.DONE:
        notes = PreviewNotes(status=502, failure=what_came_of(performed.outcome), reason=form.reason_given)
        return _after_part(request, replace(wanted, plan=performed.plan), notes)
    done = replace(wanted, plan=performed.plan)
    level = messages.WARNING if done.may_lose else messages.SUCCESS
    messages.add_message(request, level, format_html("The move of {} was undone.", visible(name)))
    return _to_moves(topic, name)


def _again(request: HttpRequest, wanted: RequestedUndo, said: PreviewNotes) -> HttpResponse:
    """The preview once more, as things are now; where the store does not answer, as they were."""
    try:
        wanted = _wanted(wanted.topic, wanted.resource.subscription, str(wanted.act.act))
    except StalePlan:
        raise
    except EventStoreError:
        last = newest(wanted.resource)
        wanted = replace(wanted, since=last.number if last else 0)
    return _preview(request, wanted, said)


def _after_part(request: HttpRequest, wanted: RequestedUndo, said: PreviewNotes) -> HttpResponse:
    """An undo that was done in part is the newest act now, and is not undone: the page of moves says what became of it."""
    for sentence in said.failure[1]:
        messages.error(request, f"{said.failure[0]} {sentence}")
    return _to_moves(wanted.topic, wanted.resource.subscription)


def _preview(request: HttpRequest, wanted: RequestedUndo, said: PreviewNotes) -> HttpResponse:
    return render(request, "cursor_undos/new.html", _context(wanted, said), status=said.status)


def _context(wanted: RequestedUndo, said: PreviewNotes) -> Mapping[str, Any]:
    can, action = desk().subscriptions.capabilities, action_named(wanted.act.action)
    return {
        "topic": wanted.topic,
        "name": wanted.resource.subscription,
        "act": wanted.act,
        "title": action.title if action else wanted.act.action,
        "plan": wanted.plan,
        "consequences": consequences(wanted.plan, can),
        "said": said,
        "since": wanted.since,
        "must_type": wanted.must_type,
        "may_lose": wanted.may_lose,
        "limit": settings.EVENTDESK.limits.typed_confirmation_above,
        "button": button_words(wanted.plan),
        "longest_reason": LONGEST_REASON,
    }


def _pressed_twice(request: HttpRequest, resource: Resource, act: str) -> bool:
    """Whether this person has just undone this very move: the same confirmation was sent twice."""
    last = newest_move(resource)
    if last is None or last.action != UNDO_MOVE.name:
        return False
    mine = (last.actor, last.details.get("reason")) == (person_of(request).username, request.POST.get("reason", "").strip())
    return mine and last.details.get("undoes") == act and last.state in (State.DONE, State.INTENDED)


def _to_moves(topic: Topic, name: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("cursor_moves", args=[topic.name, name]))


_OF = "topics/<segment:topic>/subscriptions/<segment:name>"
urls = [
    path(f"{_OF}/undos/new/", new, name="cursor_undo_new"),
    path(f"{_OF}/undos/", create, name="cursor_undos"),
]
