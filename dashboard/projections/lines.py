"""Projections as lines of pages: each generation with its state and what waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.urls import reverse

from dashboard.gateway import desk
from dashboard.jobs.words import JobLine, job_line
from dashboard.rendering.text import format_duration, format_number
from dashboard.subscriptions.backlog_cache import Line, severity_key
from eventstore.actions import subscription_resource
from eventstore.backlogs import AllBacklogs, Watched
from eventstore.config import Projection
from eventstore.model import Topic, TopicKind
from eventstore.projections import Generation, Standing
from eventstore.subscriptions import Counted

REPLAY = "replay_events"
"""The kind of job that a replay is."""
NO_SUBSCRIPTION = ("warn", "∅", "no subscription")
"""The mark of a generation that no topic has."""
NOT_KNOWN = ("quiet", "?", "not known yet")
"""The same where not all subscriptions are known: a topic may have it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationLine:
    """A generation with a line for each topic that has its subscription. ``waiting`` says how sure it is: "at least 3"."""

    generation: Generation
    lines: Sequence[Line]
    mark: tuple[str, str, str]
    waiting: str
    oldest: str
    """How long the first waiting event has waited, in words; empty where nothing waits or nobody knows."""

    @property
    def stuck_lines(self) -> Sequence[Line]:
        return [line for line in self.lines if line.stuck]

    @property
    def consumers(self) -> int:
        """Connections of consumers, in all topics."""
        return sum(len(line.subscription.consumers) for line in self.lines)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectionLine:
    """A projection with its generations, and its newest replay if there is one lately."""

    standing: Standing
    present: GenerationLine
    generations: Sequence[GenerationLine]
    replay: Line | None
    """Its subscription of the replay topic."""
    url: str
    last: JobLine | None = None
    jobs: Sequence[JobLine] = field(default_factory=tuple)

    @property
    def projection(self) -> Projection:
        return self.standing.projection


def projection_line(standing: Standing, now: datetime, jobs: Sequence[JobLine], *, is_part: bool) -> ProjectionLine:
    """``is_part``: it stands by a part of all subscriptions, so what is missing may be there."""
    generations = [generation_line(one, now, NOT_KNOWN if is_part else NO_SUBSCRIPTION) for one in standing.generations]
    replay = standing.replay
    return ProjectionLine(
        standing=standing,
        present=next(one for one in generations if one.generation.present),
        generations=generations,
        replay=_line(standing.replay_topic, replay) if standing.replay_topic and replay else None,
        url=reverse("projection", args=[standing.projection.name]),
        last=jobs[0] if jobs else None,
        jobs=jobs,
    )


def generation_line(generation: Generation, now: datetime, without: tuple[str, str, str]) -> GenerationLine:
    """``without``: its mark if no topic has its subscription."""
    lines = sorted((_line(topic, watched) for topic, watched in generation.lines), key=severity_key)
    return GenerationLine(
        generation=generation,
        lines=lines,
        mark=lines[0].mark if lines else without,
        waiting=_waiting(lines),
        oldest=format_duration((now - generation.oldest).total_seconds()) if generation.oldest else "",
    )


def undeclared_lines(seen: AllBacklogs, declared: Sequence[Standing]) -> Sequence[Line]:
    """Services' subscriptions of topics with events that no projection names, the worst first."""
    named = {(topic.name, one.subscription) for standing in declared for one in standing.generations for topic, _ in one.lines}
    lines = [
        _line(one.topic, watched) for one in seen.topics if one.topic.kind is TopicKind.EVENTS for watched in one.subscriptions
    ]
    found = [line for line in lines if (line.topic.name, line.subscription.name) not in named and not line.of_the_store]
    return sorted(found, key=severity_key)


def replays_to(standing: Standing, now: datetime, *, named: bool, limit: int) -> Sequence[JobLine]:
    """The newest replays to this projection, whichever of its generations they acted on. ``named``: as ``job_line``."""
    topics = {topic.name for topic in standing.topics} | set(standing.projection.topics)
    names = {one.subscription for one in standing.generations} | {standing.projection.subscription}
    on = [subscription_resource(topic, name) for topic in topics for name in names]
    return [job_line(job, now, named=named) for job in desk().jobs.newest(limit=limit, kind=REPLAY, on=on)]


def _line(topic: Topic, watched: Watched) -> Line:
    return Line(topic=topic, backlog=watched.backlog, steps=watched.steps, pace=watched.pace)


def _waiting(lines: Sequence[Line]) -> str:
    """The sum of all topics. It is only as sure as the least sure of them."""
    if len(lines) == 1:
        return lines[0].waiting
    total = format_number(sum(line.backlog.waiting for line in lines))
    counted = {line.backlog.counted for line in lines}
    return f"at least {total}" if counted & {Counted.INDEX_BEHIND, Counted.ENTRIES} else total
