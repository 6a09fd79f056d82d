"""Cursors that were moved, back or on, not by acknowledgements."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from eventstore.backlogs import Look, Member
from eventstore.diagnosis.findings import Certainty, Declared, Evidence, Fact, Finding, Mistake
from eventstore.diagnosis.watching import ONE_AT_A_TIME, Change, Looks, changes, connection, members_of, place_in
from eventstore.subscriptions import Backlog, Setback

RECONNECTED_WITHIN = timedelta(seconds=30)
CERTAIN_JUMPS = 3
"""So many jumps of one partition's cursor within the looks are made by a program."""


def moved_back(backlog: Backlog, looks: Looks, declared: Declared) -> Iterator[Finding]:
    """The cursor jumped back although the store ran on. A seek by one member and a reset by an operator look alike: both move
    everybody, and disconnect every consumer. Resets that the desk knows are left out.

    Likely a member's seek where consumers were connected, and those who get events had to connect anew at that moment; certain
    if it happens again and again; possible otherwise: nobody has to be connected for an operator's reset. Of a failover
    subscription the broker disconnects the active consumer alone (seen on 4.0.8).
    """
    jumps = [
        change
        for change in changes(looks)
        if change.jumped_back and not change.reloaded and not _is_known(change, declared.resets)
    ]
    if not jumps:
        yield from _by_setbacks(backlog.setbacks, declared)
        return
    last = jumps[-1]
    together = [jump for jump in jumps if jump.after is last.after]
    times = sum(jump.now.partition == last.now.partition for jump in jumps)
    evidence = [
        Evidence(fact=Fact.JUMPED, partition=jump.now.partition, at=jump.before.at, until=jump.after.at) for jump in together
    ]
    new = [_reconnected(jump, looks) for jump in together]
    sure = Certainty.POSSIBLE
    if all(new):
        sure = Certainty.CERTAIN if times >= CERTAIN_JUMPS else Certainty.LIKELY
        evidence.append(Evidence(fact=Fact.DISCONNECTED, number=sum(new)))
    elif not any(members_of(jump.before, jump.now.partition) for jump in together):
        evidence.append(Evidence(fact=Fact.NO_MEMBERS))
    yield Finding(mistake=Mistake.MOVED_BACK, certainty=sure, evidence=evidence)


def _by_setbacks(setbacks: Sequence[Setback], declared: Declared) -> Iterator[Finding]:
    """A jump that lies between two looks of which none was kept: who was connected then is not known."""
    evidence = [
        Evidence(fact=Fact.JUMPED, partition=setback.partition, at=setback.seen, until=setback.found)
        for setback in setbacks
        if not setback.restarted and not any(setback.seen <= reset <= setback.found for reset in declared.resets)
    ]
    if evidence:
        yield Finding(mistake=Mistake.MOVED_BACK, certainty=Certainty.POSSIBLE, evidence=evidence)


def skipped(looks: Looks, declared: Declared) -> Iterator[Finding]:
    """Events that waited went by without having been delivered: they expired, as the store counts; or the cursor went on while
    nobody was connected and nothing was delivered. Resets that the desk knows are left out."""
    went_on = [change for change in changes(looks) if _went_undelivered(change) and not _is_known(change, declared.resets)]
    evidence = [
        Evidence(fact=Fact.WENT_ON, partition=change.now.partition, at=change.before.at, until=change.after.at)
        for change in went_on[-3:]
    ]
    expired = sum(max(0, after.expired - before.expired) for before, after in pairwise(looks))
    if expired:
        evidence.append(Evidence(fact=Fact.EXPIRED, number=expired, at=looks[0].at, until=looks[-1].at))
    if evidence:
        yield Finding(mistake=Mistake.SKIPPED, certainty=Certainty.CERTAIN, evidence=evidence)


def _went_undelivered(change: Change) -> bool:
    if change.before.members or change.after.members or not change.went_on or change.delivered != 0:
        return False
    return (change.acknowledged or 0) > 0


def _reconnected(jump: Change, looks: Looks) -> int:
    """How many new connections there are soon after it, if some consumer got events before it and none of those connections is
    left, or if the one that gets them then has another connection than before.

    The look that finds the jump may still find the old connections: a broker tells its members in one answer, and its cursors
    in the next. To connect again takes a moment, too.
    """
    before = {connection(member) for member in _served(jump)}
    there = {connection(member) for member in members_of(jump.before, jump.now.partition)}
    for look in looks:
        if before and jump.after.at <= look.at <= jump.after.at + RECONNECTED_WITHIN:
            after = {connection(member) for member in members_of(look, jump.now.partition)}
            if after - there and (not before & after or _active_came_back(jump, look)):
                return len(after - there)
    return 0


def _served(jump: Change) -> Sequence[Member]:
    """Who got the partition's events before it: all members, or the active one alone, where the store names it."""
    members = members_of(jump.before, jump.now.partition)
    active = [member for member in members if member.name == jump.was.active]
    return active if active and jump.before.type in ONE_AT_A_TIME else members


def _active_came_back(jump: Change, look: Look) -> bool:
    """Whether the consumer that gets the partition's events now was there before, by another connection.

    A broker may have made it the active one after the look before the jump, as it does a second after it has joined.
    """
    partition = jump.now.partition
    place = place_in(look, partition)
    if place is None or not place.active or look.type not in ONE_AT_A_TIME:
        return False
    was, now = (
        {connection(member) for member in members_of(each, partition) if member.name == place.active}
        for each in (jump.before, look)
    )
    return bool(was and now) and not was & now


def _is_known(change: Change, resets: Sequence[datetime]) -> bool:
    return any(change.before.at <= reset <= change.after.at for reset in resets)
