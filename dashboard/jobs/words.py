"""Jobs in words: their state, their figures, and what a capability adds for its own kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.privacy import public_id
from dashboard.rendering.links import aggregate_url
from dashboard.rendering.text import NO_VALUE, format_duration, format_number, humanize_type, short_topic, visible
from eventstore.actions import AGGREGATE, SUBSCRIPTION, TOPIC, Resource
from eventstore.jobs import Job, State, Wish, kind_named

Fact = tuple[str, SafeString | str]
Mark = tuple[str, str, str]
"""Tone, symbol, and word."""
SILENT_AFTER = timedelta(seconds=60)
"""How long a running job's worker may be silent: as long as its lease lasts."""

MARKS: dict[State, Mark] = {
    State.WAITING: ("warn", "▲", "waiting for approval"),
    State.QUEUED: ("info", "○", "queued"),
    State.RUNNING: ("info", "◌", "running"),
    State.PAUSED: ("warn", "▲", "paused"),
    State.SUCCEEDED: ("ok", "✓", "succeeded"),
    State.FAILED: ("bad", "✕", "failed"),
    State.CANCELLED: ("warn", "◐", "cancelled"),
}


def no_facts(job: Job) -> Sequence[Fact]:
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class KindWords:
    """How jobs of one kind read.

    ``unit`` is what their progress counts ("letter"); ``facts`` are shown on a job's page. ``page`` is the name of the URL of
    one; ``title`` its title, if that says more than the kind's name.
    """

    unit: str = "event"
    facts: Callable[[Job], Sequence[Fact]] = no_facts
    page: str = "job"
    title: Callable[[Job], str] | None = None


_words: dict[str, KindWords] = {}


def tell_jobs(kind: str, words: KindWords) -> None:
    """Describe jobs of this kind with these words. Raises ``ValueError`` if the kind has others."""
    if _words.setdefault(kind, words) is not words:
        raise ValueError(f"There are two texts for jobs of the kind {kind!r}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLine:
    """A job as its pages show it. ``share`` is a fraction from 0 to 1, or ``None`` if the amount is not known."""

    job: Job
    title: str
    name: str
    target: SafeString | str
    url: str
    mark: Mark
    note: str
    share: float | None
    amount: str
    rate: str
    to_go: str
    took: str
    facts: Sequence[Fact] = field(default_factory=tuple)


def job_line(job: Job, now: datetime, *, named: bool) -> JobLine:
    """``named``: whether it says who did what, which is for those who may read the record."""
    words = _words.get(job.kind, KindWords())
    progress = job.progress
    share = min(1.0, progress.handled / progress.total) if progress.total else None
    seconds = job.seconds_to_go
    return JobLine(
        job=job,
        title=title_of(job),
        name=name_of(job.resource),
        target=target_of(job.resource),
        url=url_of(job),
        mark=mark_of(job, now),
        note=note_of(job) if named else unnamed_note_of(job),
        share=share,
        amount=_amount(job, words.unit),
        rate=_rate(job),
        to_go=NO_VALUE if seconds is None else f"about {format_duration(seconds + 0.5)}",
        took=_took(job),
        facts=words.facts(job),
    )


def url_of(job: Job) -> str:
    """The page of this job."""
    return reverse(_words.get(job.kind, KindWords()).page, args=[job.id])


def title_of(job: Job) -> str:
    own = _words.get(job.kind, KindWords()).title
    if own is not None:
        return own(job)
    known = kind_named(job.kind)
    return known.title if known else humanize_type(job.kind.replace("_", " "))


def mark_of(job: Job, now: datetime) -> Mark:
    if job.wish is Wish.CANCEL and not job.state.has_ended:
        return "warn", "◐", "being cancelled"
    if job.state is State.RUNNING and job.wish is Wish.PAUSE:
        return "warn", "▲", "being paused"
    if job.state is State.RUNNING and job.seen is not None and now - job.seen > SILENT_AFTER:
        return "warn", "▲", "worker silent"
    if job.state is State.QUEUED and job.not_before is not None:
        return "warn", "▲", "waiting to retry"
    return MARKS[job.state]


def note_of(job: Job) -> str:
    """Why the job is in its state, in a sentence; empty if its mark says it all."""
    if job.state is State.PAUSED and job.stopped_by:
        return f"Paused by {visible(job.stopped_by)}."
    if job.wish is not Wish.NONE and job.stopped_by:
        return f"Asked for by {visible(job.stopped_by)}."
    return visible(job.problem)


def unnamed_note_of(job: Job) -> str:
    """As ``note_of``, without the names of people."""
    if job.wish is not Wish.NONE or job.state is State.PAUSED:
        return ""
    if job.state is State.CANCELLED:
        return "Cancelled."
    asked, approved = f"{job.asker.name} may not do this", f"{job.approver.name}, who approved it," if job.approver else ""
    if job.problem.startswith(asked):
        return visible("The person who asked may not do this" + job.problem.removeprefix(asked))
    if approved and job.problem.startswith(approved):
        return visible("The person who approved it" + job.problem.removeprefix(approved))
    return visible(job.problem)


def name_of(resource: Resource) -> str:
    """What the job acts on, for a heading."""
    return short_topic(resource.topic) if resource.kind == TOPIC else visible(resource.title)


def target_of(resource: Resource) -> SafeString | str:
    """What the job acts on, with a link to its page."""
    if resource.kind == SUBSCRIPTION:
        url = reverse("subscription", args=[resource.topic, resource.subscription])
        of = format_html(' <span class="soft">on <bdi>{}</bdi></span>', short_topic(resource.topic))
        return format_html('<a href="{}"><bdi>{}</bdi></a>{}', url, visible(resource.subscription), of)
    if resource.kind == TOPIC:
        url = reverse("topic", args=[resource.topic])
        return format_html('<a href="{}"><bdi>{}</bdi></a>', url, short_topic(resource.topic))
    if resource.kind == AGGREGATE:
        url = aggregate_url(resource.aggregate_type, resource.aggregate_id)
        type, id = visible(resource.aggregate_type), visible(public_id(resource.aggregate_type, resource.aggregate_id))
        return format_html('<a href="{}"><bdi>{}</bdi> <bdi class="mono">{}</bdi></a>', url, type, id)
    return visible(resource.title)


def _amount(job: Job, unit: str) -> str:
    """ "1,200 of 10,000 letters", "1 event"."""
    handled, total = job.progress.handled, job.progress.total
    count = handled if total is None else total
    what = f"{unit}{'' if count == 1 else 's'}"
    return (
        f"{format_number(handled)} {what}" if total is None else f"{format_number(handled)} of {format_number(total)} {what}"
    )


def _took(job: Job) -> str:
    if job.started is None or job.ended is None:
        return NO_VALUE
    return format_duration((job.ended - job.started).total_seconds())


def _rate(job: Job) -> str:
    if job.state is not State.RUNNING or job.rate is None:
        return NO_VALUE
    return f"{job.rate:,.0f}/s" if job.rate >= 10 else f"{job.rate:.1f}/s"
