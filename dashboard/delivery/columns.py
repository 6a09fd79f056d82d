"""Delivery on an aggregate's page: a column a subscription, the legend, and in words what has not been acknowledged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.safestring import SafeString

from dashboard.delivery.cells import rows_of
from dashboard.delivery.figures import Figures
from dashboard.delivery.words import MARKS, counted_events, sources_of, word_of
from dashboard.gateway import desk
from dashboard.rendering import aggregate_url
from dashboard.rendering.text import format_number
from dashboard.web.global_search import delivery_filter
from eventstore.delivery import Deliveries, Delivery, Waiting
from eventstore.model import DeliveryState
from eventstore.streams import Row

MOST_COLUMNS, MOST_FOLDED = 5, 50
"""Subscriptions with a column, and further ones that are named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One event in the subscription ``name``: tone and mark as seen, the word as heard and in the title."""

    name: str
    state: DeliveryState
    tone: str
    mark: str
    word: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """A subscription without a column. ``words`` say what became of the page's events: "50 acknowledged"."""

    name: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """``rows`` are the cells beside each of the page's lines, one for each of ``names``."""

    names: Sequence[str]
    rows: Sequence[SafeString]
    folded: Sequence[Folded]
    more: int
    """Subscriptions that are not named."""
    legend: Sequence[tuple[str, str, str]]
    as_of: datetime | None
    sources: str
    """What the cells rest on, in words; empty where there are none."""
    unavailable: Sequence[tuple[str, str]]
    copies_behind: bool
    """Some dead letters and retries of these events may not be indexed yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NotYet:
    """What one subscription has not acknowledged of an aggregate, for the head of its page. ``events``: "2 events".

    ``holds_url`` leads to the event at which it is stuck; empty if it is not.
    """

    name: str
    topic: str
    events: str
    stuck: bool
    unknown: bool
    url: str
    holds_url: str


def columns_of(figures: Figures, rows: Sequence[Row], waiting: Sequence[Waiting]) -> Columns:
    """A column for each subscription of the rows' topics, at most ``MOST_COLUMNS``: those first for which something waits."""
    deliveries = deliveries_of(figures, rows)
    names = _in_order({name for topic, name in figures.lines}, deliveries, waiting)
    shown = names[:MOST_COLUMNS]
    seen = {each[name].state for each in deliveries for name in shown if name in each}
    return Columns(
        names=shown,
        rows=rows_of(shown, deliveries),
        folded=[Folded(name=name, words=_counted(name, deliveries)) for name in names[MOST_COLUMNS:][:MOST_FOLDED]],
        more=max(0, len(names) - MOST_COLUMNS - MOST_FOLDED),
        legend=[(*mark, state.value) for state, mark in MARKS.items() if state in seen],
        as_of=figures.as_of,
        sources=sources_of({each[name].source for each in deliveries for name in shown if name in each}),
        unavailable=figures.unavailable,
        copies_behind=figures.book.copies_are_behind({topic for topic, _ in figures.lines}, figures.asked_topics),
    )


def deliveries_of(figures: Figures, rows: Sequence[Row]) -> Sequence[Deliveries]:
    """Each row's delivery, by subscription; empty for what the index does not know yet."""
    pointers = [row.pointer for row in rows if row.pointer is not None]
    found = iter(figures.book.of(pointers))
    return [next(found) if row.pointer is not None else {} for row in rows]


def cell_of(name: str, delivery: Delivery) -> Cell:
    tone, mark = MARKS[delivery.state]
    return Cell(name=name, state=delivery.state, tone=tone, mark=mark, word=word_of(delivery))


def not_yet(type: str, id: str, waiting: Sequence[Waiting]) -> Sequence[NotYet]:
    """What is said at the head of the aggregate's page."""
    several = Counter(one.name for one in waiting)
    return [_not_yet(type, id, one, topic_too=several[one.name] > 1) for one in waiting]


def asked_for(name: str, topic: str, state: DeliveryState, *, topic_too: bool = False) -> str:
    """The filter for what became of events in this subscription: ``delivery:mailer=pending``."""
    return delivery_filter(f"{topic}/{name}" if topic_too else name, state)


def waiting_here(figures: Figures, type: str, id: str) -> Sequence[Waiting]:
    """The subscriptions that have yet to handle events of this aggregate."""
    return desk().delivery.waiting(figures.book, type, id)


def _not_yet(type: str, id: str, one: Waiting, *, topic_too: bool) -> NotYet:
    state = DeliveryState.PENDING if one.pending else DeliveryState.UNKNOWN
    count = one.pending or one.unknown
    filter = asked_for(one.name, one.topic, state, topic_too=topic_too)
    return NotYet(
        name=one.name,
        topic=one.topic,
        events=counted_events(count, all_counted=one.all_counted),
        stuck=one.stuck > 0,
        unknown=not one.pending,
        url=f"{aggregate_url(type, id)}?{urlencode({'filter': filter})}",
        holds_url=f"{reverse('subscription', args=[one.topic, one.name])}#holder" if one.stuck else "",
    )


def _in_order(names: set[str], deliveries: Sequence[Deliveries], waiting: Sequence[Waiting]) -> list[str]:
    """Those first for which something waits, then those with another state than acknowledged on this page, then by name."""
    waits = {one.name: (-one.stuck, -one.pending) for one in reversed(waiting)}
    pairs = [pair for each in deliveries for pair in each.items()]
    other = {name for name, delivery in pairs if delivery.state is not DeliveryState.ACKNOWLEDGED}
    return sorted(names, key=lambda name: (waits.get(name, (0, 0)), name not in other, name))


def _counted(name: str, deliveries: Sequence[Deliveries]) -> str:
    states: Mapping[DeliveryState, int] = Counter(each[name].state for each in deliveries if name in each)
    return ", ".join(f"{format_number(states[state])} {state.value}" for state in MARKS if states.get(state))
