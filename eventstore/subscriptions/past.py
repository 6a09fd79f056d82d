"""What is kept of a subscription from look to look: how its backlog went, and whether events that waited have vanished."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from eventstore.model.subscriptions import Subscription

BACKLOGS_IN_A_WHILE = 4
"""How many backlogs of a subscription are kept for each such time."""

Backlogs = tuple[tuple[datetime, int], ...]
"""When the backlog was how large, in the store's own unit; oldest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    backlogs: Backlogs = ()
    expired: int = 0
    """As ``Subscription.expired`` at the last look."""
    unattended: bool = False
    """Nobody was connected at the last look."""
    passed_over: datetime | None = None
    """When it was last found that events which waited were gone, without having been acknowledged."""

    @property
    def at(self) -> datetime | None:
        """The time of the last look."""
        return self.backlogs[-1][0] if self.backlogs else None


NO_PAST = Past()


def continued(past: Past, subscription: Subscription, now: datetime, *, vanished: bool, a_while: timedelta) -> Past:
    """Add a look. ``vanished``: where some cursor stood the log is gone, and nothing was delivered since."""
    unattended = not subscription.consumers
    expired = past.at is not None and past.expired < subscription.expired
    trimmed = vanished and past.unattended and unattended
    return Past(
        backlogs=_thinned((*past.backlogs, (now, subscription.backlog)), a_while),
        expired=subscription.expired,
        unattended=unattended,
        passed_over=now if expired or trimmed else past.passed_over,
    )


def grows(past: Past, a_while: timedelta, now: datetime) -> bool | None:
    """Whether more waits than a while ago; ``None`` where it was not watched for as long."""
    if not past.backlogs or past.backlogs[0][0] > now - a_while:
        return None
    return past.backlogs[-1][1] > past.backlogs[0][1]


def _thinned(backlogs: Backlogs, a_while: timedelta) -> Backlogs:
    """Keep the newest, and before it some that lie apart, back to the last one that is older than ``a_while``."""
    *earlier, newest = backlogs
    kept: list[tuple[datetime, int]] = []
    for one in earlier:
        if not kept or one[0] - kept[-1][0] >= a_while / BACKLOGS_IN_A_WHILE:
            kept.append(one)
    while len(kept) > 1 and kept[1][0] <= newest[0] - a_while:
        kept.pop(0)
    return (*kept, newest)
