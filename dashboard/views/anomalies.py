"""What the index noticed: how many events of each kind, and the events of one kind."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from dashboard.gateway import desk
from dashboard.privacy import AccessProfile, DisplayValue
from dashboard.rendering import ANOMALY_TEXTS, AnomalyText, EventLine, aggregate_url, build_pointer_line, display_detail
from dashboard.web import store_health
from dashboard.web.pages import Problem, page, problem, profile_of, render
from eventstore.model import Anomaly, AnomalyLine, Page


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """``newest``: when the last of them that was noticed had been published."""

    words: AnomalyText
    events: int
    newest: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """``all_url`` leads to everything that has the event's id, where that is what was noticed."""

    event: EventLine
    detail: DisplayValue
    all_url: str


@page("browse")
def index(request: HttpRequest) -> HttpResponse:
    counts = desk().index.anomaly_counts()
    kinds = [
        Kind(words=words, events=counts.get(kind.value, 0), newest=_newest(kind) if counts.get(kind.value) else None)
        for kind, words in ANOMALY_TEXTS.items()
    ]
    context = {
        "kinds": sorted(kinds, key=lambda kind: not kind.events),
        "total": sum(kind.events for kind in kinds),
        "index_health": store_health.current_index_health(),
    }
    return render(request, "anomalies/index.html", context)


@page("browse")
def of_kind(request: HttpRequest, kind: str) -> HttpResponse:
    words = next((words for anomaly, words in ANOMALY_TEXTS.items() if anomaly.value == kind), None)
    if words is None:
        return problem(request, _unknown_kind())
    asked = {name: request.GET.get(name, "") for name in ("type", "id", "before", "after")}
    aggregate = (asked["type"], asked["id"]) if asked["id"] else None
    found = desk().index.anomalies(
        words.kind,
        aggregate=aggregate,
        before=asked["before"],
        after=asked["after"],
        limit=settings.EVENTDESK.limits.page_size,
    )
    viewer = profile_of(request)
    context: dict[str, Any] = {
        "words": words,
        "says_why": words.kind is Anomaly.UNREADABLE,
        "lines": [_line(line, words, viewer) for line in found.items],
        "count": desk().index.anomaly_counts().get(kind, 0),
        "aggregate": {"type": asked["type"], "id": asked["id"], "url": aggregate_url(*aggregate)} if aggregate else None,
        "page_urls": _page_urls(found, asked),
        "at_newest": not asked["before"] and not asked["after"],
    }
    return render(request, "anomalies/show.html", context)


def _line(line: AnomalyLine, words: AnomalyText, viewer: AccessProfile) -> Line:
    event = build_pointer_line(line.pointer)
    if words.kind is Anomaly.UNREADABLE:
        return Line(event=replace(event, problem=line.detail or event.problem), detail="", all_url="")
    twice = words.kind is Anomaly.DUPLICATE_ID
    return Line(
        event=event,
        detail=display_detail(words, line.detail, viewer),
        all_url=f"{reverse('aggregates')}?{urlencode({'q': event.event_id})}" if twice else "",
    )


def _newest(kind: Anomaly) -> datetime | None:
    lines = desk().index.anomalies(kind, limit=1).items
    return lines[0].pointer.published if lines else None


def _page_urls(found: Page[AnomalyLine], asked: Mapping[str, str]) -> dict[str, str]:
    kept = {name: asked[name] for name in ("type", "id") if asked[name]}
    newer = f"?{urlencode({**kept, 'after': found.newer})}" if found.newer else ""
    older = f"?{urlencode({**kept, 'before': found.older})}" if found.older else ""
    return {"newer": newer, "older": older}


def _unknown_kind() -> Problem:
    return Problem(
        status=HTTPStatus.NOT_FOUND,
        title="No such kind of anomaly",
        text="The index notices nothing of this name.",
        link=("What the index noticed", "anomalies"),
    )


urls = [
    path("anomalies/", index, name="anomalies"),
    path("anomalies/<segment:kind>/", of_kind, name="anomalies_of_kind"),
]
