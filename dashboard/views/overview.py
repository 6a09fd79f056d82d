"""What needs attention now, worst first, and then the state of everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from dashboard.access import policy
from dashboard.gateway import desk
from dashboard.jobs.attention import jobs_to_attend_to
from dashboard.letters.summary import dead_letters
from dashboard.privacy import AccessProfile
from dashboard.rendering import AnomalyText, EventLine, build_line, build_pointer_line, texts_of_kinds
from dashboard.replays.live.under_way import replays_under_way
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import BacklogSnapshot, Line
from dashboard.subscriptions.diagnosis import FindingText, at_a_glance, diagnosis_of
from dashboard.subscriptions.figures.row import brief_rows
from dashboard.subscriptions.marks import WELL, events_words
from dashboard.web import completeness, place_counts, store_health
from dashboard.web.pages import load_whole_page, page, person_of, profile_of, render, wants_fragment
from dashboard.web.store_health import troubled_partitions
from eventstore.model import Anomaly, EventStoreError, TopicMadeAnew
from eventstore.subscriptions import Counted, State

MOST_LINES = 100
NOBODY_WAITS = (State.PHANTOM, State.EXTERNAL, State.STORES_OWN)
"""States in which the backlog says nothing about a service."""
MOST_STUCK = 20
MOST_INSPECTED = 5
"""Stuck subscriptions whose first waiting events are looked up: each may need a read from the broker. And moving ones of which
half an hour of looks is read."""
MOST_HEADS = 3
MOST_MISTAKEN = 10
"""Subscriptions that move, but are used in a way that loses order or moves everybody."""
MOST_DEAD_LETTERS = 5
MOST_TROUBLED = 5
MOST_JOBS = 5
MOST_MADE_ANEW = 5
MADE_ANEW_LATELY = timedelta(days=7)
"""How long a topic that was made anew is listed here. The page of the index names it always."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stuck:
    """A subscription that does not move. ``heads`` are the events that block it, one for each partition, as far as known:
    none where nobody is connected."""

    line: Line
    events: str
    heads: Sequence[EventLine]
    findings: Sequence[FindingText]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistaken:
    """A subscription that moves, with the mistakes that were found."""

    line: Line
    findings: Sequence[FindingText]


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """What waits in all backlogs, but for those that say nothing of a service.

    ``oldest`` is the line whose first event has waited longest.
    """

    events: int
    sure: bool
    in_entries: bool
    most: Line | None
    oldest: Line | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Anomalies:
    """How many events have one kind of anomaly, and the event that was found last."""

    text: AnomalyText
    events: int
    newest: EventLine | None

    @property
    def counted(self) -> str:
        return self.text.counted(self.events)


@page("browse")
def overview(request: HttpRequest) -> HttpResponse:
    snapshot, away = backlog_cache.gathered_or_last_known()
    if away and wants_fragment(request):
        return load_whole_page()  # it reports it, and tries again by itself
    now = completeness.standing()
    index = now.index or store_health.current_index_health()
    lines = snapshot.worst_first if snapshot else []
    services = [line for line in lines if not line.keeps_letters]
    stuck = [line for line in lines if line.needs_attention]
    held = [line for line in lines if line.held_long]
    mistaken = _mistaken([line for line in lines if not line.needs_attention])
    moment = timezone.now()
    jobs = jobs_to_attend_to(moment, named=policy.allows(person_of(request), "read_audit"))
    of_index = {**_from_the_index(index, lines), "index_notice": now.index_notice, "standing": now, "says_index": True}
    attention = _count_issues(snapshot, len(stuck) + len(held), len(mistaken) + len(jobs), of_index)
    context = {
        **of_index,
        "snapshot": snapshot,
        "lines": lines[:MOST_LINES],
        "rows": brief_rows(lines[:MOST_LINES]),
        "more": max(0, len(lines) - MOST_LINES),
        "stuck": _stuck(stuck[:MOST_STUCK], profile_of(request)),
        "more_stuck": max(0, len(stuck) - MOST_STUCK),
        "held": held[:MOST_STUCK],
        "mistaken": mistaken,
        "subscriptions": len(services),
        "jobs": jobs[:MOST_JOBS],
        "more_jobs": max(0, len(jobs) - MOST_JOBS),
        "replays": replays_under_way(moment),
        "waiting": _waiting(lines) if snapshot else None,
        "healthy": sum(line.backlog.state in WELL for line in services),
        "attention": attention,
        "supported": desk().subscriptions.supported,
        "lists_consumers": desk().subscriptions.lists_consumers,
        "known_at": _known_at(snapshot),
        "asking": backlog_cache.is_asked_for(snapshot, away),
    }
    status = 503 if away and not _knows_anything(snapshot, index) else 200
    return render(request, "overview/index.html", context, fragment="overview/_attention.html", status=status, away=away)


