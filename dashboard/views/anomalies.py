"""Anomalies that the index found: how many events have each kind, and the events of one kind."""

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
from dashboard.privacy import AccessProfile, DisplayValue, display_id, given_id, origin_of_pointer, public_id
from dashboard.rendering import ANOMALY_TEXTS, AnomalyText, EventLine, aggregate_url, build_pointer_line, display_detail
from dashboard.web import store_health
from dashboard.web.pages import page, problem, profile_of, render
from dashboard.web.problems import Problem
from eventstore.model import Anomaly, AnomalyLine, Page


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind. ``newest`` is when the event that was found last had been published."""

    text: AnomalyText
    events: int
    newest: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """An event with an anomaly. ``all_url`` lists every event with its id, if duplicate ids are the anomaly."""

    event: EventLine
    detail: DisplayValue
    all_url: str


@page("browse")
def index(request: HttpRequest) -> HttpResponse:
    counts = desk().index.anomaly_counts()
    kinds = [
        Kind(text=text, events=counts.get(kind.value, 0), newest=_newest(kind) if counts.get(kind.value) else None)
        for kind, text in ANOMALY_TEXTS.items()
    ]
    context = {
        "kinds": sorted(kinds, key=lambda kind: not kind.events),
        "total": sum(kind.events for kind in kinds),
        "index_health": store_health.current_index_health(),
    }
    return render(request, "anomalies/index.html", context)


@page("browse")
def of_kind(request: HttpRequest, kind: str) -> HttpResponse:
    text = next((text for anomaly, text in ANOMALY_TEXTS.items() if anomaly.value == kind), None)
    if text is None:
        return problem(request, _unknown_kind())
    query = {name: request.GET.get(name, "") for name in ("type", "id", "before", "after")}
    profile = profile_of(request)
    aggregate = (query["type"], given_id(query["type"], query["id"], profile)) if query["id"] else None
    query["id"] = public_id(*aggregate) if aggregate else ""
    anomalies = desk().index.anomalies(
        text.kind,
        aggregate=aggregate,
        before=query["before"],
        after=query["after"],
        limit=settings.EVENTDESK.limits.page_size,
    )
    context: dict[str, Any] = {
        "text": text,
        "says_why": text.kind is Anomaly.UNREADABLE,
        "lines": [_line(line, text, profile) for line in anomalies.items],
        "count": desk().index.anomaly_counts().get(kind, 0),
        "aggregate": _aggregate(*aggregate, profile) if aggregate else None,
        "page_urls": _page_urls(anomalies, query),
        "at_newest": not query["before"] and not query["after"],
    }
    return render(request, "anomalies/show.html", context)


def _aggregate(type: str, id: str, profile: AccessProfile) -> Mapping[str, str]:
    return {"type": type, "id": display_id(type, id, profile), "url": aggregate_url(type, id)}


def _line(line: AnomalyLine, text: AnomalyText, profile: AccessProfile) -> Line:
    event = build_pointer_line(line.pointer, profile=profile)
    if text.kind is Anomaly.UNREADABLE:
        return Line(event=replace(event, problem=line.detail or event.problem), detail="", all_url="")
    is_duplicate = text.kind is Anomaly.DUPLICATE_ID
    return Line(
        event=event,
        detail=display_detail(text, line.detail, profile, origin_of_pointer(line.pointer)),
        all_url=f"{reverse('aggregates')}?{urlencode({'q': event.event_id})}" if is_duplicate else "",
    )


def _newest(kind: Anomaly) -> datetime | None:
    lines = desk().index.anomalies(kind, limit=1).items
    return lines[0].pointer.published if lines else None


def _page_urls(anomalies: Page[AnomalyLine], query: Mapping[str, str]) -> dict[str, str]:
    kept = {name: query[name] for name in ("type", "id") if query[name]}
    newer = f"?{urlencode({**kept, 'after': anomalies.newer})}" if anomalies.newer else ""
    older = f"?{urlencode({**kept, 'before': anomalies.older})}" if anomalies.older else ""
    return {"newer": newer, "older": older}


def _unknown_kind() -> Problem:
    return Problem(
        status=HTTPStatus.NOT_FOUND,
        title="No such kind of anomaly",
        text="The index looks for no anomaly of this name.",
        link=("All anomalies", "anomalies"),
    )


urls = [
    path("anomalies/", index, name="anomalies"),
    path("anomalies/<segment:kind>/", of_kind, name="anomalies_of_kind"),
]
