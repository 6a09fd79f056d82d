"""What a state is judged by, with the figures and times."""

from collections.abc import Callable, Mapping, Sequence

from eventstore.backlogs import Look
from eventstore.diagnosis.findings import Evidence, Fact
from eventstore.diagnosis.watching import Looks, instance, place_in, standing
from eventstore.subscriptions import Backlog, State
from eventstore.subscriptions.state import PHANTOMS


def evidence_of(backlog: Backlog, looks: Looks) -> Sequence[Evidence]:
    return [one for one in _OF_STATE[backlog.state](backlog, looks) if one is not None]


Found = Sequence[Evidence | None]


def _of_standing(backlog: Backlog, looks: Looks) -> Found:
    told = backlog.subscription
    blocked = told.blocked or any(consumer.blocked for consumer in told.consumers)
    return [
        _stands(backlog),
        _end(backlog, looks),
        _waits(backlog),
        _connected(backlog, looks),
        Evidence(fact=Fact.HOLDS, number=told.unacked) if told.unacked else None,
        Evidence(fact=Fact.BLOCKED) if blocked else None,
    ]


def _of_moving(backlog: Backlog, looks: Looks) -> Found:
    return [_waits(backlog), _growth(backlog), _rates(backlog), _handled(backlog), _connected(backlog, looks)]


def _of_resting(backlog: Backlog, looks: Looks) -> Found:
    return [_handled(backlog), _connected(backlog, looks)]


def _of_trimmed(backlog: Backlog, looks: Looks) -> Found:
    expired = backlog.subscription.expired
    return [
        Evidence(fact=Fact.VANISHED, at=backlog.past.passed_over),
        Evidence(fact=Fact.EXPIRED, number=expired) if expired else None,
        _waits(backlog),
        _connected(backlog, looks),
    ]


def _of_phantom(backlog: Backlog, looks: Looks) -> Found:
    name = backlog.subscription.name
    return [
        Evidence(fact=Fact.KNOWN_NAME, name=name) if name in PHANTOMS else None,
        Evidence(fact=Fact.NEVER_ACKNOWLEDGED) if name not in PHANTOMS else None,
        _waits(backlog),
        _connected(backlog, looks),
    ]


def _of_external(backlog: Backlog, looks: Looks) -> Found:
    return [Evidence(fact=Fact.DECLARED), _connected(backlog, looks)]


def _of_delayed(backlog: Backlog, looks: Looks) -> Found:
    due = Evidence(fact=Fact.DUE, at=backlog.delayed_until) if backlog.delayed_until else None
    return [_waits(backlog), due, _connected(backlog, looks)]


def _of_held_back(backlog: Backlog, looks: Looks) -> Found:
    return [Evidence(fact=Fact.TRANSACTION, at=backlog.held_since), _connected(backlog, looks)]


def _of_nothing(backlog: Backlog, looks: Looks) -> Found:
    return []


_OF_STATE: Mapping[State, Callable[[Backlog, Looks], Found]] = {
    State.STUCK: _of_standing,
    State.BLOCKED: _of_standing,
    State.NO_CONSUMERS: _of_standing,
    State.TRIMMED: _of_trimmed,
    State.SLOW: _of_moving,
    State.CATCHING_UP: _of_moving,
    State.HEALTHY: _of_resting,
    State.IDLE: _of_resting,
    State.DELAYED: _of_delayed,
    State.HELD_BACK: _of_held_back,
    State.EXTERNAL: _of_external,
    State.PHANTOM: _of_phantom,
    State.STORES_OWN: _of_nothing,
}


def _stands(backlog: Backlog) -> Evidence | None:
    if backlog.stuck_since is None:
        return None
    partitions = sorted(backlog.stuck_partitions)
    only = partitions[0] if len(partitions) == 1 and len(backlog.subscription.cursors) > 1 else None
    return Evidence(
        fact=Fact.STANDS,
        number=len(partitions),
        of=len(backlog.subscription.cursors),
        at=backlog.stuck_since,
        partition=only,
    )


def _end(backlog: Backlog, looks: Looks) -> Evidence | None:
    """Whether the ends of the partitions that stand have moved while they were watched."""
    runs = [(number, standing(looks, number)) for number in sorted(backlog.stuck_partitions)]
    watched = [(number, run) for number, run in runs if len(run) > 1]
    if not watched:
        return None
    moved = [run for number, run in watched if _ends(run[0], number) != _ends(run[-1], number)]
    longest = max(moved or [run for _, run in watched], key=lambda run: run[-1].at - run[0].at)
    fact = Fact.END_MOVED if moved else Fact.END_STANDS
    return Evidence(fact=fact, at=longest[0].at, until=longest[-1].at)


def _ends(look: Look, partition: int) -> object:
    place = place_in(look, partition)
    return place.end if place else None


def _waits(backlog: Backlog) -> Evidence | None:
    return Evidence(fact=Fact.WAITS, number=backlog.waiting, at=backlog.oldest) if backlog.waiting else None


def _connected(backlog: Backlog, looks: Looks) -> Evidence | None:
    if backlog.subscription.consumers:
        return Evidence(fact=Fact.CONNECTED, number=len({instance(member) for member in looks[-1].members}))
    last = next((look.at for look in reversed(looks) if look.members), None)
    return Evidence(fact=Fact.NOT_CONNECTED, at=last)


def _growth(backlog: Backlog) -> Evidence | None:
    backlogs = backlog.past.backlogs
    if backlog.state is not State.SLOW or len(backlogs) < 2 or backlogs[-1][1] <= backlogs[0][1]:
        return None
    return Evidence(fact=Fact.GREW, number=backlogs[0][1], of=backlogs[-1][1], at=backlogs[0][0])


def _rates(backlog: Backlog) -> Evidence | None:
    told = backlog.subscription
    if not told.rate_in and not told.rate_out:
        return None
    return Evidence(fact=Fact.RATES, number=told.rate_in, of=told.rate_out)


def _handled(backlog: Backlog) -> Evidence | None:
    told = backlog.subscription
    times = [at for at in (told.moved, told.acked, *(cursor.moved for cursor in told.cursors)) if at]
    return Evidence(fact=Fact.HANDLED, at=max(times)) if times else None
