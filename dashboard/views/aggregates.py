"""Aggregates: search results, the types, and the story of one aggregate."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.safestring import SafeString

from dashboard.access import policy
from dashboard.auditing.looks import note_search
from dashboard.cases import looks
from dashboard.delivery import asked_of, figures_for, of_aggregate
from dashboard.gateway import desk
from dashboard.privacy import (
    AccessProfile,
    any_is_personal,
    display_id,
    given_id,
    handle_problem,
    is_personal,
    public_id,
    reveals_aggregate,
)
from dashboard.privacy.filtering import PERSONAL_IDS, searched_by_reason
from dashboard.rendering import (
    StreamRows,
    aggregate_url,
    build_line,
    build_pointer_line,
    published_mark,
    render_stream_rows,
    texts_of_kinds,
)
from dashboard.rendering.text import humanize_type
from dashboard.replays import offers
from dashboard.reveals import offers as reveal_offers
from dashboard.reveals.subjects import origin_of_row
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import Line
from dashboard.web import filter_form, global_search, store_health
from dashboard.web.event_detail import Detail, detail_of
from dashboard.web.filter_examples import examples_of
from dashboard.web.filter_form import EnteredFilter
from dashboard.web.pages import PAGE_PARAMETER, page, page_token_of, person_of, problem, profile_of, render, wants_fragment
from dashboard.web.problems import unknown_aggregate
from eventstore.cursors import RESET_CURSOR
from eventstore.model import Aggregate, AggregateType, Page, Position, TopicKind, UnknownEvent
from eventstore.streams import FilteredStream, Row

LONGEST_QUERY = 1024
LONGEST_KEPT = 4_096
"""Characters of a filter or page token that a line's link includes."""
MOST_UNREADABLE = 5
"""Unreadable messages with the aggregate's id as key that its page names."""
MOST_TOPICS = 6
"""Topics whose payloads can be searched if nothing was found."""


@page("browse")
def index(request: HttpRequest) -> HttpResponse:
    text, profile = request.GET.get("q", "").strip(), profile_of(request)
    too_long = len(text) > LONGEST_QUERY
    hits = global_search.search(text, profile) if text and not too_long else None
    if hits is not None:
        _note_search(text, profile, hits)
    subscriptions, asking = backlog_cache.named(text, waits=not hits) if hits is not None else ([], False)
    subscriptions = subscriptions[: global_search.MOST_HITS]
    only = "" if asking else _only(hits, subscriptions)
    if only and not wants_fragment(request):
        return redirect(only)
    types = [] if text else desk().index.aggregate_types()
    health = store_health.current_index_health()
    offers = hits is not None and not (hits or subscriptions)
    context = {
        "search_text": text[:LONGEST_QUERY],
        "too_long": too_long and LONGEST_QUERY,
        "hits": hits,
        "subscriptions": subscriptions,
        "asking": asking,
        "types": types,
        "topic_searches": _topic_searches(request, text) if offers else [],
        "example": _example(hits.all_types, profile) if offers and hits is not None else "",
        "handle_problem": handle_problem(text) if text else "",
        "personal_ids": any_is_personal() and not profile.sees_values,
        "refreshes": not text and (not types or health.behind is None),
    }
    return render(request, "aggregates/index.html", context, fragment="aggregates/_results.html")


def _note_search(text: str, profile: AccessProfile, hits: global_search.Hits) -> None:
    """On the record, before anything is shown, if masked values were compared: with an open case, and whether found or not."""
    if names := searched_by_reason(profile):
        found = len({line.position for one in hits.values if one.name in names for line in one.lines})
        if PERSONAL_IDS in names:
            found += sum(is_personal(one.type) for one in hits.aggregates)
        note_search(profile.name, (), names, text, found)


def _example(all_types: Sequence[AggregateType], profile: AccessProfile) -> str:
    """An aggregate as one may search for it, with its type before its id. Empty if there is none."""
    most = max(all_types, key=lambda known: known.events, default=None)
    found = desk().index.aggregates(most.name, limit=1).items if most else ()
    return f"{found[0].type} {display_id(found[0].type, found[0].id, profile)}" if found else ""


