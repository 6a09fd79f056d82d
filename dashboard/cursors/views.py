"""Moving a cursor: a preview with counts, its confirmation, and the move.

The way of a move: ``new`` shows a preview. ``create`` takes its confirmation, and the desk carries it out under the lock of
the subscription, unless the subscription was acted on since the preview. If a move was not wholly done, the result for each
partition is shown. Resets and skips have addresses of their own, and the rest in common.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils.html import format_html

from dashboard.auditing.acts import Act, asked_before, newest, newest_since, number_in
from dashboard.cursors import after_move
from dashboard.cursors.aims import Aim, refuse_unchosen, reset_aim, skip_aim
from dashboard.cursors.forms import ConfirmationForm
from dashboard.cursors.given import WrongTarget
from dashboard.cursors.preview import PreviewNotes, RequestedMove, choose_again, planned, preview
from dashboard.cursors.texts import Failure, failure_of, what_came_of
from dashboard.cursors.wording import deed_of, done_words
from dashboard.gateway import desk
from dashboard.models import State
from dashboard.rendering import build_line
from dashboard.rendering.text import visible
from dashboard.web.pages import actor_of, page, page_token_of, person_of, profile_of, render
from eventstore.actions import Ending, subscription_resource
from eventstore.cursors import RESET_CURSOR, SKIP_EVENT, is_confirmed_by
from eventstore.model import (
    EventStoreError,
    InvalidPosition,
    LeaseLost,
    NothingToMove,
    ResourceBusy,
    StalePlan,
    StoreRefused,
    StoreUnreachable,
    Topic,
)

CHANGED = "The subscription has changed since you looked. Nothing was moved: this is what would happen now."
MEANWHILE = {
    State.DONE: "has {did} this subscription meanwhile",
    State.PARTLY_DONE: "has {did} this subscription meanwhile, in part",
    State.UNKNOWN: "may have {did} this subscription meanwhile",
    State.INTENDED: "has begun to {begun} this subscription meanwhile",
}
"""What somebody's newer act means for a preview. Failed acts changed nothing, and make no preview out of date."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Resets or skips: the name of the form's choice, how it is understood, and the name of the preview's address."""

    choice: str
    aim_of: Callable[[QueryDict, Topic], Aim]
    preview: str


RESETS = Kind(choice="to", aim_of=reset_aim, preview="cursor_reset_new")
SKIPS = Kind(choice="skip", aim_of=skip_aim, preview="skip_new")


