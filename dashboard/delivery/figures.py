"""The subscriptions against which a page judges its events: as they are known already, with their own time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from dashboard.gateway import desk
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import BacklogSnapshot, Line
from eventstore.delivery import AskedDeliveries, Book
from eventstore.model import EventStoreError

FRESH_ENOUGH = timedelta(seconds=5)
"""Figures of this age are shown without asking for newer ones. The page says their age."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """``lines`` are the services' subscriptions of some topics, by topic and name. ``unavailable`` are those of these topics
    whose subscriptions the store does not tell, with its sentence.

    ``as_of`` is the time of the oldest figure; ``None``: there is none.
    """

    book: Book
    asked: AskedDeliveries
    lines: Mapping[tuple[str, str], Line]
    unavailable: Sequence[tuple[str, str]]
    as_of: datetime | None


def figures_for(topics: Collection[str]) -> Figures | None:
    """Everything that is known of the subscriptions of these topics. ``None`` where the store has no subscriptions, or never
    told of any. The store is not asked for a page, unless nothing has asked it for some seconds."""
    if not desk().subscriptions.supported:
        return None
    found = _snapshot()
    if found is None:
        return None
    lines = {(line.topic.name, line.subscription.name): line for line in found.of_services if line.topic.name in topics}
    book = desk().delivery.book([line.backlog for line in _with_retries(found, topics)])
    return Figures(
        book=book,
        asked=AskedDeliveries(book, sorted(topics)),
        lines=lines,
        unavailable=[pair for pair in found.unavailable_topics if pair[0] in topics],
        as_of=min((line.backlog.as_of for line in lines.values()), default=found.as_of),
    )


def _snapshot() -> BacklogSnapshot | None:
    known = backlog_cache.known_here()
    if known is not None and timezone.now() - known.as_of <= FRESH_ENOUGH:
        return known
    try:
        return backlog_cache.gathered_or_last_known()[0]
    except EventStoreError:  # it refuses the list of topics; the page is about something else
        return backlog_cache.last_known()


def _with_retries(found: BacklogSnapshot, topics: Collection[str]) -> Sequence[Line]:
    """The lines of these topics and of all derived ones, where copies of their events may be retried."""
    return [line for line in found.of_services if line.topic.name in topics or line.topic.derived]
