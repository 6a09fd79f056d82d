"""Mistakes that show in who is connected: consumers that come and go, and one instance that has every partition."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from eventstore.backlogs import Look, Member
from eventstore.diagnosis.findings import Certainty, Evidence, Fact, Finding, Mistake
from eventstore.diagnosis.watching import (
    ONE_AT_A_TIME,
    Change,
    Connection,
    Looks,
    changes,
    connection,
    instance,
    known_type,
    members_of,
)
from eventstore.model.subscriptions import Cursor, Subscription

LIKELY_RETURNS, CERTAIN_RETURNS = 3, 5
"""How often one consumer has to connect again. Two are a service that was deployed twice."""


def come_and_go(looks: Looks) -> Iterator[Finding]:
    """Consumers of an exclusive or failover subscription that connect again and again: what was delivered to the last one, and
    not acknowledged, is delivered again. Who connects again because the store loaded the topic anew, or because the cursor was
    moved, is not counted."""
    if known_type(looks)[0] not in ONE_AT_A_TIME:
        return
    arrived: dict[int, list[Connection]] = {}
    for change in changes(looks):
        arrived.setdefault(change.now.partition, []).extend(_arrivals(change))
    worst = max(arrived.values(), key=len, default=[])
    name, times, again = _most_often(arrived, looks)
    at_once = max((len(members_of(look, place.partition)) for look in looks for place in look.places), default=0)
    if again >= LIKELY_RETURNS:
        sure = Certainty.CERTAIN if again >= CERTAIN_RETURNS else Certainty.LIKELY
        evidence = Evidence(fact=Fact.ARRIVED, number=times, name=name, at=looks[0].at, until=looks[-1].at)
        yield Finding(mistake=Mistake.COME_AND_GO, certainty=sure, evidence=[evidence])
    elif len(worst) >= 2 * at_once + 2:
        # Each instance replaced once, as by a deployment, is as many as were there at once.
        evidence = Evidence(fact=Fact.ARRIVED, number=len(worst), at=looks[0].at, until=looks[-1].at)
        yield Finding(mistake=Mistake.COME_AND_GO, certainty=Certainty.LIKELY, evidence=[evidence])


def hungry_instance(looks: Looks, limit: timedelta) -> Iterator[Finding]:
    """One instance is the active consumer of every partition, while another one is connected and has none.

    Likely, and not certain, once it was so for the limit: consumers of a lower priority are meant to stand by.
    """
    now = looks[-1]
    has = _has_all(now)
    if has is None:
        return
    since = _since(looks, has)
    idle: dict[str, int] = {}
    for member in now.members:
        if instance(member) != has:
            idle[instance(member)] = idle.get(instance(member), 0) + (member.delivered_events or 0)
    sure = Certainty.LIKELY if now.at - since >= limit else Certainty.POSSIBLE
    evidence = [Evidence(fact=Fact.HAS_ALL, name=has, number=len(now.places), at=since)]
    evidence += [Evidence(fact=Fact.IDLES, name=name, number=given) for name, given in sorted(idle.items())]
    yield Finding(mistake=Mistake.HUNGRY_INSTANCE, certainty=sure, evidence=evidence)


def may_be_hungry(told: Subscription) -> bool:
    """Whether ``hungry_instance`` may find one: several instances, of which one is active in the first two partitions."""
    if len(told.cursors) < 2 or told.type not in ONE_AT_A_TIME:
        return False
    if len({consumer.address or consumer.name for consumer in told.consumers}) < 2:
        return False
    first, second = (_active(told, cursor) for cursor in told.cursors[:2])
    return not first.isdisjoint(second)


def _active(told: Subscription, cursor: Cursor) -> set[str]:
    return {
        consumer.address or consumer.name
        for consumer in told.consumers
        if cursor.active and consumer.name == cursor.active and consumer.partition in (None, cursor.partition)
    }


def arrivals(looks: Looks, partition: int) -> Sequence[Connection]:
    """The connections to the partition that were not there at the look before, in order."""
    found: list[Connection] = []
    for before, after in pairwise(looks):
        known = {connection(member) for member in members_of(before, partition)}
        found += [connection(member) for member in members_of(after, partition) if connection(member) not in known]
    return found


def _arrivals(change: Change) -> Sequence[Connection]:
    if change.reloaded or change.jumped_back:
        return ()
    return arrivals([change.before, change.after], change.now.partition)


def _most_often(arrived: Mapping[int, Sequence[Connection]], looks: Looks) -> tuple[str, int, int]:
    """The name that connected again most often to one partition, how often it connected, and how often again.

    Instances that share the name arrive once each in a deployment: only the arrivals beyond that are counted as again.
    """
    found: list[tuple[str, int, int]] = []
    for partition, connections in arrived.items():
        often = {name: times for name, times in _by_name(connections).items() if name and times >= LIKELY_RETURNS}
        at_once = _most_at_once(looks, partition) if often else {}
        found += [(name, times, times - max(0, at_once.get(name, 0) - 1)) for name, times in often.items()]
    return max(found, key=lambda one: one[2], default=("", 0, 0))


def _most_at_once(looks: Looks, partition: int) -> Mapping[str, int]:
    """How many connections each name had to the partition at most, at one look."""
    most: Counter[str] = Counter()
    for look in looks:
        most |= _by_name([connection(member) for member in members_of(look, partition)])
    return most


def _by_name(connections: Sequence[Connection]) -> Counter[str]:
    return Counter(name for name, *_ in connections)


def _has_all(look: Look) -> str | None:
    """The instance that is active in each of several partitions, if another one is connected to each of them as well."""
    if len(look.places) < 2 or look.type not in ONE_AT_A_TIME:
        return None
    holders = set[str | None]()
    for place in look.places:
        members = members_of(look, place.partition)
        active = [member for member in members if member.name == place.active]
        if not place.active or len(active) != 1 or not _others(members, active[0]):
            return None
        holders.add(instance(active[0]))
    return holders.pop() if len(holders) == 1 else None


def _others(members: Sequence[Member], active: Member) -> bool:
    return any(instance(member) != instance(active) for member in members)


def _since(looks: Looks, has: str) -> datetime:
    """The time of the first look since which it has been so at each."""
    found = looks[-1].at
    for look in reversed(looks):
        if _has_all(look) != has:
            break
        found = look.at
    return found
