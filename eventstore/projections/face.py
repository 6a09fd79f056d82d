"""The desk's face for projections: which there are, how far they are, and calls of the services that build them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from eventstore.backlogs.current import AllBacklogs
from eventstore.backlogs.face import BacklogFace
from eventstore.config.projections import UNDECLARED_WAYS, Projection, ReplayDefaults
from eventstore.envelope.mapping import last_segment
from eventstore.model.errors import InvalidConfiguration, InvalidName, UnknownProjection, UnknownSubscription, UnknownTopic
from eventstore.model.events import Topic
from eventstore.model.log import Log
from eventstore.projections.calling import Answer
from eventstore.projections.generations import generation_of
from eventstore.projections.hooks import When, call_hook
from eventstore.projections.read_models import ReadModel, ReadModels
from eventstore.projections.standing import Standing, standing_of
from eventstore.subscriptions.face import SubscriptionFace

MOST_SPLITS = 8
"""Places at which the name of an undeclared projection is tried as a topic and a subscription, from its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectionLimits:
    """What holds for one projection: ``approval_above`` events, ``events_a_day`` for each person, hours of an approval."""

    approval_above: int
    events_a_day: int
    approval_hours: int


class ProjectionFace:
    """``desk.projections``."""

    def __init__(
        self,
        *,
        log: Log,
        subscriptions: SubscriptionFace,
        backlogs: BacklogFace,
        declared: Sequence[Projection],
        defaults: ReplayDefaults,
        is_external: Callable[[str, str], bool],
        hook_secret: str = "",
    ) -> None:
        """``is_external``: whether a topic's subscription keeps its positions outside the store."""
        self._log, self._subscriptions, self._backlogs = log, subscriptions, backlogs
        self._declared, self._defaults, self._is_external = tuple(declared), defaults, is_external
        self._secret, self._read_models = hook_secret, ReadModels()

    def all(self) -> Sequence[Projection]:
        """The declared ones, in the configuration's order."""
        return self._declared

    def get(self, name: str) -> Projection:
        """The declared projection of this name. For a topic, a slash and a subscription: what ``of_subscription`` returns, if
        there is that subscription. ``UnknownProjection``."""
        for one in self._declared:
            if one.name == name:
                return one
        found = self._subscription_called(name)
        if found is None:
            raise UnknownProjection("No projection of this name is declared, and no subscription of a topic is called so.")
        return self.of_subscription(*found)

    def of_subscription(self, topic: str, name: str) -> Projection:
        """The declared projection that has a generation with this subscription. Otherwise an undeclared one, with the ways
        that need no declaration: none if the group keeps its positions outside the store. ``topic`` is a full name.

        The store is not asked: whether there is such a subscription is not checked.
        """
        reading = [one for one in self._declared if one.reads(topic)]
        exact = [one for one in reading if one.subscription == name]
        other = [one for one in reading if generation_of(one.subscription, name) is not None]
        if found := exact or other:
            return found[0]
        ways = () if self._is_external(topic, name) else UNDECLARED_WAYS
        return Projection(name=f"{topic}/{name}", purpose="", topics=(topic,), subscription=name, ways=ways)

    def is_generation(self, projection: Projection, topics: Iterable[str], name: str) -> bool:
        """Whether this subscription is a generation of the projection, whose topics have these full names. It is none if it is
        another declared projection's on any of them, even if the names differ in the number alone."""
        if generation_of(projection.subscription, name) is None:
            return False
        owners = [self.of_subscription(topic, name) for topic in topics]
        return all(one.name == projection.name or not (one.declared or projection.declared) for one in owners)

    def reading(self, topic: str) -> Sequence[Projection]:
        """The declared projections that read this topic (a full name)."""
        return [one for one in self._declared if one.reads(topic)]

    def topics(self, projection: Projection) -> Sequence[Topic]:
        """Its topics as the store has them now. ``UnknownTopic`` if one is missing, ``InvalidConfiguration`` if a short name
        is that of several."""
        there = self._log.topics()
        return [self._resolved(projection, name, there) for name in projection.topics]

    def replay_topic(self, projection: Projection) -> Topic | None:
        """Its replay topic as the store has it now, ``None`` if it declares none. Raises as ``topics`` does."""
        if not projection.replay_topic:
            return None
        return self._resolved(projection, projection.replay_topic, self._log.topics())

    def limits(self, projection: Projection) -> ProjectionLimits:
        own, common = projection.limits, self._defaults
        return ProjectionLimits(
            approval_above=common.approval_above if own.approval_above is None else own.approval_above,
            events_a_day=own.events_a_day or common.events_a_day,
            approval_hours=common.approval_hours,
        )

    def standing(self, projection: Projection, seen: AllBacklogs) -> Standing:
        """Its generations with what waits for each, by what ``desk.backlogs`` has seen."""
        topics = [one.topic.name for one in seen.topics if projection.reads(one.topic.name)]
        return standing_of(projection, seen, lambda name: self.is_generation(projection, topics, name))

    def read_model(self, projection: Projection, subscription: str = "") -> ReadModel | None:
        """What the read model tells of itself, of the present generation or the one with this subscription. ``None`` if the
        projection has no status address. Takes up to ``STATUS_SECONDS``."""
        return self._read_models.of(projection, subscription or projection.subscription)

    def call_hook(self, projection: Projection, when: When, told: Mapping[str, object]) -> Answer | None:
        """Call its hook, signed; ``None`` if it has none. ``HookFailed``. Takes up to ``HOOK_SECONDS``."""
        return call_hook(projection, when, told, self._secret)

    def _resolved(self, projection: Projection, name: str, there: Sequence[Topic]) -> Topic:
        exact = [topic for topic in there if topic.name == name]
        found = exact or [topic for topic in there if last_segment(topic.name) == name]
        if not found:
            raise UnknownTopic(f"There is no topic {name!r}, which the projection {projection.name} needs: create it first.")
        if len(found) > 1:
            names = " and ".join(topic.name for topic in found[:2])
            raise InvalidConfiguration(f"The projection {projection.name} names {name!r}, which may be {names}: say which.")
        return found[0]

    def _subscription_called(self, name: str) -> tuple[str, str] | None:
        """The topic and the subscription of which this is the name: as seen last, or else as the store says."""
        splits = _splits(name)
        known = {
            (one.topic.name, each.backlog.subscription.name)
            for one in (self._backlogs.last_known().topics if splits else ())
            for each in one.subscriptions
        }
        if found := next((split for split in splits if split in known), None):
            return found
        return next((split for split in splits if self._is_there(*split)), None)

    def _is_there(self, topic: str, subscription: str) -> bool:
        try:
            return self._subscriptions.named(topic, subscription).topic == topic
        except (UnknownTopic, UnknownSubscription, InvalidName):
            return False


def _splits(name: str) -> Sequence[tuple[str, str]]:
    """The name as a topic and a subscription, cut at each slash, the last one first."""
    places = [place for place, sign in enumerate(name) if sign == "/"]
    cut = [(name[:place], name[place + 1 :]) for place in reversed(places[-MOST_SPLITS:])]
    return [(topic, subscription) for topic, subscription in cut if topic and subscription]
