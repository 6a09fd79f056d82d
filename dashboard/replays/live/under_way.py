"""Replays as lines of a list and of the overview: as their jobs tell, without asking the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from dashboard.gateway import desk
from dashboard.jobs.words import Mark, mark_of
from dashboard.rendering.text import format_duration
from dashboard.replays.live import words
from dashboard.replays.live.shown import bar_of, headline
from eventstore.jobs import Job, State
from eventstore.replays import Watched

MOST = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class UnderWay:
    """One line. ``percent`` and ``bar`` as for ``Shown``; ``to_go`` is empty where it is not known."""

    job: Job
    url: str
    title: str
    mark: Mark
    headline: str
    percent: int | None
    bar: tuple[int, int]
    to_go: str

    @property
    def id(self) -> str:
        return self.job.id


def replays_under_way(now: datetime) -> Sequence[UnderWay]:
    """The newest that are queued or running, at most ``MOST``. Those that wait for a person are among what needs attention."""
    found = desk().replays.newest(limit=MOST, states=(State.QUEUED, State.RUNNING))
    return [line_of(one, now) for one in found]


def line_of(one: Watched, now: datetime) -> UnderWay:
    seconds = one.seconds_to_go
    return UnderWay(
        job=one.job,
        url=reverse("replay", args=[one.job.id]),
        title=words.title_of(one.order),
        mark=mark_of(one.job, now),
        headline=headline(one),
        percent=None if one.share is None else int(100 * one.share),
        bar=bar_of(one),
        to_go="" if seconds is None else f"about {format_duration(seconds + 0.5)} to go",
    )
