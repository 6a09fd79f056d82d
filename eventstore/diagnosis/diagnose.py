"""The diagnosis of one subscription from what was seen of it. Pure: nothing is asked, and nothing is read."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from eventstore.backlogs import Look, look_at
from eventstore.diagnosis.deliveries import not_acknowledged
from eventstore.diagnosis.evidence import evidence_of
from eventstore.diagnosis.findings import Certainty, Declared, Diagnosis, Finding
from eventstore.diagnosis.members import come_and_go, hungry_instance, may_be_hungry
from eventstore.diagnosis.moves import moved_back, skipped
from eventstore.diagnosis.order import in_order
from eventstore.diagnosis.watching import Looks, known_type
from eventstore.model.subscriptions import SubscriptionType
from eventstore.subscriptions import Backlog, State

WINDOW = timedelta(minutes=30)
"""How far back looks count."""
NOBODYS = frozenset({State.STORES_OWN, State.PHANTOM, State.EXTERNAL})
"""States of subscriptions whose consumers, if there are any, do not use the cursor: only how they were set up is judged."""

NOTHING_DECLARED = Declared()


def diagnose(
    backlog: Backlog, looks: Sequence[Look], stuck_after: timedelta, declared: Declared = NOTHING_DECLARED
) -> Diagnosis:
    """Return the state with its evidence, and the mistakes that were found.

    ``looks`` are of this subscription, oldest first; those after ``backlog``, and those before the window, do not count.
    ``stuck_after`` is ``limits.stuck_after_seconds``.
    """
    now = look_at(backlog)
    watched = [*(look for look in looks if now.at - WINDOW <= look.at < now.at), now]
    return Diagnosis(
        state=backlog.state,
        evidence=evidence_of(backlog, watched),
        findings=_surest_first(_findings(backlog, watched, stuck_after, declared)),
        refusals_invisible=known_type(watched)[0] is SubscriptionType.EXCLUSIVE,
    )


def glance(backlog: Backlog, stuck_after: timedelta, declared: Declared = NOTHING_DECLARED) -> Sequence[Finding]:
    """Return the findings of ``diagnose`` without earlier looks: microseconds where nothing is wrong, so it is for lists."""
    if not _may_find_something(backlog, declared):
        return ()
    return _surest_first(_findings(backlog, [look_at(backlog)], stuck_after, declared))


def _surest_first(found: Iterable[Finding]) -> Sequence[Finding]:
    order = list(Certainty)
    return sorted(found, key=lambda finding: order.index(finding.certainty))


def _may_find_something(backlog: Backlog, declared: Declared) -> bool:
    """Whether a single look can have any finding: each line is what one of ``_findings`` needs at least."""
    told = backlog.subscription
    return (
        declared.ordered
        or declared.mixed_batch is not None
        or bool(backlog.setbacks)
        or bool(backlog.stuck_partitions and (told.consumers or told.rate_redelivered))
        or may_be_hungry(told)
    )


def _findings(backlog: Backlog, looks: Looks, limit: timedelta, declared: Declared) -> Iterator[Finding]:
    if backlog.state is State.STORES_OWN:
        return
    yield from in_order(looks, declared)
    if backlog.state in NOBODYS:
        return
    yield from moved_back(backlog, looks, declared)
    yield from skipped(looks, declared)
    yield from come_and_go(looks)
    yield from hungry_instance(looks, limit)
    if backlog.state in (State.STUCK, State.BLOCKED, State.NO_CONSUMERS):
        yield from not_acknowledged(backlog, looks, limit)
