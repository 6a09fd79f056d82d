"""How many events a topic had in each of its last hours, as a strip of bars and a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.rendering import text

HOURS = 24
HEIGHT = 40
"""Units of the drawing that the tallest bar takes; an hour is ``WIDTH`` wide, with ``GAP`` of it left free."""
WIDTH, GAP = 12, 2
MOST_TYPES = 8
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hour:
    """``x``, ``y`` and ``height`` are those of its bar."""

    begins: datetime
    events: int
    types: Sequence[tuple[str, int]]
    x: int
    y: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """The hours that have any event, in order. ``types`` are the commonest types with their totals; ``other`` counts the
    rest."""

    hours: Sequence[Hour]
    begins: datetime
    ends: datetime
    total: int
    most: int
    types: Sequence[tuple[str, int]]
    other: int
    width: int = HOURS * WIDTH
    height: int = HEIGHT
    bar: int = WIDTH - GAP


def strip_of(counts: Sequence[tuple[datetime, Mapping[str, int]]]) -> Strip | None:
    """From what ``desk.index.hours`` returns; ``None`` where there is no event."""
    if not counts:
        return None
    last = counts[-1][0]
    begins = last - (HOURS - 1) * HOUR
    most = max(sum(types.values()) for _, types in counts)
    totals = Counter[str]()
    for _, types in counts:
        totals.update(types)
    commonest = totals.most_common(MOST_TYPES)
    return Strip(
        hours=[_hour(hour, types, begins, most) for hour, types in counts],
        begins=begins,
        ends=last + HOUR,
        total=totals.total(),
        most=most,
        types=[(_name(type), events) for type, events in commonest],
        other=totals.total() - sum(events for _, events in commonest),
    )


def _hour(begins: datetime, types: Mapping[str, int], first: datetime, most: int) -> Hour:
    events = sum(types.values())
    height = max(1, round(HEIGHT * events / most))  # one event is seen beside a million
    by_number = sorted(types.items(), key=lambda item: -item[1])[:MOST_TYPES]
    return Hour(
        begins=begins,
        events=events,
        types=[(_name(type), count) for type, count in by_number],
        x=(begins - first) // HOUR * WIDTH,
        y=HEIGHT - height,
        height=height,
    )


def _name(type: str) -> str:
    return text.of_type(type) if type else "Fits no envelope"
