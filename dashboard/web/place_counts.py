"""The numbers beside the places on the left, from what pages have found out anyway: no number asks the store or a database.

A number that nobody has found out lately is left out.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from dashboard.access.scopes import Scope
from dashboard.gateway import shared, sight
from dashboard.web.completeness import Standing

MOST_KEPT = 500
LASTS = timedelta(minutes=2)
"""How long a number is shown after it was found out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceCount:
    """How many things a place has, and how many of them need attention; ``None`` if unknown. ``as_of``: when it was found."""

    total: int | None = None
    attention: int | None = None
    as_of: datetime | None = None


class PlaceCounts:
    """The last numbers that pages of this process have found out, by the URL name of the place, and by the scope in which they
    were counted (``None``: everything). Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Scope | None], PlaceCount] = {}

    def note(self, place: str, count: PlaceCount) -> None:
        key = _key(place)
        with self._lock:
            self._counts.pop(key, None)
            self._counts[key] = count
            while len(self._counts) > MOST_KEPT:
                del self._counts[next(iter(self._counts))]

    def known(self, place: str) -> PlaceCount | None:
        key = _key(place)
        with self._lock:
            count = self._counts.get(key)
        return count if count and count.as_of and timezone.now() - count.as_of < LASTS else None


def _key(place: str) -> tuple[str, Scope | None]:
    within = sight()
    return place, within.scope if within is not None else None


def note(place: str, *, total: int | None = None, attention: int, as_of: datetime) -> None:
    """Call when a page has found out how many things a place has; for the overview, its issues but those of subscriptions."""
    shared(PlaceCounts).note(place, PlaceCount(total=total, attention=attention, as_of=as_of))


def count_of(place: str, standing: Standing) -> PlaceCount | None:
    """The number beside the place of this URL name; ``None`` if it has none, or it is unknown.

    ``standing`` is what the foot of the page shows: with it the number of topics is known as well.
    """
    known = shared(PlaceCounts).known
    if place == "topics":
        index = standing.index
        return PlaceCount(total=index.watched) if index and index.watched else None
    if place == "overview":
        return _issues(known(place), known("subscriptions"))
    return known(place)


def _issues(others: PlaceCount | None, subscriptions: PlaceCount | None) -> PlaceCount | None:
    """All issues: those of subscriptions as other pages know them as well, so that no two places contradict each other."""
    if others is None or subscriptions is None:
        return None
    attention = (others.attention or 0) + (subscriptions.attention or 0)
    return PlaceCount(attention=attention, as_of=others.as_of)
