"""The looks that are kept of each subscription: one in ten seconds for an hour, one a minute for a day, one in ten minutes for
two weeks, and never more than ``MOST_LOOKS`` of all subscriptions together.

A look gets its rank when it is kept: 2 if it is the first of its ten minutes, 1 if it is the first of its minute, else 0. So
thinning only deletes, in small steps, and needs not read a look.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from eventstore.backlogs.looks import Look
from eventstore.backlogs.stored import look_bytes, look_in
from eventstore.index.models import LookRow
from eventstore.index.tables.subscription_names import stored_name

SPACING = (10_000, 60_000, 600_000)
"""Milliseconds from one kept look to the next, by rank."""
KEPT_FOR = (timedelta(hours=1), timedelta(days=1), timedelta(days=14))
"""By rank."""
MOST_LOOKS = (150_000, 150_000, 100_000)
"""Of all subscriptions together, by rank. A look has some 300 bytes, or thousands where there are many partitions."""
A_STEP = 1_000
"""Looks that are deleted in one transaction."""


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def rank(at: int, last: int) -> int | None:
    """Return the rank of a look at this time, where the one kept before was at ``last`` (0: none).

    ``None``: it is too close to that one to be kept.
    """
    for number in (2, 1, 0):
        if at // SPACING[number] != last // SPACING[number]:
            return number
    return None


def look_row(topic: str, name: str, look: Look, at: int, rank: int) -> LookRow:
    return LookRow(topic=topic, name=stored_name(name), at=at, rank=rank, data=look_bytes(look))


def keep(rows: Sequence[LookRow]) -> None:
    """Insert these looks. One of the same moment that is there already stays."""
    LookRow.objects.bulk_create(rows, batch_size=200, ignore_conflicts=True)


def looks(topic: str, name: str, since: datetime, most: int) -> Sequence[Look]:
    """Return the looks that were kept since then, oldest first. If there are more than ``most``, those between are thinned
    evenly, and the last one stays."""
    rows = LookRow.objects.filter(topic=topic, name=stored_name(name), at__gte=milliseconds(since)).order_by("at")
    ids = list(rows.values_list("id", flat=True))
    chosen = ids if len(ids) <= most else [ids[len(ids) - 1 - number * len(ids) // most] for number in range(most)]
    found: list[Look] = []
    for start in range(0, len(chosen), 500):
        some = LookRow.objects.filter(pk__in=chosen[start : start + 500])
        read = (look_in(bytes(data), topic) for data in some.values_list("data", flat=True))
        found += [look for look in read if look is not None]
    return sorted(found, key=lambda look: look.at)


def thin(now: datetime | None = None) -> Iterator[int]:
    """Delete what has become too old for its rank, and the oldest looks above ``MOST_LOOKS``: a step at each ``next``."""
    moment = now or datetime.now(UTC)
    for number, (age, most) in enumerate(zip(KEPT_FOR, MOST_LOOKS, strict=True)):
        of_rank = LookRow.objects.filter(rank=number)
        yield from _deleted(of_rank.filter(at__lt=milliseconds(moment - age)), None)
        yield from _deleted(of_rank, max(0, of_rank.count() - most))


def _deleted(rows: "QuerySet[LookRow]", most: int | None) -> Iterator[int]:
    """Delete these rows, the oldest first, and at most so many; yield how many after each step."""
    while most is None or most > 0:
        some = list(rows.order_by("at").values_list("pk", flat=True)[: A_STEP if most is None else min(A_STEP, most)])
        if not some:
            return
        LookRow.objects.filter(pk__in=some).delete()
        most = most if most is None else most - len(some)
        yield len(some)
