"""The number of events that a topic had in each of its last hours, as a bar chart and a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboard.rendering.text import humanize_type
from eventstore.model import MiddleHours, OutlyingEvents

HOURS = 24
HEIGHT = 40
"""Height of the tallest bar, in units of the drawing."""
WIDTH, GAP = 12, 2
"""Width of an hour, and the part of it that stays empty, in the same units."""
MOST_TYPES = 8
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hour:
    """One hour. ``x``, ``y``, and ``height`` place its bar."""

    begins: datetime
    events: int
    types: Sequence[tuple[str, int]]
    x: int
    y: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HourChart:
    """The hours that have events, in order. ``types`` are the commonest types with their totals; ``other`` counts the rest.

    ``most`` is the largest number of events in one hour.
    """

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


@dataclass(frozen=True, kw_only=True, slots=True)
class OutlyingLink:
    """A few events far from all others, or in the future.

    It says when (``word`` is at, from, or up to), and gives the filter that finds them.
    """

    events: int
    word: str
    at: datetime
    filter: str


def far_links(middle: MiddleHours) -> Sequence[OutlyingLink]:
    """Link to the few events that lie far before and after the topic's middle hours, and not in the future."""
    links = []
    if few := middle.earlier:
        links.append(_outlying_link(few, "up to", few.last, f"time<{_in_a_filter(few.last + HOUR)}"))
    if few := middle.later:
        until = f" time<{_in_a_filter(few.last + HOUR)}" if middle.future else ""
        links.append(_outlying_link(few, "from", few.first, f"time>={_in_a_filter(few.first)}{until}"))
    return links


def future_links(middle: MiddleHours) -> Sequence[OutlyingLink]:
    """Link to the events that claim a later time than the present hour."""
    few = middle.future
    return [_outlying_link(few, "from", few.first, f"time>={_in_a_filter(few.first)}")] if few else []


def _outlying_link(few: OutlyingEvents, word: str, at: datetime, filter: str) -> OutlyingLink:
    return OutlyingLink(events=few.events, word="at" if few.first == few.last else word, at=at, filter=filter)


def _in_a_filter(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ").zfill(17)


def chart_hours(counts: Sequence[tuple[datetime, Mapping[str, int]]]) -> HourChart | None:
    """Chart the events by hour and type, oldest hour first. ``None`` if there are no events."""
    if not counts:
        return None
    last = counts[-1][0]
    begins = last - (HOURS - 1) * HOUR
    most = max(sum(types.values()) for _, types in counts)
    totals = Counter[str]()
    for _, types in counts:
        totals.update(types)
    commonest = totals.most_common(MOST_TYPES)
    return HourChart(
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
    height = max(1, round(HEIGHT * events / most))  # a single event stays visible beside a million
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
    return humanize_type(type) if type else "Unrecognised format"
