"""What is asked of a replay, and what can be asked: which way takes which choice, from which topics, and where to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eventstore.actions import Resource, subscription_resource
from eventstore.model.errors import InvalidReplay
from eventstore.model.events import Topic
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.projections import Projection, ProjectionFace, next_generation
from eventstore.replays.order import Kind, Way, What
from eventstore.replays.planning.choosing import check_positions
from eventstore.replays.planning.partitions import Until

TAKES: Mapping[Way, frozenset[Kind]] = {
    Way.CURSOR: frozenset({Kind.EVERYTHING, Kind.SINCE}),
    Way.GENERATION: frozenset({Kind.EVERYTHING}),
    Way.TOPIC: frozenset(Kind),
    Way.LOCAL: frozenset({Kind.EVERYTHING}),
}
"""What can be chosen with each way: a cursor and a new build know no single events."""
WHOLE = frozenset({Way.GENERATION, Way.LOCAL})
"""The ways that build a read model anew, from all topics of the projection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What is asked for. ``projections`` and ``is_external`` are the desk's.

    ``until``: the ends that an earlier plan has frozen. ``job``: the job whose plan is made again. ``left_out``,
    ``only`` and ``canary_of``: as in ``ReplayOrder``. ``read``: the codes of the hazards that
    whoever confirms says to have read. ``unapproved``: events above which whoever asks needs a second person, whatever the
    projection lets others do.
    """

    projections: ProjectionFace
    is_external: Callable[[str, str], bool]
    projection: Projection
    way: Way
    what: What
    until: Until | None = None
    ticket: str = ""
    job: str = ""
    canary_of: str = ""
    left_out: tuple[str, str] = ("", "")
    only: tuple[str, str] = ("", "")
    read: frozenset[str] = frozenset()
    unapproved: int | None = None

    def approval_above(self, usual: int) -> int:
        return usual if self.unapproved is None else min(usual, self.unapproved)


def resource_of(projections: ProjectionFace, projection: Projection) -> Resource:
    """What a replay acts on: the projection's subscription of its first topic."""
    return subscription_resource(projections.topics(projection)[0].name, projection.subscription)


def topics_of(aim: Aim) -> Sequence[Topic]:
    """The topics that are read: all of the projection's, or the one that was asked for."""
    projection, what = aim.projection, aim.what
    if aim.way not in projection.ways:
        raise InvalidReplay(f"{projection.name} does not take this way. Its page says which it takes, and what to declare.")
    if what.kind not in TAKES[aim.way]:
        raise InvalidReplay(_not_taken(what.kind))
    if aim.only != ("", "") and aim.way is not Way.TOPIC:
        raise InvalidReplay("One aggregate can be tried first through a replay topic only.")
    check_positions(what)
    topics = aim.projections.topics(projection)
    if not what.topic:
        return topics
    found = [topic for topic in topics if topic.name == what.topic]
    if not found:
        raise InvalidReplay(f"{projection.name} does not read {what.topic}. Choose one of the topics that it reads.")
    if aim.way in WHOLE and len(topics) > 1:
        raise InvalidReplay(
            f"This way builds {projection.name} anew, from all of its {len(topics)} topics: built from {what.topic} alone, "
            "it would lack everything else. Ask for all topics, or choose another way."
        )
    return found


def _not_taken(kind: Kind) -> str:
    if kind is Kind.SINCE:
        return "This way takes all events: it has no place to begin at. Choose all events, or another way."
    return "Single events can be replayed through a replay topic only. Choose all events, or another way."


def target_of(storage: Storage, aim: Aim, topics: Sequence[Topic]) -> tuple[Topic | None, str]:
    """The topic that gets copies, if any does, and the order's target."""
    if aim.way is Way.TOPIC:
        replay = aim.projections.replay_topic(aim.projection)
        most = max(topics, key=lambda one: one.partitions)
        if replay is None:
            raise InvalidReplay(f"{aim.projection.name} declares no replay topic.")
        if replay.partitions < most.partitions:
            raise InvalidReplay(
                f"{replay.name} has fewer partitions than {most.name}, and a copy goes to the partition of the same number. "
                f"Give it {most.partitions}."
            )
        return replay, replay.name
    if aim.way is Way.GENERATION:
        there = subscriptions_of(storage)
        names = [one.name for topic in topics for one in there.of_topic(topic.name)]
        name = next_generation(aim.projection.subscription, names)
        if not aim.projections.is_generation(aim.projection, [topic.name for topic in topics], name):
            raise InvalidReplay(
                f"{name} would count as another projection's generation: their subscriptions differ in the number alone. "
                "Name them differently in the configuration."
            )
        return None, name
    return None, ""
