"""What may go wrong with a replay, as data: found when it is planned, and compared when it is confirmed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays.order import Way
from eventstore.replays.planning.audience import Audience
from eventstore.replays.planning.choosing import Choice

ORDERED = frozenset({SubscriptionType.EXCLUSIVE, SubscriptionType.FAILOVER, SubscriptionType.KEY_SHARED})


class Danger(StrEnum):
    """The codes are part of a plan's digest, and so are never renamed."""

    TRIMMED = "trimmed"
    ORDER = "order"
    NO_CONSUMER = "no_consumer"
    RUNNING = "running"
    ALREADY_BEFORE = "already_before"
    EXTERNAL = "external"
    NO_READER = "no_reader"
    NOT_FIRST = "not_first"
    LACKS = "lacks"
    NO_SUBSCRIPTION = "no_subscription"
    OTHERS = "others"
    INDEX_BEHIND = "index_behind"
    NOT_INDEXED = "not_indexed"
    MISSING = "missing"
    TOO_LARGE = "too_large"
    STORES_OWN = "stores_own"
    DERIVED = "derived"


PASSING = frozenset({Danger.NO_CONSUMER, Danger.INDEX_BEHIND})
"""What comes and goes by itself and changes nothing about a plan whose ends are frozen: shown, and not compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hazard:
    """``grave``: whoever confirms has to say that they have read it. ``stops``: while it holds, nothing can be confirmed."""

    danger: Danger
    text: str
    grave: bool = False
    stops: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What hazards are found in."""

    way: Way
    name: str
    """The projection's subscription."""
    choice: Choice
    audience: Audience
    ordered: bool
    external: bool
    lists_consumers: bool
    index_behind: bool
    not_indexed: Sequence[str]
    running: str
    """The id of another job that acts on the projection; empty if there is none."""
    stores_own: bool = False
    """The store keeps the subscription for itself."""
    derived: Sequence[str] = ()
    """Topics, among those that are read, that hold copies."""


TOO_LARGE = Hazard(
    danger=Danger.TOO_LARGE,
    text="One job cannot keep so many partitions and single events. Replay one topic at a time, or fewer events.",
    grave=True,
    stops=True,
)
"""Of a plan whose order does not fit into a job."""


def hazards_of(facts: Facts) -> Sequence[Hazard]:
    """The hazards, those that stop first, then the grave ones."""
    found = [*_of_events(facts), *_of_subscription(facts)]
    if facts.way is Way.TOPIC:
        found += _of_copies(facts)
    return sorted(found, key=lambda one: (not one.stops, not one.grave))


def _of_events(facts: Facts) -> Iterator[Hazard]:
    trimmed = facts.choice.trimmed
    if trimmed != 0:
        many = "Some" if trimmed is None else f"{trimmed:,}"
        verb = "was" if trimmed == 1 else "were"
        text = f"{many} of the events that were asked for {verb} removed by retention, and cannot be replayed."
        yield _of_removed(facts.way, text)
    if facts.choice.missing:
        ids = ", ".join(facts.choice.missing[:5])
        text = f"No event in the topics of this projection has these ids: {ids}."
        yield Hazard(danger=Danger.MISSING, text=text, grave=True)
    if facts.not_indexed:
        text = f"The index does not know {', '.join(facts.not_indexed[:3])} yet: nothing of it is counted or replayed."
        yield Hazard(danger=Danger.NOT_INDEXED, text=text, grave=True)
    if facts.index_behind:
        yield Hazard(
            danger=Danger.INDEX_BEHIND,
            text="The index has not caught up: events that it has not read yet are not part of this plan.",
        )


def _of_removed(way: Way, text: str) -> Hazard:
    if way is Way.LOCAL:
        lacks = f"{text} The new rows would replace the live ones, and lack for good what these events have built."
        return Hazard(danger=Danger.LACKS, text=lacks, grave=True, stops=True)
    if way is Way.GENERATION:
        text = f"The new generation would not start at the first event. {text}"
        return Hazard(danger=Danger.NOT_FIRST, text=text, grave=True)
    return Hazard(danger=Danger.TRIMMED, text=text, grave=True)


