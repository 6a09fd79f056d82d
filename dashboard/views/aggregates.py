"""Aggregates: what the search box finds, the types, one type, and one aggregate's stream as a story."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse

from dashboard.gateway import desk
from dashboard.privacy import AccessProfile
from dashboard.rendering import build_line, texts_of_kinds
from dashboard.rendering.text import humanize_type
from dashboard.web import filter_form, global_search, store_health
from dashboard.web.event_detail import Detail, detail_of
from dashboard.web.pages import Problem, page, problem, profile_of, render, wants_fragment
from eventstore.model import Aggregate, Page, Position, TopicKind, UnknownEvent
from eventstore.search import Filter
from eventstore.streams import FilteredStream, Row

LONGEST_QUERY = 1024
LONGEST_KEPT = 4_096
"""Characters of a filter or a cursor that a line's link takes along."""
MOST_TOPICS = 6
"""Topics that are offered for looking into payloads, where nothing was found."""


@page("browse")
def index(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    too_long = len(text) > LONGEST_QUERY
    hits = global_search.search(text, profile_of(request)) if text and not too_long else None
    if hits and hits.only() and not wants_fragment(request):
        return redirect(hits.only())
    types = [] if text else desk().index.aggregate_types()
    indexed = store_health.current_index_health()
    context = {
        "search_text": text[:LONGEST_QUERY],
        "too_long": too_long and LONGEST_QUERY,
        "hits": hits,
        "types": types,
        "payload_searches": _payload_searches(request, text) if hits is not None and not hits else [],
        "index_health": indexed,
        "looks_again": not text and (not types or indexed.behind is None),
    }
    return render(request, "aggregates/index.html", context, fragment="aggregates/_found.html")


@page("browse")
def of_type(request: HttpRequest, type: str) -> HttpResponse:
    asked = {name: request.GET.get(name, "")[:LONGEST_QUERY] for name in ("q", "after", "before")}
    prefix = asked["q"].strip()
    found = desk().index.aggregates(
        type,
        prefix=prefix,
        after=asked["after"],
        before=asked["before"],
        limit=_page_size(),
    )
    if not found.items and not any(asked.values()):
        return problem(request, _unknown("aggregate type", "Look in the list of aggregate types, or search at the top."))
    return render(
        request,
        "aggregates/of_type.html",
        {"type": type, "prefix": prefix, "page": found, "index_health": store_health.current_index_health()},
        fragment="aggregates/_list.html",
    )


@page("browse")
def show(request: HttpRequest, type: str, id: str) -> HttpResponse:
    aggregate = desk().index.aggregate(type, id)
    if aggregate is None:
        advice = "Search for the first characters of the id at the top. Capitals and small letters are different."
        return problem(request, _unknown("aggregate", advice))
    asked = filter_form.entered_filter(request)
    filtered = _filtered(request, aggregate, asked.filter) if asked.filter else None
    if filtered:
        stream = Page(items=filtered.rows, older=filtered.older)
    elif asked.problem:
        stream = Page(items=())  # the whole stream would look like an answer
    else:
        stream = desk().streams.stream(type, id, page_token=request.GET.get("cursor") or None, limit=_page_size())
    viewer = profile_of(request)
    chosen = _chosen(request, aggregate, stream.items)
    context = {
        "aggregate": aggregate,
        "type_words": humanize_type(type),
        "noticed": [
            {"words": found, "events": aggregate.anomalies[found.kind.value], "url": found.url_for(type, id)}
            for found in texts_of_kinds(aggregate.anomalies)
        ],
        "topics": sorted({part.topic for part in aggregate.streams}),
        "page": stream,
        "filter": asked,
        "filtered": filtered,
        "kept_query": _kept_query(request),
        "cursor": request.GET.get("cursor", ""),
        "pager_older": "Search older events" if filtered else "",
        "pager_query": urlencode({"filter": asked.text}) + "&" if asked.filter else "",
        "lines": [build_line(row, viewer) for row in stream.items],
        "detail": _detail(chosen, viewer),
        "index_health": store_health.current_index_health(),
    }
    return render(
        request,
        "aggregates/show.html",
        context,
        fragment="aggregates/_detail.html",
        status=asked.status,
        away=store_health.outage_now() if any(row.event is None for row in stream.items) else store_health.last_known_outage(),
    )


def _filtered(request: HttpRequest, aggregate: Aggregate, filter: Filter) -> FilteredStream[Row]:
    page_token = request.GET.get("cursor") or None
    return desk().streams.filtered_stream(aggregate.type, aggregate.id, filter, page_token=page_token, limit=_page_size())


def _kept_query(request: HttpRequest) -> str:
    """What a line's link keeps of this page's address, with a ``&`` at its end."""
    kept = {name: request.GET[name][:LONGEST_KEPT] for name in ("filter", "cursor") if request.GET.get(name)}
    return urlencode(kept) + "&" if kept else ""


def _page_size() -> int:
    return settings.EVENTDESK.limits.page_size


def _payload_searches(request: HttpRequest, text: str) -> list[tuple[str, str]]:
    """Where payloads can be read through for it: topics with the address of that search, the largest topics first."""
    if not profile_of(request).sees_values:
        return []
    topics = [topic for topic in desk().index.topics().values() if topic.kind == TopicKind.EVENTS and topic.gone_at is None]
    topics.sort(key=lambda topic: -topic.events)
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return [
        (topic.topic, f"{reverse('topic', args=[topic.topic])}?{urlencode({'filter': quoted})}")
        for topic in topics[:MOST_TOPICS]
    ]


def _chosen(request: HttpRequest, aggregate: Aggregate, rows: Sequence[Row]) -> Row | None:
    """The event that the address names, if it is this aggregate's; else the newest of the page."""
    on_page = {row.position.encode(): row for row in rows}
    asked = request.GET.get("event", "")
    if asked in on_page:
        return on_page[asked]
    if asked:
        try:
            row = desk().streams.row_at(Position.decode(asked))
        except UnknownEvent:
            row = None
        if row and row.pointer and (row.pointer.aggregate_type, row.pointer.aggregate_id) == (aggregate.type, aggregate.id):
            return row
    return next(iter(on_page.values()), None)


def _detail(row: Row | None, viewer: AccessProfile) -> Detail | None:
    return detail_of(row, viewer, settings.EVENTDESK.limits.payload_preview_bytes) if row else None


def _unknown(what: str, advice: str) -> Problem:
    index = store_health.current_index_health()
    late = " The index is still catching up: it may come." if index.behind is None else ""
    return Problem(status=404, title=f"No such {what}", text=f"The index knows no such {what}.{late}", advice=advice)


urls = [
    path("aggregates/", index, name="aggregates"),
    path("aggregates/<segment:type>/", of_type, name="aggregate_type"),
    path("aggregates/<segment:type>/<segment:id>/", show, name="aggregate"),
]