@page(RESET_CURSOR.name)
def new_reset(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The preview: nothing is touched."""
    return _new(request, topic, name, RESETS)


@page(RESET_CURSOR.name, methods=("POST",))
def create_reset(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """Reset as previewed, if the confirmation is of what would happen now."""
    return _create(request, topic, name, RESETS)


@page(RESET_CURSOR.name)
def reset_events(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """All events that a reset would skip."""
    return _events(request, topic, name, RESETS)


@page(SKIP_EVENT.name)
def new_skip(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The preview: nothing is touched."""
    return _new(request, topic, name, SKIPS)


@page(SKIP_EVENT.name, methods=("POST",))
def create_skip(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """Skip as previewed, if the confirmation is of what would happen now."""
    return _create(request, topic, name, SKIPS)


@page(SKIP_EVENT.name)
def skip_events(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """All events that a skip would skip."""
    return _events(request, topic, name, SKIPS)


def _new(request: HttpRequest, topic: str, name: str, kind: Kind) -> HttpResponse:
    found = desk().streams.topic(topic)
    try:
        refuse_unchosen(request.GET, kind.choice)
        wanted = _wanted(request.GET, found, name, kind)
    except (WrongTarget, InvalidPosition, NothingToMove) as problem:
        return choose_again(request, found, name, request.GET, str(problem), skips=kind is SKIPS)
    return preview(request, wanted, PreviewNotes())


def _create(request: HttpRequest, topic: str, name: str, kind: Kind) -> HttpResponse:
    found = desk().streams.topic(topic)
    try:
        wanted = _wanted(request.POST, found, name, kind)
    except (WrongTarget, InvalidPosition, NothingToMove) as problem:
        if _pressed_twice(request, found, name):
            return _to_subscription(found, name)
        return choose_again(request, found, name, request.POST, str(problem), skips=kind is SKIPS)
    form = ConfirmationForm(request.POST, must_type=name if wanted.must_type else "")
    if not wanted.plan.confirmed_by(request.POST.get("digest", "")):
        return _stale(request, wanted, form)
    if not form.is_valid():
        return preview(request, wanted, PreviewNotes(status=422, form=form, reason=form.reason_given))
    return _carry_out(request, wanted, form)


def _events(request: HttpRequest, topic: str, name: str, kind: Kind) -> HttpResponse:
    found = desk().streams.topic(topic)
    try:
        wanted = _wanted(request.GET, found, name, kind)
    except (WrongTarget, NothingToMove) as problem:
        return choose_again(request, found, name, request.GET, str(problem), skips=kind is SKIPS)
    here, lost, profile = desk().cursors, wanted.plan.lost, profile_of(request)
    page_token = page_token_of(request)
    events = here.page(lost, page_token=page_token, limit=settings.EVENTDESK.limits.page_size)
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        "wanted": wanted,
        "page": events,
        "lines": [build_line(row, profile) for row in events.items],
        "summary": here.summary(lost),
        "query": kept.urlencode(),
        "preview_url": f"{reverse(kind.preview, args=[found.name, name])}?{kept.urlencode()}",
    }
    return render(request, "cursor_resets/events.html", context)


def _wanted(given: QueryDict, topic: Topic, name: str, kind: Kind) -> RequestedMove:
    return planned(topic, subscription_resource(topic.name, name), kind.aim_of(given, topic))


def _carry_out(request: HttpRequest, wanted: RequestedMove, form: ConfirmationForm) -> HttpResponse:
    actor = actor_of(request)
    reason, aim = form.cleaned_data["reason"], wanted.aim
    try:
        performed = desk().cursors.confirm(
            actor, aim.action, wanted.resource, aim.target, confirmation=form.confirmation, reason=reason
        )
    except ResourceBusy as busy:
        return _not_begun(request, wanted, form, str(busy))
    except (StalePlan, NothingToMove):
        return _not_begun(request, wanted, form, "")
    except (StoreRefused, StoreUnreachable, LeaseLost) as error:
        _note_ended(request, wanted, form.cleaned_data["since"])
        return _not_done(request, wanted, form, failure_of(error))
    finally:
        after_move.forget_figures()
    after_move.note_skips(performed.plan, performed.outcome)
    if performed.outcome.ending is not Ending.DONE:
        return _not_done(request, wanted, form, what_came_of(performed.outcome))
    done = replace(wanted, plan=performed.plan)
    level = messages.WARNING if done.may_lose else messages.SUCCESS
    url = reverse("cursor_moves", args=[wanted.topic.name, wanted.name])
    words = format_html('{} <a href="{}">Follow its events</a>', done_words(aim, wanted.name, performed.plan), url)
    messages.add_message(request, level, words)
    return _to_subscription(wanted.topic, wanted.name)


def _not_begun(request: HttpRequest, wanted: RequestedMove, form: ConfirmationForm, busy: str) -> HttpResponse:
    """Somebody is moving it, or did since the preview. If that was this same confirmation, the button was pressed twice."""
    meanwhile = newest_since(wanted.resource, form.cleaned_data["since"])
    if meanwhile and _is_this_one(meanwhile, request, wanted, form):
        if meanwhile.state == State.INTENDED:
            doing = format_html("{} {} at this moment.", visible(wanted.name), wanted.aim.action.doing)
            messages.info(request, doing)
        return _to_subscription(wanted.topic, wanted.name)
    notice = busy or _changed_by(meanwhile)
    try:
        again = planned(wanted.topic, wanted.resource, wanted.aim)
    except NothingToMove as nothing:
        skips = wanted.aim.action is not RESET_CURSOR
        return choose_again(request, wanted.topic, wanted.name, request.POST, f"{notice} {nothing}", skips=skips)
    return preview(request, again, PreviewNotes(status=409, notice=notice, reason=form.reason_given))


def _stale(request: HttpRequest, wanted: RequestedMove, form: ConfirmationForm) -> HttpResponse:
    """What would happen is not what was confirmed. If it was done by this very confirmation, the button was pressed twice."""
    if _pressed_twice(request, wanted.topic, wanted.name):
        return _to_subscription(wanted.topic, wanted.name)
    notice = _changed_by(newest_since(wanted.resource, _posted_since(request)))
    return preview(request, wanted, PreviewNotes(status=409, notice=notice, reason=form.reason_given))


def _note_ended(request: HttpRequest, wanted: RequestedMove, since: int) -> None:
    """An error has ended the move. If it was begun, it may have moved something all the same."""
    last = newest_since(wanted.resource, since)
    if last and last.actor == person_of(request).username and last.state != State.INTENDED:
        after_move.note_act(last)


def _not_done(request: HttpRequest, wanted: RequestedMove, form: ConfirmationForm, failure: Failure) -> HttpResponse:
    """The preview once more, as things are now; where the store does not answer, as they were."""
    try:
        again = planned(wanted.topic, wanted.resource, wanted.aim)
    except EventStoreError:
        last = newest(wanted.resource)
        again = replace(wanted, since=last.number if last else 0)
    return preview(request, again, PreviewNotes(status=502, failure=failure, reason=form.reason_given))


def _to_subscription(topic: Topic, name: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("subscription", args=[topic.name, name]))


def _changed_by(act: Act | None) -> str:
    if act is None:
        return CHANGED
    did, begun = deed_of(act.action)
    words = MEANWHILE.get(act.state, MEANWHILE[State.DONE]).format(did=did, begun=begun)
    return f"{act.actor} {words}. This is what would happen now."


def _posted_since(request: HttpRequest) -> int | None:
    return number_in(request.POST.get("since", ""))


def _pressed_twice(request: HttpRequest, topic: Topic, name: str) -> bool:
    """Whether this person has just asked for this with this very confirmation, for the same reason: it was sent twice."""
    given, resource = request.POST, subscription_resource(topic.name, name)
    act = asked_before(
        resource,
        _posted_since(request),
        person_of(request).username,
        given.get("digest", ""),
        is_confirmed=is_confirmed_by,
    )
    if act is None or act.state not in (State.DONE, State.INTENDED):
        return False
    return act.details.get("reason") == given.get("reason", "").strip()


def _is_this_one(act: Act, request: HttpRequest, wanted: RequestedMove, form: ConfirmationForm) -> bool:
    """Whether the act is what this very confirmation asks for, done or under way."""
    same_person = act.actor == person_of(request).username
    same_reason = act.details.get("reason") == form.cleaned_data["reason"]
    same_place = act.action == wanted.aim.action.name and act.details.get("to") == wanted.plan.places()
    return act.state in (State.DONE, State.INTENDED) and same_person and same_reason and same_place


_OF = "topics/<segment:topic>/subscriptions/<segment:name>"
urls = [
    path(f"{_OF}/cursor-resets/new/", new_reset, name="cursor_reset_new"),
    path(f"{_OF}/cursor-resets/events/", reset_events, name="cursor_reset_events"),
    path(f"{_OF}/cursor-resets/", create_reset, name="cursor_resets"),
    path(f"{_OF}/skips/new/", new_skip, name="skip_new"),
    path(f"{_OF}/skips/events/", skip_events, name="skip_events"),
    path(f"{_OF}/skips/", create_skip, name="skips"),
]
