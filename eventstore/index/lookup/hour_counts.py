"""Count the events of each type in each hour."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.db.models import Exists, F, IntegerField, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum, TextField

from eventstore.index.lookup.pointers import time_of
from eventstore.index.models import HourCount, IndexedPartition, NameRow, current_partitions
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import TIMELESS
from eventstore.index.tables.extents import whole_partitions
from eventstore.index.tables.names import names_of_answer
from eventstore.model.pointers import MiddleHours, OutlyingEvents
from eventstore.prepared import Prepared

HOUR = 3_600_000_000
NO_HOUR = TIMELESS // HOUR
"""The hour of events of which no time is known, before all others."""
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
KEPT_SECONDS = 60.0
MANY_EVENTS = 10_000
"""From so many events on, finding a topic's middle hours is dear: 0.4 s of processor for 960,000 rows of hours."""
MOST_KEPT = 1_000
"""Topics whose middle hours are kept."""


def hours_of(topic: str, hours: int, before: datetime | None = None) -> Sequence[tuple[datetime, Mapping[str, int]]]:
    """Return the topic's events by type, for each of its last ``hours`` hours that has any, in order.

    The last hour is that of the topic's latest event, by the events' own time. Events that claim a later time than the present
    hour are left out: a single one of them would otherwise hide all others. ``before`` leaves out the hour of this moment and
    all later hours. Events of which no time is known are in no hour.

    A message that fits no envelope has only its publish time. It does not decide which hour is the last, unless there are no
    other events: after an imported history it would be alone in its day.
    """
    until = _hour_of(datetime.now(UTC)) if before is None else _hour_of(before) - 1
    last = _last_hour(topic, until)
    if last is None:
        return []
    found = (
        _rows_of(topic, after=max(last - hours, NO_HOUR))
        .filter(hour__lte=last)
        .values("hour", "type_id")
        .annotate(total=Sum("events"))
        .order_by("hour")
    )
    texts = names_of_answer().texts_of(row["type_id"] for row in found)
    by_hour: dict[int, dict[str, int]] = {}
    for row in found:
        by_hour.setdefault(row["hour"], {})[texts[row["type_id"]]] = row["total"]
    return [(time_of(hour * HOUR), types) for hour, types in by_hour.items()]


def middle_of(topic: str) -> MiddleHours:
    """Return where the topic's events lie, apart from a few whose time is far from all others, and maybe wrong.

    Messages that fit no envelope count only if there are no other events, as in ``hours_of``.
    """
    kinds = Q(type_id__gt=0) if _rows_of(topic).filter(type_id__gt=0).exists() else Q()
    rows = _rows_of(topic).filter(kinds)
    now = _hour_of(datetime.now(UTC))
    days = _days_in(rows.filter(hour__lte=now)) or _days_in(rows)
    if not days:
        return MiddleHours()
    first, last = _middle(days)
    last_day = _rows_of(topic, after=last * 24 - 1).filter(kinds, hour__lte=min(now, last * 24 + 23))
    newest = last_day.aggregate(newest=Max("hour"))["newest"]
    if newest is None:  # all of them claim to be of the future
        newest = now = (last + 1) * 24 - 1
    return MiddleHours(
        ends=_end_of(newest),
        earlier=_outlying(rows.filter(hour__lt=first * 24)),
        later=_outlying(_rows_of(topic, after=newest).filter(kinds, hour__lte=now)),
        future=_outlying(_rows_of(topic, after=now).filter(kinds)),
    )


class KnownMiddles:
    """The middle hours of topics, as found within the last minute, since finding them reads all of a topic's rows.

    They are found anew at once for a topic with fewer than ``MANY_EVENTS`` whose number of events has changed, as that is
    cheap. Thread-safe. Keeps at most ``MOST_KEPT`` topics.
    """

    def __init__(self, find: Callable[[str], MiddleHours] = middle_of, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._find, self._clock = find, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, int, MiddleHours]] = {}

    def of(self, topic: str, events: int) -> MiddleHours:
        """Return what ``middle_of`` says. ``events``: how many the index has of the topic."""
        now = self._clock()
        with self._lock:
            known = self._known.get(topic)
        if known is not None:
            found_at, of_events, middle = known
            unchanged = events == of_events or min(events, of_events) >= MANY_EVENTS
            if unchanged and now - found_at < KEPT_SECONDS:
                return middle
        found = self._find(topic)
        with self._lock:
            self._known.pop(topic, None)
            self._known[topic] = (now, events, found)
            while len(self._known) > MOST_KEPT:
                del self._known[next(iter(self._known))]  # the one that was found first
        return found


def _last_hour(topic: str, until: int) -> int | None:
    """The last hour that has an event, or else a message that fits no envelope: a look at the end of each partition's rows,
    since the largest of all rows would be found by reading all of them."""
    for least in (1, 0):
        ends = [hour for hour in _ENDS(topic=topic, until=until, least=least) if hour is not None]
        if ends:
            return max(ends)
    return None


def _ends(topic: str, until: int, least: int) -> "QuerySet[IndexedPartition, int | None]":
    """For each partition its last hour of a type of at least this number."""
    rows = HourCount.objects.filter(partition_id=OuterRef("pk"), hour__gt=NO_HOUR, hour__lte=until, type_id__gte=least)
    last = Subquery(rows.order_by("-hour").values("hour")[:1])
    return current_partitions().filter(topic=topic).annotate(last=last).values_list("last", flat=True)


_ENDS = Prepared(_ends, topic=TextField(), until=IntegerField(), least=IntegerField())


def _rows_of(topic: str, *, after: int = NO_HOUR) -> "QuerySet[HourCount]":
    """The rows of the hours after this one. A query must name no other hour to begin after: SQLite might read from there."""
    live = current_partitions().filter(topic=topic).values("pk")
    return HourCount.objects.filter(partition_id__in=live, hour__gt=after)


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
    names = NameRow.objects.filter(Exists(HourCount.objects.filter(type_id=OuterRef("pk"))))  # not those of aggregate types
    for word in words:
        names = names.filter(text__icontains=word)
    numbers = dict(names.order_by("text").values_list("pk", "text")[:MOST_NAMES]) if words else {}
    topics = dict(whole_partitions().values_list("pk", "topic"))
    found: dict[str, Sequence[str]] = {}
    for start in range(0, len(numbers), limit):
        some = list(numbers)[start : start + limit]
        there = _partitions_with(some, topics)
        found |= {numbers[type]: sorted({topics[row] for row in rows}) for type, rows in there.items()}
        if len(found) >= limit:
            break
    return {name: found[name] for name in sorted(found)[:limit]}


def _partitions_with(types: Sequence[int], partitions: Iterable[int]) -> Mapping[int, Sequence[int]]:
    """Return which of these partition rows have events of each of these types: one search of an index for each pair."""
    rows = sql.query(
        f"SELECT t.value, p.value FROM {sql.listed('t')} CROSS JOIN {sql.listed('p')} WHERE EXISTS "
        "(SELECT 1 FROM index_hourcount h WHERE h.type_id = t.value AND h.partition_id = p.value)",
        [sql.as_list(types), sql.as_list(list(partitions))],
    )
    found: dict[int, list[int]] = {}
    for type, partition in rows:
        found.setdefault(type, []).append(partition)
    return found


def _hour_of(moment: datetime) -> int:
    return int(moment.timestamp()) // 3_600
