"""Count the events of each type in each hour."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db.models import Max, Q, Sum

from eventstore.index.lookup.pointers import time_of
from eventstore.index.models import HourCount, NameRow, current_partitions
from eventstore.index.tables.blocks import TIMELESS
from eventstore.index.tables.names import Names

HOUR = 3_600_000_000
MOST_TYPES, MOST_NAMES = 20, 200
"""Event types that one text finds, and names that are looked at for it."""


def hours_of(topic: str, hours: int, before: datetime | None = None) -> Sequence[tuple[datetime, Mapping[str, int]]]:
    """Return the topic's events by type, for each of its last ``hours`` hours that has any, in order.

    The last hour is that of the topic's latest event, by the events' own time. Events that claim a later time than the present
    hour are left out: a single one of them would otherwise hide all others. ``before`` leaves out the hour of this moment and
    all later hours. Events of which no time is known are in no hour.

    A message that fits no envelope has only its publish time. It does not decide which hour is the last, unless there are no
    other events: after an imported history it would be alone in its day.
    """
    live = current_partitions().filter(topic=topic).values("pk")
    until = _hour_of(datetime.now(UTC)) if before is None else _hour_of(before) - 1
    rows = HourCount.objects.filter(partition_id__in=live, hour__lte=until, hour__gt=TIMELESS // HOUR)
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
