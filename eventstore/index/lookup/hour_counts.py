"""Count the events of each type in each hour."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.db.models import F, Max, Min, Q, QuerySet, Sum

from eventstore.index.lookup.pointers import time_of
from eventstore.index.models import HourCount, NameRow, current_partitions
from eventstore.index.tables.blocks import TIMELESS
from eventstore.index.tables.names import Names
from eventstore.model.pointers import MiddleHours, OutlyingEvents

HOUR = 3_600_000_000
MOST_TYPES, MOST_NAMES = 20, 200
"""Event types that one text finds, and names that are looked at for it."""
APART = 7
"""Days without an event between outlying events and the others."""
MOST_OUTLYING = 200
"""One event in so many may be outlying, at either end: the others are the middle 99 %."""
BEFORE_1970 = 1_000_000
"""Days, more than there were since the year 1: no number that is divided may be negative, as databases round to zero."""
FEWEST = 20
"""Of so many events, a single one may be outlying as well."""


def hours_of(topic: str, hours: int, before: datetime | None = None) -> Sequence[tuple[datetime, Mapping[str, int]]]:
    """Return the topic's events by type, for each of its last ``hours`` hours that has any, in order.

    The last hour is that of the topic's latest event, by the events' own time. Events that claim a later time than the present
    hour are left out: a single one of them would otherwise hide all others. ``before`` leaves out the hour of this moment and
    all later hours. Events of which no time is known are in no hour.

    A message that fits no envelope has only its publish time. It does not decide which hour is the last, unless there are no
    other events: after an imported history it would be alone in its day.
    """
    until = _hour_of(datetime.now(UTC)) if before is None else _hour_of(before) - 1
    rows = _rows_of(topic).filter(hour__lte=until)
    lasts = rows.aggregate(of_events=Max("hour", filter=Q(type_id__gt=0)), of_all=Max("hour"))
    last = lasts["of_all"] if lasts["of_events"] is None else lasts["of_events"]
    if last is None:
        return []
    found = (
        rows.filter(hour__gt=last - hours, hour__lte=last)
        .values("hour", "type_id")
        .annotate(total=Sum("events"))
        .order_by("hour")
    )
    texts = Names().texts_of(row["type_id"] for row in found)
    by_hour: dict[int, dict[str, int]] = {}
    for row in found:
        by_hour.setdefault(row["hour"], {})[texts[row["type_id"]]] = row["total"]
    return [(time_of(hour * HOUR), types) for hour, types in by_hour.items()]


def middle_of(topic: str) -> MiddleHours:
    """Return where the topic's events lie, apart from a few whose time is far from all others, and maybe wrong.

    Messages that fit no envelope count only if there are no other events, as in ``hours_of``.
    """
    rows = _rows_of(topic)
    with_type = rows.filter(type_id__gt=0)
    rows = with_type if with_type.exists() else rows
    days = _days_in(rows.filter(hour__lte=_hour_of(datetime.now(UTC)))) or _days_in(rows)
    if not days:
        return MiddleHours()
    first, last = _middle(days)
    in_middle = rows.filter(hour__gte=first * 24, hour__lt=(last + 1) * 24, hour__lte=_hour_of(datetime.now(UTC)))
    newest = in_middle.aggregate(newest=Max("hour"))["newest"]
    newest = (last + 1) * 24 - 1 if newest is None else newest  # all of them claim to be of the future
    return MiddleHours(
        ends=_end_of(newest),
        earlier=_outlying(rows.filter(hour__lt=first * 24)),
        later=_outlying(rows.filter(hour__gt=newest)),
    )


def _rows_of(topic: str) -> "QuerySet[HourCount]":
    live = current_partitions().filter(topic=topic).values("pk")
    return HourCount.objects.filter(partition_id__in=live, hour__gt=TIMELESS // HOUR)


def _days_in(rows: "QuerySet[HourCount]") -> list[tuple[int, int]]:
    """The days that have events, counted from 1970, with how many."""
    days = rows.annotate(day=(F("hour") + 24 * BEFORE_1970) / 24).values("day").annotate(total=Sum("events")).order_by("day")
    return [(day - BEFORE_1970, events) for day, events in days.values_list("day", "total")]


def _middle(days: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The first and the last day, without those at either end that have few events and lie ``APART``."""
    total = sum(events for _, events in days)
    most = max(total // MOST_OUTLYING, 1 if total >= FEWEST else 0)
    return days[_outlying_days(days, most)][0], days[-1 - _outlying_days(days[::-1], most)][0]


def _outlying_days(days: Sequence[tuple[int, int]], most: int) -> int:
    """How many of the days at the beginning are outlying."""
    seen = outlying = 0
    for number, ((day, events), (following, _)) in enumerate(pairwise(days), start=1):
        seen += events
        if seen > most:
            break
        if abs(following - day) > APART:
            outlying = number
    return outlying


def _outlying(rows: "QuerySet[HourCount]") -> OutlyingEvents | None:
    found = rows.aggregate(total=Sum("events"), first=Min("hour"), last=Max("hour"))
    if found["total"] is None:
        return None
    return OutlyingEvents(events=found["total"], first=time_of(found["first"] * HOUR), last=time_of(found["last"] * HOUR))


def _end_of(hour: int) -> datetime:
    begins = time_of(hour * HOUR)
    try:
        return begins + timedelta(hours=1)
    except OverflowError:  # the last hour that there is
        return begins + timedelta(minutes=59)


def event_types_like(words: Sequence[str], limit: int = MOST_TYPES) -> Mapping[str, Sequence[str]]:
    """Return the event types whose name holds all of these words, in upper or lower case, with the topics that have events
    of them, both by name."""
    names = NameRow.objects.filter(pk__in=HourCount.objects.values("type_id"))  # not those of aggregate types
    for word in words:
        names = names.filter(text__icontains=word)
    numbers = dict(names.order_by("text").values_list("pk", "text")[:MOST_NAMES]) if words else {}
    rows = HourCount.objects.filter(type_id__in=numbers, partition_id__in=current_partitions().values("pk"))
    topics = dict(current_partitions().values_list("pk", "topic"))
    found: dict[str, set[str]] = {}
    for type, partition in rows.values_list("type_id", "partition_id").distinct():
        found.setdefault(numbers[type], set()).add(topics.get(partition, ""))
    return {name: sorted(found[name] - {""}) for name in sorted(found)[:limit]}


def _hour_of(moment: datetime) -> int:
    return int(moment.timestamp()) // 3_600
