"""Aggregates: what the search box finds, the types, one type, and one aggregate's stream as a story."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse

from dashboard import searching, showing, standing, wiring, words
from dashboard.anomaly_words import of_kinds
from dashboard.details import MOST_TOGETHER, Detail, detail_of
from dashboard.masking import Viewer
from dashboard.pages import Problem, page, problem, render, viewer_of, wants_fragment
from dashboard.showing import EventLine
from eventstore import (
    Aggregate,
    AggregateType,
    Filter,
    FilteredStream,
    IndexedTopic,
    Page,
    Position,
    Row,
    TopicKind,
    UnknownEvent,
)

MOST_HITS = 20
LONGEST_QUERY = 1024
LONGEST_KEPT = 4_096
"""Characters of a filter or a cursor that a line's link takes along."""
MOST_TOPICS = 6
"""Topics that are offered for looking into payloads, where nothing was found."""
_BETWEEN = re.compile(r"\s*[/:]\s*|\s+")
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb<>"
_BEHIND = ".,;:"


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueHits:
    """The events that have the text as the declared searchable value of this name."""

    name: str
    lines: Sequence[EventLine]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What a text may mean: aggregates whose id begins with it, events of this very id, a conversation, events with this as a
    searchable value (asked for those alone who may see payloads), aggregate types and topics of this name.

    ``text`` is what was looked for in the end: what was typed, or that text tidied. ``in_other_letters``: where nothing was
    found, the same in small letters or capitals for which there is something.
    """

    text: str
    aggregates: Sequence[Aggregate] = ()
    events: Sequence[EventLine] = ()
    conversation: Sequence[EventLine] = ()
    values: Sequence[ValueHits] = ()
    types: Sequence[AggregateType] = ()
    topics: Sequence[IndexedTopic] = ()
    in_other_letters: str = ""
    most: int = MOST_HITS
    most_together: int = MOST_TOGETHER

    def only(self) -> str:
        """The address of the only thing found; empty where there are more, or none."""
        urls = [showing.aggregate_url(found.type, found.id) for found in self.aggregates]
        urls += [line.url for line in (*self.events, *self.conversation)]
        urls += [reverse("aggregate_type", args=[type.name]) for type in self.types]
        urls += [reverse("topic", args=[topic.topic]) for topic in self.topics]
        urls += {
            line.aggregate_url for found in self.values for line in found.lines
        }  # a value is looked up to find who has it
        return urls[0] if len(urls) == 1 else ""

    @property
    def all_of(self) -> list[tuple[str, str]]:
        """Where there may be more aggregates than are shown: their types, each with the address of all that begin so."""
        if len(self.aggregates) < self.most:
            return []
        types = sorted({found.type for found in self.aggregates})
        return [(type, f"{reverse('aggregate_type', args=[type])}?{urlencode({'q': self.text})}") for type in types]

    def __bool__(self) -> bool:
        return bool(self.aggregates or self.events or self.conversation or self.values or self.types or self.topics)


@page("browse")
def index(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    too_long = len(text) > LONGEST_QUERY
    hits = _search(text, viewer_of(request)) if text and not too_long else None
    if hits and hits.only() and not wants_fragment(request):
        return redirect(hits.only())
    context = {
        "search_text": text[:LONGEST_QUERY],
        "too_long": too_long and LONGEST_QUERY,
        "hits": hits,
        "types": [] if text else wiring.gateway().aggregate_types(),
        "payload_searches": _payload_searches(request, text) if hits is not None and not hits else [],
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
        limit=_page_size(),
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
    asked = searching.asked(request)
    filtered = _filtered(request, aggregate, asked.filter) if asked.filter else None
    if filtered:
        stream = Page(items=filtered.rows, older=filtered.older)
    elif asked.problem:
        stream = Page(items=())  # the whole stream would look like an answer
    else:
        stream = gateway.stream(type, id, cursor=request.GET.get("cursor") or None, limit=_page_size())
    viewer = viewer_of(request)
    chosen = _chosen(request, aggregate, stream.items)
    context = {
        "aggregate": aggregate,
        "type_words": words.of_type(type),
        "noticed": [
            {"words": found, "events": aggregate.anomalies[found.kind.value], "url": found.url_for(type, id)}
            for found in of_kinds(aggregate.anomalies)
        ],
        "topics": sorted({part.topic for part in aggregate.streams}),
        "page": stream,
        "filter": asked,
        "filtered": filtered,
        "kept_query": _kept_query(request),
        "cursor": request.GET.get("cursor", ""),
        "pager_older": "Search older events" if filtered else "",
        "pager_query": urlencode({"filter": asked.text}) + "&" if asked.filter else "",
        "lines": [showing.event_line(row, viewer) for row in stream.items],
        "detail": _detail(chosen, viewer),
        "index_standing": standing.index_standing(),
    }
    return render(
        request,
        "aggregates/show.html",
        context,
        fragment="aggregates/_detail.html",
        status=asked.status,
        away=standing.why_away() if any(row.event is None for row in stream.items) else standing.known_away(),
    )


def _filtered(request: HttpRequest, aggregate: Aggregate, filter: Filter) -> FilteredStream[Row]:
    cursor = request.GET.get("cursor") or None
    return wiring.gateway().filtered_stream(aggregate.type, aggregate.id, filter, cursor=cursor, limit=_page_size())


def _kept_query(request: HttpRequest) -> str:
    """What a line's link keeps of this page's address, with a ``&`` at its end."""
    kept = {name: request.GET[name][:LONGEST_KEPT] for name in ("filter", "cursor") if request.GET.get(name)}
    return urlencode(kept) + "&" if kept else ""


def _page_size() -> int:
    return settings.EVENTDESK.limits.page_size


def _search(text: str, viewer: Viewer) -> Hits:
    """What the text means as it is typed; else without the quotes and stops that come along when an id is copied."""
    gateway = wiring.gateway()
    types, topics = cache(gateway.aggregate_types), cache(gateway.indexed_topics)

    def look_up(text: str) -> Hits:
        return _look_up(text, viewer, types, topics)

    bare = text.strip(_QUOTES).rstrip(_BEHIND).strip(_QUOTES).strip()
    hits = look_up(text)
    if not hits and bare and bare != text:
        hits = look_up(bare) or hits
    if hits:
        return hits
    other = next((other for other in dict.fromkeys((bare.lower(), bare.upper())) if other != bare and look_up(other)), "")
    return replace(hits, in_other_letters=other)


def _look_up(
    text: str,
    viewer: Viewer,
    types: Callable[[], Sequence[AggregateType]],
    topics: Callable[[], Mapping[str, IndexedTopic]],
) -> Hits:
    """Each look-up is one question to the index, bounded by itself; the types are asked last, since that takes longest."""
    gateway = wiring.gateway()
    hits = Hits(
        text=text,
        aggregates=gateway.aggregates_anywhere(text, limit=MOST_HITS),
        events=[showing.pointer_line(pointer) for pointer in gateway.pointers_of(text)],
        conversation=[showing.pointer_line(pointer) for pointer in gateway.conversation(text)],
        values=_values(text) if viewer.sees_values else (),
        topics=[topic for name, topic in topics().items() if text in (name, name.rpartition("/")[2])],
    )
    if hits.aggregates:
        return hits
    if _BETWEEN.search(text):
        return replace(hits, aggregates=_of_a_named_type(text, types()))
    if hits:
        return hits
    return replace(hits, types=[type for type in types() if text.lower() in _names_of(type)])


def _values(text: str) -> list[ValueHits]:
    found = wiring.gateway().by_value(text)
    return [ValueHits(name=name, lines=[showing.pointer_line(pointer) for pointer in found[name]]) for name in sorted(found)]


def _of_a_named_type(text: str, types: Sequence[AggregateType]) -> list[Aggregate]:
    """What ``patient 4711``, ``patient/4711`` or ``patient:4711`` means: that aggregate, else those of the type whose id
    begins so.

    Asked of the types that there are, since type and id may hold spaces and slashes themselves.
    """
    gateway = wiring.gateway()
    found: list[Aggregate] = []
    for type in types:
        for name in _names_of(type):
            between = _BETWEEN.match(text, len(name))
            if between and text[: len(name)].lower() == name and (id := text[between.end() :]):
                exact = gateway.aggregate(type.name, id)
                found += [exact] if exact else gateway.aggregates(type.name, prefix=id, limit=MOST_HITS).items
                break
    return found[:MOST_HITS]


def _names_of(type: AggregateType) -> set[str]:
    """What people call it, in small letters: its name, and that in plain words."""
    return {type.name.lower(), words.of_type(type.name).lower()}


def _payload_searches(request: HttpRequest, text: str) -> list[tuple[str, str]]:
    """Where payloads can be read through for it: topics with the address of that search, the largest topics first."""
    if not viewer_of(request).sees_values:
        return []
    topics = [topic for topic in wiring.gateway().indexed_topics().values() if topic.kind == TopicKind.EVENTS]
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
