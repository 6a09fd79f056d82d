"""The preview of a move: what would happen now, and what is said beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse

from dashboard.auditing.acts import newest
from dashboard.auditing.reasons import LONGEST_REASON
from dashboard.cursors.aims import Aim
from dashboard.cursors.forms import ConfirmationForm
from dashboard.cursors.given import ends_text, given_time
from dashboard.cursors.texts import count_words, place_words
from dashboard.cursors.wording import button_words, heading, verb_of
from dashboard.gateway import desk
from dashboard.rendering import build_line
from dashboard.rendering.text import visible
from dashboard.web.pages import profile_of, render
from eventstore.actions import Resource
from eventstore.cursors import CLEAR, EXPIRE, RESET_CURSOR, SKIP_EVENT, MovePlan
from eventstore.model import Topic

FIRST_EVENTS = 20
"""Events that are listed on the spot."""
LONGEST_ADDRESS = 1_500
"""Characters of an address that are sure to reach the server and fit into a ticket."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestedMove:
    """A move as it was asked for: the subscription, the target, and what it would do now.

    ``since`` is the number of the newest act on the subscription. It is read before the plan is made, so that no act comes
    between them unseen.
    """

    topic: Topic
    resource: Resource
    aim: Aim
    since: int
    plan: MovePlan

    @property
    def name(self) -> str:
        return self.resource.subscription

    @property
    def must_type(self) -> bool:
        """Whether the name must be typed: if many events are affected, or if they cannot be counted."""
        touched = self.plan.touched
        return touched is None or self.plan.at_least or touched > settings.EVENTDESK.limits.typed_confirmation_above

    @property
    def may_lose(self) -> bool:
        """Whether events are skipped, or may be: nothing in green then."""
        return self.plan.passed_over != 0 or (self.plan.at_least and not self.aim.loses_nothing)


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


def planned(topic: Topic, resource: Resource, aim: Aim) -> RequestedMove:
    """Plan it as things are now. A skip of what waits now, or lies before a time, is pinned to the places that were found."""
    last = newest(resource)
    plan = desk().cursors.plan(aim.action, resource, aim.target)
    if aim.action in (CLEAR, EXPIRE):
        aim = replace(aim, target=plan.ends_aimed, fields={**aim.fields, "ends": ends_text(plan.ends_aimed)})
    return RequestedMove(topic=topic, resource=resource, aim=aim, since=last.number if last else 0, plan=plan)


def _url_of(name: str, wanted: RequestedMove) -> str:
    kind = "cursor_reset" if wanted.aim.action is RESET_CURSOR else "skip"
    return reverse(f"{kind}{name}", args=[wanted.topic.name, wanted.name])


def preview(request: HttpRequest, wanted: RequestedMove, said: PreviewNotes) -> HttpResponse:
    """The page, with the status that ``said`` has."""
    return render(request, "cursor_resets/new.html", _context(request, wanted, said), status=said.status)


def _context(request: HttpRequest, wanted: RequestedMove, said: PreviewNotes) -> Mapping[str, Any]:
    aim, plan, can = wanted.aim, wanted.plan, desk().subscriptions.capabilities
    profile = profile_of(request)
    line = build_line(aim.row, profile) if aim.row else None
    return {
        "topic": wanted.topic,
        "name": wanted.name,
        "aim": aim,
        "resets": aim.action is RESET_CURSOR,
        "verb": verb_of(aim.action.name),
        "title": verb_of(aim.action.name).title.format(visible(wanted.name)),
        "heading": heading(aim, wanted.name, line),
        "line": line,
        "plan": plan,
        "moves": [(move, place_words(move)) for move in plan.moves],
        "said": said,
        "since": wanted.since,
        "must_type": wanted.must_type,
        "may_lose": wanted.may_lose,
        "limit": settings.EVENTDESK.limits.typed_confirmation_above,
        "button": button_words(aim, wanted.name, plan),
        "create_url": _url_of("s", wanted),
        "batches": can.backlog_unit == "entries",
        "disconnects": can.reset_disconnects,
        "lost_together": sum(move.passed_over or 0 for move in plan.moves) if aim.action is SKIP_EVENT else 0,
        "lists_consumers": can.lists_consumers,
        "joins": can.acknowledges_as_member,
        "held": sum(consumer.unacked for consumer in plan.consumers),
        "again": count_words(plan, plan.again),
        "passed_over": count_words(plan, plan.passed_over),
        "undo": aim.action.undo,
        "longest_reason": LONGEST_REASON,
        **_lost(wanted, request),
    }


def _lost(wanted: RequestedMove, request: HttpRequest) -> Mapping[str, Any]:
    """The events that will never be delivered: the first of them, whose they are, and where all are listed."""
    here, profile, lost = desk().cursors, profile_of(request), wanted.plan.lost
    again = wanted.plan.redelivered
    lines = [build_line(row, profile) for row in here.first(lost, FIRST_EVENTS)] if lost else []
    query = urlencode(wanted.aim.fields)
    if len(query) > LONGEST_ADDRESS:
        query = urlencode({name: text for name, text in wanted.aim.fields.items() if name != "ends"})
    return {
        "lost": [list(of_one) for _, of_one in groupby(lines, key=lambda line: (line.aggregate_type, line.aggregate_id))],
        "lost_shown": len(lines),
        "lost_summary": here.summary(lost) if lost else None,
        "again_summary": here.summary(again) if again else None,
        "lost_url": f"{_url_of('_events', wanted)}?{query}",
    }


def choose_again(
    request: HttpRequest, topic: Topic, name: str, given: QueryDict, problem: str, *, skips: bool
) -> HttpResponse:
    """The form once more, with what was given, and what is wrong with it. Whoever opens it without a choice has made no
    mistake yet: the same sentence then says what to do."""
    unasked = request.method in ("GET", "HEAD") and ("skip" if skips else "to") not in given
    context = {
        "topic": topic,
        "name": name,
        "skips": skips,
        "unasked": unasked,
        "to": given.get("to", ""),
        "skip": given.get("skip", ""),
        "given_position": given.get("position", ""),
        "given_before": given.get("before", ""),
        "given_count": given.get("count", ""),
        "given_partition": given.get("partition", ""),
        "given_time": given_time(given),
        "problem": problem,
    }
    return render(request, "cursor_resets/choose.html", context, status=200 if unasked else 400)
