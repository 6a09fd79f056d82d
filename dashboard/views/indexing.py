"""The progress of the index: for each topic, how much is indexed, how far behind it is, the rate, and the indexers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from dashboard.gateway import desk
from dashboard.rendering.text import NO_VALUE, format_duration, format_number
from dashboard.web import completeness, filter_form
from dashboard.web.completeness import INDEX_MAY_LAG
from dashboard.web.filter_form import percent_of
from dashboard.web.pages import page, render
from dashboard.web.store_health import troubled_partitions
from eventstore.model import TopicKind, TopicProgress, ValuesBuilt

MOST_MADE_ANEW = 50
MOST_LINES = 100
"""Topics in the table. Those with a problem come first."""
MOST_TROUBLED = 50
"""Partitions in which the indexer fails that are named; the others are counted."""

Mark = tuple[str, str, str]
UNATTENDED: Mark = ("bad", "✕", "no indexer")
NOT_KNOWN: Mark = ("warn", "▲", "not known now")
"""While the store is away: what was indexed may be all there is, or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One topic. ``bar`` is a fraction from 0 to 1, or ``None`` if it is not known. The other figures are text."""

    topic: str
    derived: str
    now: str
    """The kind of topic that the configuration says now, if it was indexed as another kind."""
    mark: Mark
    bar: float | None
    percent: str
    indexed: int
    waiting: str
    behind: str
    indexed_until: datetime | None
    """When the last indexed event was published, if the topic is behind."""
    rate: str
    to_go: str
    indexers: int
    partitions: int
    gone_at: datetime | None
    """When the store was found to have the topic no longer."""
    values: str
    """How far its older events have the searchable values that are declared now; empty if all have them."""


@page("browse")
def indexing(request: HttpRequest) -> HttpResponse:
    now, how = timezone.now(), completeness.standing()
    whole, topics = desk().index.progress()
    fails = {one.topic for one in desk().index.troubled()}
    building = {one.topic: _building(one, filter_form.searchable_names(request)) for one in desk().values.of_topics()}
    lines = [_line(topic, now, building, fails=topic.topic in fails, away=how.store_away) for topic in topics]
    watched = [line for line in lines if line.gone_at is None]
    made_anew = desk().index.made_anew()
    context = {
        "made_anew": made_anew[:MOST_MADE_ANEW],
        "more_made_anew": max(0, len(made_anew) - MOST_MADE_ANEW),
        "lines": _worth_seeing(lines),
        "topics": len(lines),
        "more": max(0, len(lines) - MOST_LINES),
        "gone": next((line.topic for line in lines if line.gone_at), ""),
        "watched": watched,
        "whole": whole,
        "waiting": NOT_KNOWN[2] if how.store_away else _waiting(whole.behind, exact=whole.exact),
        "behind": _behind(_seconds_behind(whole.caught_up_at, now)),
        "rate": _rate(whole.rate),
        "to_go": _to_go(whole.seconds_to_go),
        "percent": "" if how.store_away else _percent(whole.fraction),
        **troubled_partitions(MOST_TROUBLED),
        "late": sum(line.mark[0] != "ok" for line in watched),
        "unattended": sum(line.mark == UNATTENDED for line in watched),
        "running": how.index.indexers if how.index else 0,
        "standing": how,
        "tries_again": True,
        "as_of": now,
    }
    return render(request, "indexing/index.html", context, fragment="indexing/_progress.html")


def _worth_seeing(lines: Sequence[Line]) -> list[Line]:
    """Of more lines than are shown, those that are not in order, and then the first ones; by name."""
    shown = sorted(range(len(lines)), key=lambda number: lines[number].mark[0] == "ok")[:MOST_LINES]
    return [lines[number] for number in sorted(shown)]


def _line(topic: TopicProgress, now: datetime, building: Mapping[str, str], *, fails: bool, away: bool) -> Line:
    progress = topic.progress
    kind = desk().config.topics.of(topic.topic)
    seconds = _seconds_behind(progress.caught_up_at, now)
    return Line(
        topic=topic.topic,
        derived="" if topic.kind == TopicKind.EVENTS else topic.kind,
        now="" if kind == topic.kind else kind,
        mark=_mark(topic, seconds, fails=fails, away=away),
        bar=None if away else progress.fraction,
        percent="" if away else _percent(progress.fraction),
        indexed=progress.indexed,
        waiting=NOT_KNOWN[2] if away else _waiting(progress.behind, exact=progress.exact),
        behind=_behind(seconds),
        indexed_until=progress.published if progress.behind else None,
        rate=_rate(progress.rate),
        to_go=_to_go(progress.seconds_to_go),
        indexers=topic.indexers,
        partitions=progress.partitions,
        gone_at=topic.gone_at,
        values=building.get(topic.topic, ""),
    )


def _building(of: ValuesBuilt, names: Collection[str]) -> str:
    """In words, with the names that the person's searches include."""
    shown = sorted(of.by_name.keys() & set(names))
    what = f"searchable values ({', '.join(shown)}): being built" if shown else "searchable values: being built"
    if not of.by_name:
        what = "those no longer declared are being removed" if of.is_noted else "older events are checked for undeclared ones"
        what = f"searchable values: {what}"
    pace = f"{_rate(of.rate)}, {_to_go(of.seconds_to_go)} to go" if of.rate else of.trouble or "no indexer is at it now"
    return f"{what}, {percent_of(of.fraction)} ({pace})"


def _mark(topic: TopicProgress, seconds: float | None, *, fails: bool, away: bool) -> Mark:
    """Tone, symbol, and word. ``fails``: the indexer fails again and again in a partition. ``away``: the store is away."""
    if topic.gone_at is not None:
        return "info", "○", "gone from the store"
    if fails or away:
        return ("bad", "✕", "fails") if fails else NOT_KNOWN
    if seconds is not None and seconds <= INDEX_MAY_LAG:
        return "ok", "✓", "up to date"
    if not topic.indexers:
        return UNATTENDED
    if topic.progress.behind and not topic.progress.rate:
        return "warn", "▲", "does not move"
    return "info", "○", "catching up"


def _seconds_behind(caught_up_at: datetime | None, now: datetime) -> float | None:
    return None if caught_up_at is None else max(0.0, (now - caught_up_at).total_seconds())


def _behind(seconds: float | None) -> str:
    return "never caught up yet" if seconds is None else format_duration(seconds)


def _waiting(behind: int | None, *, exact: bool) -> str:
    """Events that wait to be indexed."""
    if behind is None:
        return "not counted yet"
    if not behind:
        return "none"
    return format_number(behind) if exact else f"about {format_number(behind)}"


def _rate(rate: float) -> str:
    """Events a second."""
    return f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second" if rate >= 0.05 else NO_VALUE


def _to_go(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    return f"about {format_duration(seconds + 0.5)}" if seconds else NO_VALUE


def _percent(fraction: float | None) -> str:
    """Rounded down, so that 100 % means everything."""
    return "" if fraction is None else f"{int(fraction * 1000) / 10:g} %"


urls = [path("index/", indexing, name="indexing")]
