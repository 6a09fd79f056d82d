"""What a replay would do: counted, frozen, and confirmed by its digest. Nothing is touched, and no payload is read.

A plan is made again when it is confirmed, and once more when it is approved, up to the ends that the first one has frozen. It
is stale where that finds other events (retention has removed some, the index was built again), another target, another type of
the subscription, a cursor that went back, or a hazard that nobody has seen. New events, ordinary progress, members that come
and go, the last one too, and an index that falls behind change nothing.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eventstore.actions import AggregateName, FilterText, Resource
from eventstore.drivers.meanwhile import asking_once
from eventstore.extent import one_answer
from eventstore.jobs import lookup
from eventstore.jobs.rows import arguments_fit
from eventstore.model.events import Topic
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import SubscriptionType
from eventstore.projections import Projection, ProjectionLimits
from eventstore.replays.order import Kind, ReplayOrder, Way, What, chosen_json
from eventstore.replays.planning.agreeing import why_second_person
from eventstore.replays.planning.aiming import Aim, target_of, topics_of
from eventstore.replays.planning.audience import Audience, audience_of, begin
from eventstore.replays.planning.choosing import Choice, alone, choose, without
from eventstore.replays.planning.counting import Counts, counted, edges
from eventstore.replays.planning.expected import expected
from eventstore.replays.planning.hazards import PASSING, TOO_LARGE, Facts, Hazard, hazards_of
from eventstore.replays.planning.partitions import Seen, Until, look
from eventstore.search import parse_filter

REPLAY = "replay_events"
"""The name of the kind of job."""
_DIGEST = re.compile(r"([0-9a-f]{64})/([a-z_]*)/([a-z_,]*)/([0-9.:,]*)", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayPlan:
    """What a replay would do.

    - ``resource``: what it acts on. ``topics``: the projection's topics that it reads. ``target``: as ``ReplayOrder.target``.
    - ``choice``, ``counts`` and ``audience``: the events, what they are, and who gets them.
    - ``side_effects``: what the projection does at events of the types that are among them, by type, with how many.
    - ``approval``: why a second person has to agree, in sentences; empty if none has to.
    - ``first`` and ``last``: events of the dry run.
    - ``until`` and ``read``: see ``Aim``.
    """

    resource: Resource
    projection: Projection
    way: Way
    what: What
    topics: Sequence[Topic]
    target: str
    choice: Choice
    counts: Counts
    audience: Audience
    side_effects: Mapping[str, tuple[int, str]]
    hazards: Sequence[Hazard]
    approval: Sequence[str]
    limits: ProjectionLimits
    first: Sequence[Pointer]
    last: Sequence[Pointer]
    until: Until
    ticket: str = ""
    canary_of: str = ""
    left_out: tuple[str, str] = field(default=("", ""))
    only: tuple[str, str] = field(default=("", ""))
    read: frozenset[str] = frozenset()

    @property
    def events(self) -> int | None:
        """How many events go; ``None`` where a filter has to read them first."""
        return self.choice.events

    @property
    def looked_at(self) -> int:
        """How many events are read for it at most."""
        return sum(bounds.events for partitions in self.choice.topics.values() for bounds in partitions.values())

    @property
    def consumers(self) -> int:
        """How many instances of the projection are connected now, to where the events come."""
        return self.audience.target_consumers if self.way is Way.TOPIC else self.audience.consumers

    @property
    def type(self) -> SubscriptionType:
        """The type of the subscription that gets the events: with copies, of the one that reads the replay topic."""
        if self.way is not Way.TOPIC:
            return self.audience.type
        return self.audience.target.type if self.audience.target else SubscriptionType.UNKNOWN

    def takes(self) -> tuple[float, bool]:
        """How many seconds it may take to give them all, an estimate; and whether that is by earlier replays."""
        likely = expected(REPLAY, self.way)
        return likely.seconds(self.looked_at if self.events is None else self.events), likely.measured

    @property
    def stops(self) -> Hazard | None:
        """Why it cannot be confirmed now; ``None`` if it can."""
        return next((one for one in self.hazards if one.stops), None)

    @property
    def grave(self) -> Sequence[Hazard]:
        """What whoever confirms it has to say that they have read."""
        return [one for one in self.hazards if one.grave and not one.stops]

    @property
    def unread(self) -> Sequence[Hazard]:
        return [one for one in self.grave if one.danger.value not in self.read]

    @property
    def fixed(self) -> str:
        """A hash of what never changes while the plan is good: 64 hexadecimal digits."""
        seen = [
            self.projection.name,
            self.way.value,
            self.what.as_json(),
            chosen_json(self.choice.topics),
            self.choice.events,
            self.projection.subscription,
            self.target,
            list(self.audience.others),
            self.canary_of,
            list(self.left_out),
            list(self.only),
        ]
        return hashlib.sha256(json.dumps(seen, sort_keys=True).encode("ascii")).hexdigest()

    @property
    def digest(self) -> str:
        """The hash, the subscription's type, the hazards, and where the cursors stand: ``9f…/shared/trimmed/0.1:25``."""
        dangers = ",".join(sorted({one.danger.value for one in self.hazards}))
        return f"{self.fixed}/{self.type.value}/{dangers}/{_marks(self.audience)}"

    def confirmed_by(self, digest: str) -> bool:
        """Whether a plan with this digest meant the same, and knew of every hazard that there is now and does not pass."""
        read = _DIGEST.fullmatch(digest)
        if read is None or read[1] != self.fixed:
            return False
        known = {self.type.value, read[2], SubscriptionType.UNKNOWN.value}
        new = {one.danger.value for one in self.hazards if one.danger not in PASSING} - set(read[3].split(","))
        return len(known) <= 2 and not new and not _went_back(read[4], _marks(self.audience))

    def details(self) -> Mapping[str, Any]:
        """For the record: names, counts and codes. A filter that names values of events is not written down."""
        return {
            "projection": self.projection.name,
            "way": self.way.value,
            "what": _told(self.what),
            "events": self.events,
            "aggregates": self.counts.aggregates,
            "target": self.target,
            "side_effects": sorted(self.side_effects),
            "consumers": self.consumers,
            "hazards": [one.text for one in self.hazards],
            "second_person": bool(self.approval),
            "event_ids": [one.event_id for one in self.first] if self.choice.known is not None else [],
            "ticket": self.ticket,
            "digest": self.fixed,
        }

    def order(self) -> ReplayOrder:
        of = self.projection
        reader = of.replay_subscription or of.subscription if self.way is Way.TOPIC else of.subscription
        return ReplayOrder(
            projection=self.projection.name,
            way=self.way,
            what=self.what,
            topics=self.choice.topics,
            subscription=reader,
            target=self.target,
            events=self.events,
            aggregates=self.counts.aggregates,
            ticket=self.ticket,
            digest=self.digest,
            canary_of=self.canary_of,
            left_out=self.left_out,
            only=self.only,
            until=self.until,
            approval=tuple(self.approval),
        )


