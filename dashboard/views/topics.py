"""The topics, and the events of one topic."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.gateway import desk
from dashboard.rendering import HOURS, build_line, chart_hours, far_links, future_links
from dashboard.replays import offers
from dashboard.web import filter_form, store_health
from dashboard.web.filter_examples import examples_of, examples_of_topic
from dashboard.web.filter_form import EnteredFilter
from dashboard.web.pages import nothing_yet, page, page_token_of, person_of, profile_of, render
from eventstore.model import IndexedTopic, Page, StoreUnreachable, TooManySearches, Topic, TopicKind
from eventstore.scanning import ScanState
from eventstore.streams import Row, count_copies

MOST_LINES = 100
"""Topics in a table. Each line takes a fifth of a millisecond and 600 bytes, and nobody reads thousands."""
LONGEST_QUERY = 1_024
WRONG_TIME = "Give a day and a time, such as 2026-11-22T21:10 (UTC) or 2026-11-22T21:10+01:00."


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicLine:
    """A topic of the store, of the index, or of both. ``gone`` means that only the index still knows it."""

    topic: Topic
    indexed: IndexedTopic | None
    gone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicTable:
    """A table of topics by name. ``more``: how many come behind ``last``, of ``found`` in all."""

    lines: Sequence[TopicLine]
    found: int
    more: int

    @property
    def last(self) -> str:
        return self.lines[-1].topic.name if self.lines else ""


@page("browse")
def index(request: HttpRequest) -> HttpResponse:
    known = desk().index.topics()
    try:
        topics, away = desk().log.topics(), None
    except StoreUnreachable as error:
        topics, away = [], error
    lines = _lines(topics, known, away is not None)
    if empty := nothing_yet(request, there=bool(lines or away)):
        return empty
    text = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    named = [line for line in lines if text.lower() in line.topic.name.lower()]
    return render(
        request,
        "topics/index.html",
        {
            "lines": lines,
            "search_text": text,
            "searchable_by_name": len(lines) > MOST_LINES or text,
            "events": _table([line for line in named if not line.topic.derived], request.GET.get("after", "")),
            "derived": _table([line for line in named if line.topic.derived], request.GET.get("derived_after", "")),
            "known_at": _known_at(known.values()),
        },
        status=503 if away and not lines else 200,
        away=away,
    )


@page("browse")
def show(request: HttpRequest, topic: str) -> HttpResponse:
    known_topic = desk().streams.topic(topic)
    indexed = desk().index.topics().get(known_topic.name)
    since, problem = _since(request.GET.get("since", ""))
    entered = filter_form.entered_filter(request, topics={known_topic.name})
    if entered.text:
        return _filtered(request, known_topic, entered, {"indexed": indexed, "since": since, "since_problem": problem})
    page_token = page_token_of(request)
    try:
        if since is not None:
            page_token = desk().streams.page_token_since(known_topic, since)
        limit = settings.EVENTDESK.limits.page_size
        events, away = desk().streams.topic_page(known_topic, page_token=page_token, limit=limit), None
    except StoreUnreachable as error:
        events, away = _from_index(known_topic), error
    profile = profile_of(request)
    lines = [build_line(row, profile) for row in events.items]
    return render(
        request,
        "topics/show.html",
        {
            "topic": known_topic,
            "indexed": indexed,
            "page": events,
            "lines": lines,
            "examples": examples_of(lines),
            "copies": 0 if known_topic.derived else count_copies(events.items),
            "since": since,
            "since_problem": problem,
            "at_newest": page_token is None,
            "known_at": indexed.caught_up_at if indexed else None,
            "building_here": filter_form.values_building(request, {known_topic.name}),
            **(_hours(known_topic, indexed, request.GET.get("before", "")) if page_token is None else {}),
        },
        status=503 if away and not events.items else 200,
        away=away,
    )


def _hours(topic: Topic, indexed: IndexedTopic | None, before: str) -> dict[str, Any]:
    """The chart of the topic's last hours, or of those before the time that a link names, and where the next ones end.

    The last hours are those of the middle, so that one event with a wrong time does not hide all others.
    """
    moment, _ = _since(before)
    events = indexed.events if indexed else 0
    middle = desk().index.middle_hours(topic.name, events) if moment is None and events else None
    chart = chart_hours(desk().index.hours(topic.name, HOURS, before=middle.ends if middle else moment))
    earlier = desk().index.hours(topic.name, 1, before=chart.begins) if chart else ()
    return {
        "hours": chart,
        "hours_before": moment,
        "hours_earlier": chart.begins if chart and earlier else None,
        "hours_far": far_links(middle) if middle else (),
        "hours_future": future_links(middle) if middle else (),
    }


def _filtered(request: HttpRequest, topic: Topic, entered: EnteredFilter, known: Mapping[str, Any]) -> HttpResponse:
    """The matches found so far. Nothing if the filter is invalid, because the whole list would look like a result."""
    context: dict[str, Any] = {**known, "topic": topic, "filter": entered, "search_problem": entered.problem}
    context["examples"] = examples_of_topic(topic)
    context["building_here"] = filter_form.values_building(request, {topic.name})
    if entered.filter is None or known["since_problem"]:
        return render(request, "topics/show.html", context, status=entered.status)
    try:
        search = filter_form.search_of(request, topic, entered.filter, known["since"])
    except TooManySearches as error:
        return render(request, "topics/show.html", {**context, "search_problem": str(error)}, status=503)
    failed = search.progress.state is ScanState.FAILED
    context |= {"search": search, "replays": offers.of_search(person_of(request), topic.name, entered.text, known["since"])}
    return render(request, "topics/show.html", context, away=store_health.outage_now() if failed else None)


def _table(lines: Sequence[TopicLine], after: str) -> TopicTable:
    """The first of these lines behind the topic of this name."""
    behind = [line for line in lines if line.topic.name > after]
    return TopicTable(lines=behind[:MOST_LINES], found=len(lines), more=max(0, len(behind) - MOST_LINES))


def _known_at(topics: Iterable[IndexedTopic]) -> datetime | None:
    """The oldest of the times at which the index was last caught up with a topic."""
    return min((topic.caught_up_at for topic in topics if topic.caught_up_at), default=None)


def _lines(topics: Sequence[Topic], known: Mapping[str, IndexedTopic], away: bool) -> list[TopicLine]:
    existing = [TopicLine(topic=topic, indexed=known.get(topic.name)) for topic in topics]
    names = {topic.name for topic in topics}
    remembered = [
        TopicLine(
            topic=Topic(name=topic.topic, partitions=topic.partitions, kind=TopicKind(topic.kind)),
            indexed=topic,
            gone=not away or topic.gone_at is not None,
        )
        for topic in known.values()
        if topic.topic not in names
    ]
    return sorted([*existing, *remembered], key=lambda line: line.topic.name)


def _from_index(topic: Topic) -> Page[Row]:
    return Page(items=desk().streams.latest_known(topic, limit=settings.EVENTDESK.limits.page_size))


def _since(text: str) -> tuple[datetime | None, str]:
    """The time that a form or an address names, in UTC unless it has an offset, or a message that says what is wrong."""
    if not text.strip():
        return None, ""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None, WRONG_TIME
    if not 1 < when.year < 9999:
        return None, WRONG_TIME
    return (when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)), ""


urls = [
    path("topics/", index, name="topics"),
    path("topics/<segment:topic>/", show, name="topic"),
]
