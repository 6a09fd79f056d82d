"""How far each generation of a projection is: from what was last seen of all subscriptions. The store is not asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstore.backlogs.current import AllBacklogs, TopicBacklogs, Watched
from eventstore.config.projections import Projection
from eventstore.envelope.mapping import last_segment
from eventstore.model.events import Topic
from eventstore.projections.generations import split


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """One build of the read model: its subscription of each topic that has it."""

    number: int
    subscription: str
    present: bool
    """It is the one that the configuration names."""
    lines: Sequence[tuple[Topic, Watched]]
    missing: Sequence[Topic] = ()
    """The projection's topics that have no such subscription."""

    @property
    def waiting(self) -> int:
        """Events that wait in all topics. Each backlog says how surely they are counted."""
        return sum(watched.backlog.waiting for _, watched in self.lines)

    @property
    def oldest(self) -> datetime | None:
        """When the first event that waits was published; ``None`` where nothing waits or it is not known."""
        times = [watched.backlog.oldest for _, watched in self.lines]
        return min((time for time in times if time is not None), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A projection as it was last seen. ``as_of`` is ``None`` if nothing was ever seen."""

    projection: Projection
    topics: Sequence[Topic]
    missing: Sequence[str]
    """Names of topics that it reads, which the store does not have."""
    generations: Sequence[Generation]
    """The present one is always there, even if no topic has its subscription. By number."""
    replay_topic: Topic | None
    """``None`` if none is declared, or the store does not have it."""
    replay: Watched | None
    """Its subscription of the replay topic; ``None`` if there is none."""
    as_of: datetime | None

    @property
    def present(self) -> Generation:
        return next(one for one in self.generations if one.present)


def standing_of(projection: Projection, seen: AllBacklogs, is_generation: Callable[[str], bool]) -> Standing:
    """The projection's standing by what was seen of all topics. ``is_generation``: whether a subscription of this name is one
    of its generations."""
    own = [one for one in seen.topics if projection.reads(one.topic.name)]
    there = {name for one in own for name in (one.topic.name, last_segment(one.topic.name))}
    replay = next((one for one in seen.topics if _is_replay_topic(projection, one.topic.name)), None)
    return Standing(
        projection=projection,
        topics=[one.topic for one in own],
        missing=[name for name in projection.topics if name not in there],
        generations=_generations(projection, own, is_generation),
        replay_topic=replay.topic if replay else None,
        replay=_line(replay, projection.replay_subscription) if replay else None,
        as_of=seen.as_of or max((one.as_of for one in own if one.as_of), default=None),
    )


def _generations(
    projection: Projection, own: Sequence[TopicBacklogs], is_generation: Callable[[str], bool]
) -> Sequence[Generation]:
    present = projection.subscription
    names = {watched.backlog.subscription.name for one in own for watched in one.subscriptions}
    numbered = {name: split(name)[1] for name in {present, *filter(is_generation, names)}}
    found = [_generation(name, number, name == present, own) for name, number in numbered.items()]
    return sorted(found, key=lambda one: (one.number, one.subscription))


def _generation(name: str, number: int, present: bool, own: Sequence[TopicBacklogs]) -> Generation:
    lines = [(one.topic, line) for one in own if (line := _line(one, name)) is not None]
    having = {topic.name for topic, _ in lines}
    missing = [one.topic for one in own if one.topic.name not in having]
    return Generation(number=number, subscription=name, present=present, lines=lines, missing=missing)


def _line(of: TopicBacklogs, name: str) -> Watched | None:
    return next((one for one in of.subscriptions if one.backlog.subscription.name == name), None)


def _is_replay_topic(projection: Projection, topic: str) -> bool:
    return bool(projection.replay_topic) and projection.replay_topic in (topic, last_segment(topic))
