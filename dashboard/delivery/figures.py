"""The subscriptions against which a page judges its events: as they are known already, with their own time."""

import logging
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.utils import timezone

from dashboard.gateway import desk
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import BacklogSnapshot, Line
from eventstore.delivery import AskedDeliveries, Book, NoDeliveries
from eventstore.model import EventStoreError
from eventstore.search import DeliverySource

log = logging.getLogger(__name__)

FRESH_ENOUGH = timedelta(seconds=5)
"""Figures of this age are shown without asking for newer ones. The page says their age."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """``lines`` are the services' subscriptions of some topics, by topic and name. ``unavailable`` are those of these topics
    whose subscriptions the store does not tell, with its sentence.

    ``asked_topics`` are all topics whose subscriptions the store has told, be there none.

    ``as_of`` is the time of the oldest figure; ``None``: there is none. ``asking``: they are old or a part, and the store is
    being asked for all.
    """

    book: Book
    asked: AskedDeliveries
    lines: Mapping[tuple[str, str], Line]
    unavailable: Sequence[tuple[str, str]]
    asked_topics: Set[str]
    as_of: datetime | None
    asking: bool


def asked_of(figures: Figures | None) -> DeliverySource:
    """What answers a filter that asks for delivery: it says why where nothing is known."""
    if figures is not None and figures.asking:
        return NoDeliveries("the store is being asked about its subscriptions: leave delivery out, or try again in a moment")
    if figures is not None:
        return figures.asked
    if not desk().subscriptions.supported:
        return NoDeliveries("this store has no subscriptions, so no event is delivered to any: leave delivery out")
    return NoDeliveries("the store has not told any subscription yet: leave delivery out, or try again once it answers")


def figures_for(topics: Collection[str]) -> Figures | None:
    """Everything that is known of the subscriptions of these topics. ``None`` where the store has no subscriptions, or never
    told of any, and if the database fails over them: the page is about something else. The store is not asked for a page,
    unless nothing has asked it for some seconds."""
    if not desk().subscriptions.supported:
        return None
    try:
        return _figures_for(topics)
    except DatabaseError:
        log.exception("This page shows nothing of delivery: the database failed over the subscriptions.")
        return None


def _figures_for(topics: Collection[str]) -> Figures | None:
    found, asking = _snapshot()
    if found is None:
        return None
    lines = {(line.topic.name, line.subscription.name): line for line in found.of_services if line.topic.name in topics}
    book = desk().delivery.book([line.backlog for line in _with_retries(found, topics)])
    return Figures(
        book=book,
        asked=AskedDeliveries(book, sorted(topics)),
        lines=lines,
        unavailable=[pair for pair in found.unavailable_topics if pair[0] in topics],
        asked_topics=found.topics,
        as_of=min((line.backlog.as_of for line in lines.values()), default=found.as_of),
        asking=asking,
    )


def _snapshot() -> tuple[BacklogSnapshot | None, bool]:
    """What is known, and whether the store is being asked for more."""
    known = backlog_cache.known_here()
    if known is not None and timezone.now() - known.as_of <= FRESH_ENOUGH:
        return known, known.is_asked_for
    try:
        found, away = backlog_cache.gathered_or_last_known()
    except EventStoreError:  # it refuses the list of topics; the page is about something else
        return backlog_cache.last_known(), False
    return found, backlog_cache.is_asked_for(found, away)


def _with_retries(found: BacklogSnapshot, topics: Collection[str]) -> Sequence[Line]:
    """The lines of these topics and of all derived ones, where copies of their events may be retried."""
    return [line for line in found.of_services if line.topic.name in topics or line.topic.derived]
