"""Aggregates: what the search box finds, the types, one type, and one aggregate's stream as a story."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from dashboard import showing, standing, wiring, words
from dashboard.details import MOST_TOGETHER, Detail, detail_of
from dashboard.masking import Viewer
from dashboard.pages import Problem, page, problem, render, viewer_of, wants_fragment
from dashboard.showing import EventLine
from eventstore import Aggregate, Position, Row, UnknownEvent

MOST_HITS = 20
LONGEST_QUERY = 1024
_BETWEEN = re.compile(r"\s*/\s*|\s+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What a text may mean: aggregates whose id begins with it, events of this very id, a conversation."""

    aggregates: list[Aggregate]
    events: list[EventLine]
    conversation: list[EventLine]
    most: int = MOST_HITS
    most_together: int = MOST_TOGETHER

    def only(self) -> str:
        """The address of the only thing found; empty where there are more, or none."""
        if len(self.aggregates) + len(self.events) + len(self.conversation) != 1:
            return ""
        found = [showing.aggregate_url(found.type, found.id) for found in self.aggregates]
        return (found + [line.url for line in (*self.events, *self.conversation)])[0]

    def __bool__(self) -> bool:
        return bool(self.aggregates or self.events or self.conversation)


@page("browse")
def index(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    hits = _search(text) if text else None
    if hits and hits.only() and not wants_fragment(request):
        return redirect(hits.only())
    context = {
        "search_text": text,
        "hits": hits,
        "types": [] if text else wiring.gateway().aggregate_types(),
        "index_standing": standing.index_standing(),
    }
    return render(request, "aggregates/index.html", context, fragment="aggregates/_found.html")


@page("browse")
def of_type(request: HttpRequest, type: str) -> HttpResponse:
    asked = {name: request.GET.get(name, "")[:LONGEST_QUERY] for name in ("q", "after", "before")}
    prefix = asked["q"].strip()
    found = wiring.gateway().aggregates(
        type,
        prefix=prefix,
        after=asked["after"],
        before=asked["before"],
        limit=settings.EVENTDESK.limits.page_size,
    )
    if not found.items and not any(asked.values()):
        return problem(request, _unknown("aggregate type", "Look in the list of aggregate types, or search at the top."))
    return render(
        request,
        "aggregates/of_type.html",
        {"type": type, "prefix": prefix, "page": found, "index_standing": standing.index_standing()},
        fragment="aggregates/_list.html",
    )


@page("browse")
def show(request: HttpRequest, type: str, id: str) -> HttpResponse:
    gateway = wiring.gateway()
    aggregate = gateway.aggregate(type, id)
    if aggregate is None:
        advice = "Search for the first characters of the id at the top. Capitals and small letters are different."
        return problem(request, _unknown("aggregate", advice))
    stream = gateway.stream(type, id, cursor=request.GET.get("cursor") or None, limit=settings.EVENTDESK.limits.page_size)
    viewer = viewer_of(request)
    chosen = _chosen(request, aggregate, stream.items)
    context = {
        "aggregate": aggregate,
        "type_words": words.of_type(type),
        "topics": sorted({part.topic for part in aggregate.streams}),
        "page": stream,
        "cursor": request.GET.get("cursor", ""),
        "lines": [showing.event_line(row, viewer) for row in stream.items],
        "detail": _detail(chosen, viewer),
        "index_standing": standing.index_standing(),
    }
    return render(
        request,
        "aggregates/show.html",
        context,
        fragment="aggregates/_detail.html",
        away=standing.why_away() if any(row.event is None for row in stream.items) else None,
    )


def _search(text: str) -> Hits:
    gateway = wiring.gateway()
    aggregates = list(gateway.aggregates_anywhere(text, limit=MOST_HITS)) or _of_a_named_type(text)
    return Hits(
        aggregates=aggregates,
        events=[showing.pointer_line(pointer) for pointer in gateway.pointers_of(text)],
        conversation=[showing.pointer_line(pointer) for pointer in gateway.conversation(text)],
    )


def _of_a_named_type(text: str) -> list[Aggregate]:
    """What ``patient 4711`` or ``patient/4711`` means: that aggregate, else those of the type whose id begins so.

    Asked of the types that there are, since type and id may hold spaces and slashes themselves.
    """
    if not _BETWEEN.search(text):
        return []
    gateway = wiring.gateway()
    found: list[Aggregate] = []
    for type in gateway.aggregate_types():
        for name in {type.name.lower(), words.of_type(type.name).lower()}:
            between = _BETWEEN.match(text, len(name))
            if between and text[: len(name)].lower() == name and (id := text[between.end() :]):
                exact = gateway.aggregate(type.name, id)
                found += [exact] if exact else gateway.aggregates(type.name, prefix=id, limit=MOST_HITS).items
                break
    return found[:MOST_HITS]


def _chosen(request: HttpRequest, aggregate: Aggregate, rows: Sequence[Row]) -> Row | None:
    """The event that the address names, if it is this aggregate's; else the newest of the page."""
    on_page = {row.position.encode(): row for row in rows}
    asked = request.GET.get("event", "")
    if asked in on_page:
        return on_page[asked]
    if asked:
        try:
            row = wiring.gateway().row_at(Position.decode(asked))
        except UnknownEvent:
            row = None
        if row and row.pointer and (row.pointer.aggregate_type, row.pointer.aggregate_id) == (aggregate.type, aggregate.id):
            return row
    return next(iter(on_page.values()), None)


def _detail(row: Row | None, viewer: Viewer) -> Detail | None:
    return detail_of(row, viewer, settings.EVENTDESK.limits.payload_preview_bytes) if row else None


def _unknown(what: str, advice: str) -> Problem:
    index = standing.index_standing()
    late = " The index is still catching up: it may come." if index.behind is None else ""
    return Problem(status=404, title=f"No such {what}", text=f"The index knows no such {what}.{late}", advice=advice)


urls = [
    path("aggregates/", index, name="aggregates"),
    path("aggregates/<segment:type>/", of_type, name="aggregate_type"),
    path("aggregates/<segment:type>/<segment:id>/", show, name="aggregate"),
]