def _only(hits: global_search.Hits | None, subscriptions: Sequence[Line]) -> str:
    """The address of the only thing that was found; empty if there are several or none."""
    if hits is None or len(subscriptions) > 1 or (hits and subscriptions):
        return ""
    if not subscriptions:
        return hits.only()
    return reverse("subscription", args=[subscriptions[0].topic.name, subscriptions[0].subscription.name])


@page("browse")
def show(request: HttpRequest, type: str, id: str) -> HttpResponse:
    profile = profile_of(request)
    aggregate = desk().index.aggregate(type, given_id(type, id, profile))
    if aggregate is None:
        return problem(request, unknown_aggregate(type, id, profile))
    if id != public_id(type, aggregate.id):
        query = request.GET.urlencode()
        return redirect(f"{aggregate_url(type, aggregate.id)}{'?' if query else ''}{query}")
    topics = {stream.topic for stream in aggregate.streams}
    figures = figures_for(topics)
    entered = filter_form.entered_filter(request, asked_of(figures), topics=topics)
    events, filtered = _events(request, aggregate, entered)
    selected = _selected(request, aggregate, events.items)
    _note_look(request, profile, aggregate, selected)
    lines = [build_line(row, profile) for row in events.items]
    context = {
        **_about(aggregate, profile),
        **_paging(request, entered, filtered),
        **_beside(request, aggregate),
        "page": events,
        "filter": entered,
        "filtered": filtered,
        "lines": lines,
        "examples": examples_of(lines),
        "detail": _detail(selected, profile),
        "reveal_offer": reveal_offers.of_event(request, selected) if selected else None,
        "reveal_all": None if wants_fragment(request) else reveal_offers.of_aggregate(request, aggregate.type, aggregate.id),
        **of_aggregate(aggregate, [] if wants_fragment(request) else events.items, selected, figures),
    }
    if not wants_fragment(request):
        context["stream_rows"] = _stream_rows(request, aggregate, context)
    payloads_missing = any(row.event is None for row in events.items)
    return render(
        request,
        "aggregates/show.html",
        context,
        fragment="aggregates/_detail.html",
        status=entered.status,
        away=store_health.outage_now() if payloads_missing else store_health.last_known_outage(),
    )


def _stream_rows(request: HttpRequest, aggregate: Aggregate, context: Mapping[str, Any]) -> SafeString:
    rows = StreamRows(
        query=context["kept_query"],
        selected=context["detail"].line.url if context["detail"] else "",
        several=len(aggregate.streams) > 1,
        movable=policy.allows(request.user, RESET_CURSOR.name),
    )
    return render_stream_rows(zip(context["lines"], context["stream_cells"], strict=True), rows)


def _note_look(request: HttpRequest, profile: AccessProfile, aggregate: Aggregate, selected: Row | None) -> None:
    """The page is a look at the aggregate; what htmx asks for is one at the event that was chosen."""
    if not wants_fragment(request):
        looks.note_aggregate(request, profile, aggregate.type, aggregate.id)
    elif selected is not None and request.GET.get("event"):
        looks.note_event(request, profile, origin_of_row(selected))


def _events(
    request: HttpRequest, aggregate: Aggregate, entered: EnteredFilter
) -> tuple[Page[Row], FilteredStream[Row] | None]:
    """One page of the aggregate's events. If they are filtered, also what the filter went through."""
    page_token = page_token_of(request)
    if entered.problem:
        return Page(items=()), None  # the whole stream would look like a result
    streams = desk().streams
    if entered.filter is None:
        return streams.stream(aggregate.type, aggregate.id, page_token=page_token, limit=_page_size()), None
    filtered = streams.filtered_stream(aggregate.type, aggregate.id, entered.filter, page_token=page_token, limit=_page_size())
    return Page(items=filtered.rows, older=filtered.older), filtered


def _beside(request: HttpRequest, aggregate: Aggregate) -> dict[str, Any]:
    """What the page offers with the aggregate, and which searchable values are still being built where it lies."""
    return {
        "replays": offers.of_aggregate(person_of(request), aggregate),
        "sees_erasure": policy.allows(request.user, "see_erasure"),
        "building_here": filter_form.values_building(request, {stream.topic for stream in aggregate.streams}),
    }