def _count_issues(snapshot: BacklogSnapshot | None, of_subscriptions: int, further: int, of_index: Mapping[str, Any]) -> int:
    """How many issues the page lists. Every other page says it, too, if the subscriptions are among them."""
    kinds = ("dead_letters", "anomalies", "made_anew", "troubled", "index_notice")
    others = further + sum(bool(of_index[kind]) for kind in kinds) + bool(snapshot and snapshot.unavailable_topics)
    if snapshot is not None and not snapshot.is_asked_for:
        place_counts.note("overview", attention=others, as_of=snapshot.as_of)
    return of_subscriptions + others


def _from_the_index(index: store_health.IndexHealth, lines: Sequence[Line]) -> dict[str, Any]:
    """What of this page comes from the index, and from the subscriptions as they are known."""
    made_anew = _made_anew_lately()
    return {
        "dead_letters": dead_letters(lines, MOST_DEAD_LETTERS),
        "anomalies": _anomalies(),
        "made_anew": made_anew[:MOST_MADE_ANEW],
        "more_made_anew": max(0, len(made_anew) - MOST_MADE_ANEW),
        **troubled_partitions(MOST_TROUBLED),
        "index": index,
    }


def _knows_anything(snapshot: BacklogSnapshot | None, index: store_health.IndexHealth) -> bool:
    return snapshot is not None or index.topics > 0


def _known_at(snapshot: BacklogSnapshot | None) -> datetime | None:
    if snapshot is not None:
        return snapshot.as_of
    moments = [topic.caught_up_at for topic in desk().index.topics().values() if topic.caught_up_at]
    return max(moments) if moments else None


def _stuck(lines: Sequence[Line], profile: AccessProfile) -> list[Stuck]:
    return [
        Stuck(
            line=line,
            events=events_words(line.backlog),
            heads=_heads(line, profile) if number < MOST_INSPECTED and line.held_by_an_event else (),
            findings=diagnosis_of(line).findings if number < MOST_INSPECTED else (),
        )
        for number, line in enumerate(lines)
    ]


def _mistaken(lines: Sequence[Line]) -> list[Mistaken]:
    """Subscriptions that are used wrongly, as far as their figures tell. What was seen before is read only of the first few
    whose cursor went back: a reset of everything moves hundreds."""
    found: list[Mistaken] = []
    inspected = 0
    for line in lines:
        inspect = inspected < MOST_INSPECTED and any(not setback.restarted for setback in line.backlog.setbacks)
        inspected += inspect
        findings = diagnosis_of(line).findings if inspect else at_a_glance(line)
        sure = [finding for finding in findings if finding.sure]
        if sure:
            found.append(Mistaken(line=line, findings=sure))
        if len(found) == MOST_MISTAKEN:
            break
    return found


def _heads(line: Line, profile: AccessProfile) -> Sequence[EventLine]:
    """The events that block the subscription in the first few of its stuck partitions."""
    stuck = line.backlog.stuck_partitions
    try:
        rows = desk().subscriptions.first_waiting(line.subscription, min(MOST_HEADS, len(stuck)), partitions=stuck)
    except EventStoreError:
        return ()  # the store is unreachable by now: show the line without it
    return [build_line(row, profile) for row in rows]


def _anomalies() -> list[Anomalies]:
    """The anomalies that the index found, by kind."""
    counts = desk().index.anomaly_counts()
    return [Anomalies(text=text, events=counts[text.kind.value], newest=_newest(text.kind)) for text in texts_of_kinds(counts)]


def _made_anew_lately() -> Sequence[TopicMadeAnew]:
    since = timezone.now() - MADE_ANEW_LATELY
    return [topic for topic in desk().index.made_anew() if topic.at >= since]


def _newest(kind: Anomaly) -> EventLine | None:
    lines = desk().index.anomalies(kind, limit=1).items
    return build_pointer_line(lines[0].pointer) if lines else None


def _waiting(lines: Sequence[Line]) -> Waiting:
    counted = [line for line in lines if line.backlog.state not in NOBODY_WAITS and not line.keeps_letters]
    waits = [line for line in counted if line.backlog.waiting]
    old = [line for line in counted if line.backlog.oldest]
    return Waiting(
        events=sum(line.backlog.waiting for line in counted),
        sure=not any(line.backlog.counted is Counted.INDEX_BEHIND for line in counted),
        in_entries=any(line.backlog.counted is Counted.ENTRIES for line in waits),
        most=max(waits, key=lambda line: line.backlog.waiting, default=None),
        oldest=min(old, key=lambda line: line.backlog.oldest or line.backlog.as_of, default=None),
    )


urls = [path("", overview, name="overview")]
