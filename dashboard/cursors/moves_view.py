"""What became of a subscription's newest move: its events are followed until all of them are acknowledged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.access import policy
from dashboard.auditing.acts import Act
from dashboard.cursors.newest import move_of, newest_move
from dashboard.delivery.words import MARKS
from dashboard.gateway import desk
from dashboard.models import State
from dashboard.privacy import display_id
from dashboard.rendering import aggregate_url, build_line
from dashboard.rendering.event_line import EventLine
from dashboard.web.pages import page, person_of, profile_of, render, wants_fragment
from eventstore.actions import Resource, action_named, subscription_resource
from eventstore.cursors import MOST_FOLLOWED, UNDO_MOVE, Followed, FollowedAggregate, affected_by, undone_of
from eventstore.model import DeliveryState
from eventstore.subscriptions import Backlog

MOST_AGGREGATES = 50
"""Aggregates that are listed by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateView:
    """An aggregate with its states as (mark's tone, mark, number, word), and its first event that is not acknowledged."""

    found: FollowedAggregate
    shown_id: str
    url: str
    states: Sequence[tuple[str, str, int, str]]
    next: EventLine | None


@page("browse")
def moves(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The newest move, or the one that ``?act=`` names."""
    found = desk().streams.topic(topic)
    backlog = desk().backlogs.one(found.name, name)
    resource = subscription_resource(found.name, name)
    act = move_of(resource, request.GET.get("act", ""))
    context = {"topic": found, "name": name, "backlog": backlog, "asked": request.GET.get("act", ""), "act": act}
    if act is not None:
        context |= _followed(request, act, resource, backlog)
    if wants_fragment(request) and act is not None:
        return render(request, "cursor_moves/_followed.html", context)
    return render(request, "cursor_moves/show.html", context, status=200 if act or not request.GET.get("act") else 404)


def _followed(request: HttpRequest, act: Act, resource: Resource, backlog: Backlog) -> Mapping[str, Any]:
    newest, action = newest_move(resource), action_named(act.action)
    is_newest = newest is not None and newest.act == act.act
    affected = affected_by(act.details, act.outcome)
    book = desk().delivery.book([backlog])
    told = affected and act.state not in (State.INTENDED, State.FAILED)
    followed = desk().cursors.follow(backlog.subscription, affected, book) if affected and told else None
    undo = act.action == UNDO_MOVE.name
    return {
        "title": action.title if action else act.action,
        "undoes": undo,
        "followed": followed,
        "is_newest": is_newest,
        "moved_since": newest is not None and newest.number > act.number,
        "newest": newest,
        "reads_record": policy.allows(person_of(request), "read_audit"),
        "may_undo": is_newest and _may_undo(request, act),
        "aggregates": _views(request, followed.aggregates) if followed else [],
        "losing": _views(request, followed.losing) if followed else [],
        "more_losing": max(0, len(followed.losing) - MOST_AGGREGATES) if followed else 0,
        "more_aggregates": max(0, len(followed.aggregates) - MOST_AGGREGATES) if followed else 0,
        "most": MOST_FOLLOWED,
        "lost": _lost(followed) if followed else 0,
    }


def _may_undo(request: HttpRequest, act: Act) -> bool:
    known = undone_of(str(act.act), act.details, act.outcome) is not None
    return known and act.state != State.INTENDED and policy.allows(person_of(request), UNDO_MOVE.name)


def _lost(followed: Followed) -> int:
    """Events that were given again and that their consumers gave up on, or never got."""
    return sum(followed.states.get(state, 0) for state in (DeliveryState.DEAD_LETTERED, DeliveryState.PASSED_OVER))


def _views(request: HttpRequest, found: Sequence[FollowedAggregate]) -> Sequence[AggregateView]:
    profile = profile_of(request)
    listed = found[:MOST_AGGREGATES]
    rows = desk().cursors.rows([one.next for one in listed if one.next is not None])
    lines = {row.position: build_line(row, profile) for row in rows}
    return [
        AggregateView(
            found=one,
            shown_id=display_id(one.type, one.id, profile),
            url=aggregate_url(one.type, one.id) if one.id else "",
            states=[(*MARKS[state], one.states[state], state.value) for state in MARKS if one.states.get(state)],
            next=lines.get(one.next.position) if one.next else None,
        )
        for one in listed
    ]


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/moves/", moves, name="cursor_moves"),
]
