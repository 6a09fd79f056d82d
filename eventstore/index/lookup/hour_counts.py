"""How many events of each type happened in each hour."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db.models import Max, Q, Sum

from eventstore.index.lookup.pointers import time_of
from eventstore.index.models import HourCount, IndexedPartition
from eventstore.index.tables.names import Names

HOUR = 3_600_000_000


def hours_of(topic: str, hours: int, before: datetime | None = None) -> Sequence[tuple[datetime, Mapping[str, int]]]:
    """By type, for each of the topic's last ``hours`` hours that have any event, in order. Its last hour is that of its latest
    event, by the events' own time. What claims to have happened later than the present hour is left out: one such event would
    be all that is shown, until its time has come. ``before``: as if nothing had happened in the hour of this moment and later.

    A message that fits no envelope has no time but that of its publishing, and decides nothing where there are others: behind
    an imported history it would be the only one in its day.
    """
    live = IndexedPartition.objects.filter(topic=topic, live=True).values("pk")
    until = _hour_of(datetime.now(UTC)) if before is None else _hour_of(before) - 1
    rows = HourCount.objects.filter(partition_id__in=live, hour__lte=until)
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


def _hour_of(moment: datetime) -> int:
    return int(moment.timestamp()) // 3_600