def plan(storage: Storage, resource: Resource, aim: Aim) -> ReplayPlan:
    """Look at the events, and at who would get them. Raises ``InvalidReplay`` for what cannot be replayed like this."""
    with asking_once(), one_answer():
        found = _looked_at(storage, resource, aim)
    return found if arguments_fit(found.order().as_json()) else replace(found, hazards=[TOO_LARGE, *found.hazards])


def _looked_at(storage: Storage, resource: Resource, aim: Aim) -> ReplayPlan:
    topics = topics_of(aim)
    replay, target = target_of(storage, aim, topics)
    reader = (replay, aim.projection.replay_subscription) if replay else None
    answers = begin(storage, topics, aim.projection.subscription, reader)
    seen = look(storage.log, [topic.name for topic in topics], aim.until)
    asked = choose(storage.log, aim.what, seen)
    choice = alone(without(asked, aim.left_out, seen), aim.only, seen)
    audience = audience_of(topics, choice, answers)
    counts = counted(choice)
    limits = aim.projections.limits(aim.projection)
    found = {type: (count, what) for type, count in counts.types.items() if (what := aim.projection.side_effect(type))}
    first, last = edges(choice)
    return ReplayPlan(
        resource=resource,
        projection=aim.projection,
        way=aim.way,
        what=aim.what,
        topics=topics,
        target=target,
        choice=choice,
        counts=counts,
        audience=audience,
        side_effects=found,
        hazards=hazards_of(_facts(storage, resource, aim, seen, choice, audience, topics)),
        approval=why_second_person(
            choice.events, found.keys(), aim.approval_above(limits.approval_above), everything=_takes_all(aim, asked, seen)
        ),
        limits=limits,
        first=first,
        last=last,
        until=seen.until,
        ticket=aim.ticket,
        canary_of=aim.canary_of,
        left_out=aim.left_out,
        only=aim.only,
        read=aim.read,
    )


