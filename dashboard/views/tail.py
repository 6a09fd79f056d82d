"""The live tail of one topic, several topics, or one aggregate. Every choice is in the address.

The page itself holds no events. Its script opens the websocket and begins as ``data-begin`` says.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone

from dashboard.gateway import desk
from dashboard.privacy import display_id, given_id, public_id
from dashboard.privacy.by_reason.of_request import standing_profile_of
from dashboard.rendering.text import format_number, humanize_type
from dashboard.web import filter_form
from dashboard.web.filter_examples import FilterExamples, examples_of_topic
from dashboard.web.pages import nothing_yet, page, profile_of, render
from eventstore.model import InvalidPosition, Position, StoreUnreachable, Topic, TopicKind

MOST_TOPICS = 20
MOST_OFFERED = 100
"""Topics that one may choose from. Of more, a part of the name is asked for."""
LAST, MOST_LAST = 50, 10_000
LONGEST_NAME = 1024
MASKING = "Eventdesk-Masking"
"""The response header that tells an open page what its reader may see now."""
WRONG_TIME = "Give a day and a time, such as 2026-11-22T21:10 (UTC) or 2026-11-22T21:10+01:00."
WRONG_NUMBER = f"Give a number of events from 1 to {MOST_LAST:,}."
WRONG_PLACE = "This position cannot be watched from: it is damaged, or of another topic. Open the event again from a list."
TOO_LONG = f"No aggregate has a type or an id of more than {LONGEST_NAME:,} characters: choose topics instead."
WRONG_START = "Start from now, from the last events, from a time or from a position."


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Where a tail begins. If ``problem`` says what is wrong with the choice, it does not begin.

    ``unused``: a time is filled in as well, and something else is chosen.
    """

    kind: str = "now"
    last: int = LAST
    time: datetime | None = None
    position: str = ""
    problem: str = ""
    unused: bool = False

    @property
    def words(self) -> str:
        match self.kind:
            case "last":
                return "the last event" if self.last == 1 else f"the last {format_number(self.last)} events"
            case "time":
                return "a time"
            case "position":
                return "an event"
            case _:
                return "now"

    def message(self) -> object:
        """For the socket's ``begin`` message."""
        match self.kind:
            case "last":
                return {"last": self.last}
            case "time":
                return {"time": self.time.isoformat() if self.time else ""}
            case "position":
                return {"position": self.position}
            case _:
                return "now"

    def query(self) -> Mapping[str, str]:
        """For the address."""
        match self.kind:
            case "last":
                return {"from": "last", "last": str(self.last)}
            case "time":
                return {"from": "time", "time": self.time.isoformat() if self.time else ""}
            case "position":
                return {"from": "position", "position": self.position}
            case _:
                return {"from": "now"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What is followed: topics, and perhaps only one aggregate in them.

    ``named`` are the topics in the address's query. It is empty if the address's path names the topic, or if an aggregate is
    followed in all topics. ``aggregate_id`` is for addresses, ``shown_id`` the same for whoever looks.
    """

    topics: Sequence[Topic] = ()
    named: Sequence[str] = ()
    aggregate_type: str = ""
    aggregate_id: str = ""
    shown_id: str = ""

    def query(self) -> list[tuple[str, str]]:
        """For the address."""
        one = [("aggregate_type", self.aggregate_type), ("aggregate_id", self.aggregate_id)]
        return [("topic", name) for name in self.named] + (one if self.aggregate_id else [])

    def message(self) -> dict[str, object]:
        """For the socket's ``begin`` message."""
        message: dict[str, object] = {"topics": list(self.named)} if self.named else {}
        return message | ({"aggregate": {"type": self.aggregate_type, "id": self.aggregate_id}} if self.aggregate_id else {})


@page("tail")
def tail(request: HttpRequest, topic: str) -> HttpResponse:
    followed = desk().streams.topic(topic)
    return _show(request, Watched(topics=[followed]), reverse("tail", args=[followed.name]))


@page("tail")
def several(request: HttpRequest) -> HttpResponse:
    """The tail of several topics or an aggregate. If the address does not name them, the page lets people choose."""
    names = list(dict.fromkeys(request.GET.getlist("topic")))
    type, id = request.GET.get("aggregate_type", ""), request.GET.get("aggregate_id", "")
    if max(len(type), len(id)) > LONGEST_NAME:
        return _choose(request, Watched(named=names), TOO_LONG)
    profile = profile_of(request)
    meant = given_id(type, id, profile)
    watched = Watched(
        named=names,
        aggregate_type=type,
        aggregate_id=public_id(type, meant),
        shown_id=display_id(type, meant, profile.standing()),
    )
    if len(names) > MOST_TOPICS:
        return _choose(request, watched, f"A tail follows at most {MOST_TOPICS} topics: you chose {len(names)}.")
    searches = request.GET.get("q", "").strip() != request.GET.get("listed", "").strip()  # Enter there is as "Watch live"
    if "choose" in request.GET or searches or not (names or id):
        return _choose(request, watched)
    if names:
        topics, why = [desk().streams.topic(name) for name in names], ""
    else:
        topics, why = _topics_of(type, meant)
    if why:
        return _choose(request, watched, why)
    if len(topics) > MOST_TOPICS:
        return _choose(request, replace(watched, named=[topic.name for topic in topics[:MOST_TOPICS]]), too_many=len(topics))
    named = [topic.name for topic in topics] if names else []
    return _show(request, replace(watched, topics=topics, named=named), reverse("tails"))


def _topics_of(type: str, id: str) -> tuple[list[Topic], str]:
    """The topics in which the index knows events of this aggregate, those with most first, or why it cannot be followed."""
    aggregate = desk().index.aggregate(type, id)
    if aggregate is None:
        return [], "The index knows no event of this aggregate yet, so it is not known where it will come. Choose its topics."
    events: Counter[str] = Counter()
    for stream in aggregate.streams:
        events[stream.topic] += stream.events
    names = _existing(events)
    if not names:
        return [], "The topics in which the index knows events of this aggregate are gone. Choose others."
    return [Topic(name=name) for name in sorted(names, key=lambda name: (-events[name], name))], ""


def _existing(names: Collection[str]) -> list[str]:
    """The topics that still exist. All of them while the store is unreachable. The index also knows deleted ones."""
    try:
        existing = {topic.name for topic in desk().log.topics()}
    except StoreUnreachable:
        return sorted(names)
    return sorted(existing.intersection(names))


def _show(request: HttpRequest, watched: Watched, page: str) -> HttpResponse:
    entered = _filter(request, watched.topics)
    start = _start(request, watched)
    masking = profile_of(request).level
    names = watched.query() or [("topic", topic.name) for topic in watched.topics]
    kept = [*names, *start.query().items(), ("filter", entered.text)]
    context: dict[str, Any] = {
        "watched": watched,
        "page": page,
        "type_words": humanize_type(watched.aggregate_type),
        "filter": entered,
        "examples": examples_of_topic(watched.topics[0]) if watched.topics else FilterExamples(),
        "start": start,
        "most": MOST_LAST,
        "live": f"{page}live/",
        "opened": timezone.now(),
        "masking": masking,
        "begin": json.dumps({**watched.message(), "from": start.message(), "filter": entered.text}),
        "choose_url": f"{reverse('tails')}?{urlencode([*kept, ('choose', '1')])}",
    }
    status = HTTPStatus.BAD_REQUEST if start.problem else entered.status
    response = render(request, "tail/show.html", context, status=status)
    response[MASKING] = masking
    return response


def _choose(request: HttpRequest, watched: Watched, problem: str = "", too_many: int = 0) -> HttpResponse:
    """The page to choose topics. Those that ``watched`` names are already chosen. ``too_many``: in how many topics the
    aggregate has events, if one tail cannot follow them all."""
    try:
        topics, away = desk().log.topics(), None
    except StoreUnreachable as error:
        known = [topic for topic in desk().index.topics().values() if topic.gone_at is None]
        topics = [Topic(name=topic.topic, partitions=topic.partitions, kind=TopicKind(topic.kind)) for topic in known]
        away = error
    if empty := nothing_yet(request, there=bool(topics or away)):
        return empty
    text, chosen = request.GET.get("q", "").strip()[:LONGEST_NAME], frozenset(watched.named)
    named = [topic for topic in topics if text.lower() in topic.name.lower() and topic.name not in chosen]
    offered = sorted(named, key=lambda topic: (topic.derived, topic.name))[: max(0, MOST_OFFERED - len(chosen))]
    shown = [*(topic for topic in topics if topic.name in chosen), *offered]
    context = {
        "topics": sorted(shown, key=lambda topic: (topic.derived, topic.name)),
        "any": bool(topics),
        "search_text": text,
        "searchable_by_name": len(topics) > MOST_OFFERED,
        "more": len(named) - len(offered),
        "chosen": chosen,
        "watched": watched,
        "filter": _filter(request),
        "start": _start(request, watched),
        "most": MOST_LAST,
        "most_topics": MOST_TOPICS,
        "problem": problem,
        "too_many": too_many,
    }
    return render(request, "tail/choose.html", context, status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK, away=away)


def _filter(request: HttpRequest, topics: Sequence[Topic] = ()) -> filter_form.EnteredFilter:
    """The filter as the socket will take it: a tail outlives an open case, and shows what the role sees without one."""
    names = [topic.name for topic in topics]
    entered = filter_form.read_filter(request.GET.get("filter", ""), standing_profile_of(request), topics=names)
    return filter_form.noted_if_refused(request, entered)


def _start(request: HttpRequest, watched: Watched) -> Start:
    """Where the address says to begin.

    By default, a tail begins with the last events, so that the page of a quiet topic is not empty. The tail of an aggregate
    begins now, because the last events of its topics are rarely its own.
    """
    kind = request.GET.get("from", "").strip() or ("now" if watched.aggregate_id else "last")
    unused = kind != "time" and bool(request.GET.get("time", "").strip())
    return replace(_chosen(request, watched, kind), unused=unused)


def _chosen(request: HttpRequest, watched: Watched, kind: str) -> Start:
    match kind:
        case "now":
            return Start()
        case "last":
            return _last(request.GET.get("last", "").strip() or str(LAST))
        case "time":
            return _time(request.GET.get("time", "").strip())
        case "position":
            return _position(request.GET.get("position", "").strip(), watched)
        case _:
            return Start(problem=WRONG_START)


def _last(text: str) -> Start:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    return Start(kind="last", last=number) if 1 <= number <= MOST_LAST else Start(kind="last", problem=WRONG_NUMBER)


def _time(text: str) -> Start:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return Start(kind="time", problem=WRONG_TIME)
    if not 1 < when.year < 9999:
        return Start(kind="time", problem=WRONG_TIME)
    return Start(kind="time", time=when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC))


def _position(text: str, watched: Watched) -> Start:
    try:
        topic = Position.decode(text).topic
    except InvalidPosition:
        topic = ""
    known = topic in {followed.name for followed in watched.topics} or not watched.topics
    return Start(kind="position", position=text) if topic and known else Start(kind="position", problem=WRONG_PLACE)


urls = [
    path("tail/", several, name="tails"),
    path("topics/<segment:topic>/tail/", tail, name="tail"),
]