def _of_subscription(facts: Facts) -> Iterator[Hazard]:
    audience, name = facts.audience, facts.name
    if facts.running:
        text = f"The job {facts.running} acts on {name} and has not ended. Wait for it, or cancel it."
        yield Hazard(danger=Danger.RUNNING, text=text, grave=True, stops=True)
    if facts.stores_own:
        text = f"The store keeps the cursor {name} for itself: no service reads events with it."
        yield Hazard(danger=Danger.STORES_OWN, text=text, grave=True, stops=True)
    if facts.derived:
        text = f"{', '.join(facts.derived)} holds copies of other topics’ events. Replay the originals."  # noqa: RUF001
        yield Hazard(danger=Danger.DERIVED, text=text, grave=True, stops=True)
    if facts.external:
        text = (
            f"The consumers of {name} keep their positions elsewhere, so its cursor tells nothing of what they have handled."
        )
        moves = facts.way is Way.CURSOR
        more = " Moving it would deliver nothing: reset the position where they keep it." if moves else ""
        yield Hazard(danger=Danger.EXTERNAL, text=text + more, grave=True, stops=moves)
    if audience.missing:
        text = f"There is no subscription {name} on {', '.join(audience.missing)}."
        moves = facts.way is Way.CURSOR
        yield Hazard(danger=Danger.NO_SUBSCRIPTION, text=text, grave=True, stops=moves)
    if facts.way is Way.CURSOR:
        yield from _of_cursor(facts)


def _of_cursor(facts: Facts) -> Iterator[Hazard]:
    audience, name, events = facts.audience, facts.name, facts.choice.events
    if facts.ordered and audience.own and audience.type not in ORDERED | {SubscriptionType.UNKNOWN}:
        yield Hazard(danger=Danger.ORDER, text=_breaks_order(name, audience.type), grave=True)
    if facts.lists_consumers and audience.own and not audience.consumers:
        text = f"No consumer of {name} is connected: nothing is read before one is."
        yield Hazard(danger=Danger.NO_CONSUMER, text=text)
    if audience.waiting and events:
        all_of = audience.waiting >= events
        many = "All" if all_of else f"{audience.waiting:,}"
        text = f"The cursor is already before these events: {many} of them wait, and come without a replay."
        yield Hazard(danger=Danger.ALREADY_BEFORE, text=text, grave=all_of)


def _of_copies(facts: Facts) -> Iterator[Hazard]:
    audience, target = facts.audience, facts.audience.target
    if target is None:
        text = (
            "The replay topic has no subscription of this projection yet. It is made at its end before "
            "anything is sent, so that it gets this replay's copies and none of earlier replays."
        )
        yield Hazard(danger=Danger.NO_READER, text=text)
    elif facts.lists_consumers and not target.consumers:
        text = f"No consumer of {target.name} is connected to the replay topic: the copies wait there until one is."
        yield Hazard(danger=Danger.NO_CONSUMER, text=text)
    if target is not None and facts.ordered and target.type not in ORDERED | {SubscriptionType.UNKNOWN}:
        yield Hazard(danger=Danger.ORDER, text=_breaks_order(target.name, target.type), grave=True)
    if audience.others:
        text = f"The replay topic has other subscriptions, which get the copies too: {', '.join(audience.others)}."
        yield Hazard(danger=Danger.OTHERS, text=text, grave=True)
    if audience.waiting:
        text = f"{audience.waiting:,} of these events still wait in {facts.name}: the projection gets them twice."
        yield Hazard(danger=Danger.ALREADY_BEFORE, text=text, grave=True)


def _breaks_order(name: str, type: SubscriptionType) -> str:
    return f"{name} is {type.value}, so consumers may get one aggregate's events out of order. The projection needs it."