def _about(aggregate: Aggregate, profile: AccessProfile) -> dict[str, Any]:
    """What the head of the page shows of the aggregate."""
    anomalies = [
        {"text": text, "events": aggregate.anomalies[text.kind.value], "url": text.url_for(aggregate.type, aggregate.id)}
        for text in texts_of_kinds(aggregate.anomalies)
    ]
    gone = [stream for stream in aggregate.streams if stream.ended_at is not None]
    topics = sorted({stream.topic for stream in aggregate.streams})
    unreadable = desk().index.unreadable_with_key(aggregate.id, topics, MOST_UNREADABLE + 1)
    return {
        "aggregate": replace(aggregate, id=display_id(aggregate.type, aggregate.id, profile)),
        "title_id": display_id(aggregate.type, aggregate.id, profile.standing()),
        "public_id": public_id(aggregate.type, aggregate.id),
        "id_revealed": is_personal(aggregate.type) and reveals_aggregate(profile, aggregate.type, aggregate.id),
        "handle": public_id(aggregate.type, aggregate.id) if is_personal(aggregate.type) else "",
        "unreadable": [build_pointer_line(pointer, profile=profile) for pointer in unreadable[:MOST_UNREADABLE]],
        "more_unreadable": len(unreadable) > MOST_UNREADABLE,
        "type_words": humanize_type(aggregate.type),
        "anomalies": anomalies,
        "gone_streams": gone,
        "gone_events": sum(stream.events for stream in gone),
        "topics": topics,
    }


def _paging(request: HttpRequest, entered: EnteredFilter, filtered: FilteredStream[Row] | None) -> dict[str, str]:
    """The queries of the page's links, each with a ``&`` at its end: of the pager's, and of each line's (``kept_query``)."""
    page_token = page_token_of(request) or ""
    given = {"filter": request.GET.get("filter", ""), PAGE_PARAMETER: page_token}
    kept = {name: value[:LONGEST_KEPT] for name, value in given.items() if value}
    return {
        "page_token": page_token,
        "kept_query": urlencode(kept) + "&" if kept else "",
        "pager_query": urlencode({"filter": entered.text}) + "&" if entered.filter else "",
        "pager_older": "Search older events" if filtered else "",
    }


def _page_size() -> int:
    return settings.EVENTDESK.limits.page_size


def _topic_searches(request: HttpRequest, text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The largest topics, each with the searches that read it for the text: what they look at, and their address."""
    sees_values = profile_of(request).sees_values
    topics = [topic for topic in desk().index.topics().values() if topic.kind == TopicKind.EVENTS and topic.gone_at is None]
    topics.sort(key=lambda topic: -topic.events)
    ways = global_search.filters_for(text, sees_values=sees_values)
    return [
        (
            topic.topic,
            [(words, f"{reverse('topic', args=[topic.topic])}?{urlencode({'filter': filter})}") for words, filter in ways],
        )
        for topic in topics[:MOST_TOPICS]
    ]


def _selected(request: HttpRequest, aggregate: Aggregate, rows: Sequence[Row]) -> Row | None:
    """The event that the address names, if it belongs to this aggregate. Otherwise the newest on the page."""
    position, published = request.GET.get("event", ""), request.GET.get("published", "")
    # The event of a log that is gone may have the same position as one of the topic of now.
    for one in rows:
        mark = published_mark(one.pointer.published) if one.pointer is not None else ""
        if one.position.encode() == position and published in ("", mark):
            return one
    if position:
        try:
            row = desk().streams.row_at(Position.decode(position))
        except UnknownEvent:
            row = None
        if row and row.pointer and (row.pointer.aggregate_type, row.pointer.aggregate_id) == (aggregate.type, aggregate.id):
            return row
    return next(iter(rows), None)


def _detail(row: Row | None, profile: AccessProfile) -> Detail | None:
    return detail_of(row, profile, settings.EVENTDESK.limits.payload_preview_bytes) if row else None


urls = [
    path("aggregates/", index, name="aggregates"),
    path("aggregates/<segment:type>/<segment:id>/", show, name="aggregate"),
]