def _takes_all(aim: Aim, asked: Choice, seen: Seen) -> bool:
    """Whether it replays all events that there are, in whatever words: a time before the first one, a filter that all pass.

    Named aggregates and events are never all, nor is a canary. The rest of a canary's plan is judged as the whole.
    """
    if aim.only != ("", "") or aim.what.kind in (Kind.AGGREGATE, Kind.EVENT):
        return False
    there = sum(max(0, one.end - one.kept) for one in seen.partitions)
    return aim.what.kind is Kind.EVERYTHING or (asked.events is not None and there > 0 and asked.events >= there)


def _facts(
    storage: Storage,
    resource: Resource,
    aim: Aim,
    seen: Seen,
    choice: Choice,
    audience: Audience,
    topics: Sequence[Topic],
) -> Facts:
    name = aim.projection.subscription
    running = lookup.id_of_open(resource)
    return Facts(
        way=aim.way,
        name=name,
        choice=choice,
        audience=audience,
        ordered=aim.projection.ordered,
        external=any(aim.is_external(topic.name, name) for topic in topics),
        lists_consumers=subscriptions_of(storage).capabilities.lists_consumers,
        index_behind=seen.behind,
        not_indexed=seen.unknown,
        stores_own=any(one.kind.of_the_store for one in audience.own.values()),
        derived=[topic.name for topic in topics if topic.derived],
        running=running if running != aim.job else "",
    )


def _told(what: What) -> Mapping[str, Any]:
    """What was chosen, for the record."""
    told: dict[str, Any] = {"kind": what.kind.value}
    told |= {"topic": what.topic} if what.topic else {}
    told |= {"since": what.time.isoformat()} if what.time else {}
    told |= {"aggregate": AggregateName(*what.aggregate, between="/")} if what.kind is Kind.AGGREGATE else {}
    if what.filter:
        told["filter"] = "by values of events" if parse_filter(what.filter).reads_payload else FilterText(what.filter)
    return told


def _marks(audience: Audience) -> str:
    """Where the cursors stand: ``0.1:25`` is partition 1 of the first topic by name, with 25 events acknowledged."""
    return ",".join(
        f"{number}.{partition}:{mark}"
        for number, topic in enumerate(sorted(audience.marks))
        for partition, mark in sorted(audience.marks[topic].items())
    )


def _went_back(before: str, now: str) -> bool:
    """Whether a cursor has acknowledged fewer events without a gap than it had."""
    had = dict(each.split(":") for each in before.split(",") if ":" in each)
    has = dict(each.split(":") for each in now.split(",") if ":" in each)
    return any(int(has[at] or 0) < int(mark or 0) for at, mark in had.items() if at in has)
