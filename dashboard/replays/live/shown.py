"""What the page of one replay shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from dashboard.gateway import desk
from dashboard.jobs.words import Mark, mark_of, note_of, unnamed_note_of
from dashboard.privacy import AccessProfile
from dashboard.rendering import EventLine, build_line
from dashboard.rendering.text import NO_VALUE, format_duration, format_number
from dashboard.replays.live import words
from eventstore.jobs import State
from eventstore.model import Message
from eventstore.replays import CopyLine, Refused, Watched, Way, has_consumed, reader_of
from eventstore.streams import Row

MOST_REFUSED = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One event of a small replay. ``consumed``: ``None`` where nothing tells; ``seen``: when it was first seen consumed."""

    line: EventLine
    version: int | None
    published: datetime
    consumed: bool | None
    seen: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A replay in words and figures. ``percent`` is a whole number, rounded down; ``None`` where the share is not known.

    ``bar``: how much of the progress bar is consumed and how much is sent, in thousandths.
    """

    watched: Watched
    id: str
    title: str
    mark: Mark
    note: str
    headline: str
    aside: str
    percent: int | None
    bar: tuple[int, int]
    means: str
    rate: str
    to_go: str
    slowest: str
    events: Sequence[Sent]
    refused: Sequence[EventLine]
    more_refused: int
    given_up: str


def shown(watched: Watched, profile: AccessProfile, *, named: bool) -> Shown:
    """``named``: whether it says who did what, which is for those who may read the record."""
    job, now = watched.job, timezone.now()
    seconds = watched.seconds_to_go
    return Shown(
        watched=watched,
        id=job.id,
        title=words.title_of(watched.order),
        mark=_mark(watched, now),
        note=note_of(job) if named else unnamed_note_of(job),
        headline=headline(watched),
        aside=_aside(watched, now),
        percent=None if watched.share is None else int(100 * watched.share),
        bar=bar_of(watched),
        means=words.consumed_means(watched.order, reader_of(watched.order)),
        rate=NO_VALUE if watched.rate is None else f"{watched.rate:,.1f} events/s",
        to_go=NO_VALUE if seconds is None else f"about {format_duration(seconds + 0.5)}",
        slowest=_slowest(watched),
        events=_events(watched, profile),
        refused=[_line(one, profile) for one in watched.refused[:MOST_REFUSED]],
        more_refused=max(0, watched.given_up - MOST_REFUSED),
        given_up=words.given_up(watched),
    )


def headline(watched: Watched) -> str:
    """ "1 of 2 consumed"."""
    total = watched.total
    if watched.unknown:
        return "Consumed: not known"
    if watched.job.state is State.SUCCEEDED and total is not None and watched.consumed >= total:
        return "Nothing to consume" if total == 0 else f"All {format_number(total)} consumed" if total > 1 else "Consumed"
    sure = "" if watched.exact or not watched.consumed else "At least "
    return f"{sure}{format_number(watched.consumed)}{'' if total is None else f' of {format_number(total)}'} consumed"


def waits_for_consumers(watched: Watched) -> bool:
    """Whether everything is sent, and only the consumers are to follow."""
    return watched.job.state is State.RUNNING and watched.total is not None and watched.sent >= watched.total


def _mark(watched: Watched, now: datetime) -> Mark:
    mark = mark_of(watched.job, now)
    consumption = watched.consumption
    unattended = consumption is not None and consumption.consumers == 0 and consumption.left
    if mark[2] == "running" and waits_for_consumers(watched) and unattended:
        return "warn", "▲", "waiting for a consumer"
    return mark


def _aside(watched: Watched, now: datetime) -> str:
    """ "2 sent · 3 seconds"."""
    job = watched.job
    parts = [f"{format_number(watched.sent)} sent"] if watched.order.way is Way.TOPIC else []
    if given_up := words.given_up(watched):
        parts.append(f"{given_up} given up")
    if job.started is not None:
        parts.append(format_duration(((job.ended or now) - job.started).total_seconds()))
    return " · ".join(parts)


def bar_of(watched: Watched) -> tuple[int, int]:
    total = watched.total
    if not total:
        return (1000, 1000) if watched.job.state is State.SUCCEEDED else (0, 0)
    consumed = 0 if watched.unknown else min(1000, 1000 * watched.consumed // total)
    return consumed, max(consumed, min(1000, 1000 * watched.sent // total) if watched.order.way is Way.TOPIC else 0)


def _slowest(watched: Watched) -> str:
    """ "partition 3: 1,200 left"; empty where nothing is slowest."""
    part = watched.consumption.slowest if watched.consumption is not None and not watched.unknown else None
    return f"partition {part.stretch.partition}: {format_number(part.left)} left" if part is not None else ""


def _events(watched: Watched, profile: AccessProfile) -> Sequence[Sent]:
    versions = _versions(watched.copies)
    return [
        Sent(
            line=_line(copy, profile),
            version=versions.get(copy.of),
            published=copy.published,
            consumed=_is_consumed(watched, copy),
            seen=watched.seen_consumed(copy),
        )
        for copy in watched.copies
    ]


def _is_consumed(watched: Watched, copy: CopyLine) -> bool | None:
    if watched.unknown:
        return None
    if watched.job.state is State.SUCCEEDED or watched.seen_consumed(copy) is not None:
        return True
    return has_consumed(watched.consumption, copy.position) if watched.consumption is not None else None


def _versions(copies: Sequence[CopyLine]) -> dict[str, int | None]:
    """The version of each copy's original in its stream, as far as the index knows it."""
    found: dict[str, int | None] = {}
    for copy in copies:
        event = desk().read(copy.message)
        at = copy.of.rpartition("/")[2]
        of = [one for one in desk().index.with_event_id(event.id) if one.position.label == at and not one.derived]
        found[copy.of] = of[0].version if of else None
    return found


def _line(copy: CopyLine | Refused, profile: AccessProfile) -> EventLine:
    message: Message = copy.message
    return build_line(Row(position=message.position, event=desk().read(message)), profile)
