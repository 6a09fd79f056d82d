"""What happens to events that are delivered and not acknowledged, in partitions whose cursor stands."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from eventstore.backlogs import Member
from eventstore.diagnosis.findings import Certainty, Evidence, Fact, Finding, Mistake
from eventstore.diagnosis.members import arrivals
from eventstore.diagnosis.watching import (
    ONE_AT_A_TIME,
    Looks,
    changes,
    connection,
    known_type,
    members_of,
    place_in,
    standing,
)
from eventstore.model.subscriptions import SubscriptionType
from eventstore.subscriptions import Backlog, Counted

MOST_PARTITIONS = 4
"""Partitions that are named in the evidence."""

Stood = Mapping[int, Looks]
"""Partition → the looks at which its cursor stood where it stands."""


def not_acknowledged(backlog: Backlog, looks: Looks, limit: timedelta) -> Iterator[Finding]:
    """Why partitions stand although consumers are given events, as far as deliveries tell: redelivered, or held."""
    runs = {number: standing(looks, number) for number in sorted(backlog.stuck_partitions)}
    stood = {number: run for number, run in runs.items() if run}
    if not stood:
        return
    again = redelivered(backlog, stood, limit)
    if again:
        yield again
        return
    held = holds(stood, limit)
    if held:
        yield held
    if held and _keeps_positions_itself(backlog, looks):
        evidence = [Evidence(fact=Fact.NEVER_ACKNOWLEDGED), Evidence(fact=Fact.TYPE, name=known_type(looks)[0])]
        yield Finding(mistake=Mistake.OWN_POSITIONS, certainty=Certainty.POSSIBLE, evidence=evidence)


def redelivered(backlog: Backlog, stood: Stood, limit: timedelta) -> Finding | None:
    """Delivered more often than once, while nothing was acknowledged. The store says so of shared subscriptions by a rate; of
    all it shows in more deliveries than events that wait. Acknowledgements that are lost, events that are refused and
    consumers that crash look alike in it: what tells them apart is whether the consumers stay connected.

    Certain if it was watched for the limit, and nothing at all was acknowledged in that time.
    """
    given = sum(_given(run, number) or 0 for number, run in stood.items())
    rates = [look.rate_redelivered or 0.0 for run in stood.values() for look in run]
    nothing = all(_acknowledged(run, number) == 0 for number, run in stood.items())
    more = nothing and backlog.counted in (Counted.STORE, Counted.INDEX) and given > backlog.waiting > 0
    if not more and not any(rates):
        return None
    evidence = _stood(stood)
    if more:
        evidence.append(Evidence(fact=Fact.MORE_THAN_WAIT, number=given, of=backlog.waiting))
    if any(rates):
        evidence.append(Evidence(fact=Fact.REDELIVERIES, number=max(rates)))
    came = sum(len(arrivals(run, number)) for number, run in stood.items())
    if came:
        evidence.append(Evidence(fact=Fact.RECONNECTED, number=came))
    evidence += _same([same for number, run in stood.items() for same in _staying(run, number)])
    sure = Certainty.CERTAIN if nothing and _long(stood, limit) else Certainty.LIKELY
    return Finding(mistake=Mistake.REDELIVERED, certainty=sure, evidence=evidence)


def holds(stood: Stood, limit: timedelta) -> Finding | None:
    """A consumer that stays connected, has been given events, and acknowledges none. Likely if it was watched for the limit.

    One that takes hours for an event looks alike, so that it is never certain.
    """
    holding = [member for number, run in stood.items() for member in _staying(run, number) if _has_some(member, run, number)]
    if not holding:
        return None
    evidence = [*_stood(stood), *_same(holding)]
    unacked = sum(member.unacked for member in holding)
    if unacked:
        evidence.append(Evidence(fact=Fact.HOLDS, number=unacked))
    exhausted = [member.permits for member in holding if member.permits is not None and member.permits <= 0]
    if exhausted:
        evidence.append(Evidence(fact=Fact.NO_PERMITS, number=min(exhausted)))
    given = sum(_given(run, number) or 0 for number, run in stood.items())
    if given:
        evidence.append(Evidence(fact=Fact.GIVEN, number=given))
    certainty = Certainty.LIKELY if _long(stood, limit) else Certainty.POSSIBLE
    return Finding(mistake=Mistake.HOLDS, certainty=certainty, evidence=evidence)


def _stood(stood: Stood) -> list[Evidence]:
    return [
        Evidence(fact=Fact.STOOD, partition=number, at=run[0].at, until=run[-1].at)
        for number, run in list(stood.items())[:MOST_PARTITIONS]
    ]


def _given(run: Looks, partition: int) -> int | None:
    """How many events of the partition were delivered in the run; ``None`` where the store does not count them."""
    found = [change.delivered for change in changes(run) if change.now.partition == partition]
    known = [delivered for delivered in found if delivered is not None]
    return sum(known) if known else None


def _acknowledged(run: Looks, partition: int) -> int | None:
    """How much was acknowledged beyond the cursor in the run; ``None`` where that is not known."""
    found = [change.acknowledged for change in changes(run) if change.now.partition == partition]
    known = [acknowledged for acknowledged in found if acknowledged is not None]
    return sum(known) if len(known) == len(found) else None


def _long(stood: Stood, limit: timedelta) -> bool:
    return max(run[-1].at - run[0].at for run in stood.values()) >= limit


def _staying(run: Looks, partition: int) -> Sequence[Member]:
    """The members that are connected to the partition now and were at each look of the run."""
    at_each = [{connection(member) for member in members_of(look, partition)} for look in run]
    return [member for member in members_of(run[-1], partition) if all(connection(member) in there for there in at_each)]


def _same(members: Sequence[Member]) -> list[Evidence]:
    oldest = {member.name: member for member in members}
    return [
        Evidence(fact=Fact.SAME_CONNECTION, name=name, at=member.connected_since)
        for name, member in list(oldest.items())[:MOST_PARTITIONS]
    ]


def _has_some(member: Member, run: Looks, partition: int) -> bool:
    """Whether it holds events and nothing was acknowledged in the run, as far as the store counts. Of exclusive and failover
    subscriptions a broker counts what a consumer was given, not what it holds."""
    place = place_in(run[-1], partition)
    acknowledged = _acknowledged(run, partition)
    if acknowledged or (acknowledged is None and place is not None and place.holes):
        return False
    if member.unacked:
        return True
    active = place is not None and (not place.active or place.active == member.name)
    return run[-1].type in ONE_AT_A_TIME and active and bool(member.delivered_events)


def _keeps_positions_itself(backlog: Backlog, looks: Looks) -> bool:
    untouched = all(place.acknowledged is None and not place.holes for look in looks for place in look.places)
    return (
        untouched and backlog.subscription.acked is None and known_type(looks)[0] in (*ONE_AT_A_TIME, SubscriptionType.UNKNOWN)
    )
