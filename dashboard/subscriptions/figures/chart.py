"""The figures of a subscription's chart: what waited in the last hours, where cursor and end were, and how fast both went."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from django.utils import timezone

from dashboard.gateway import desk
from eventstore.backlogs import Look

RANGES: Mapping[str, tuple[str, timedelta]] = {
    "1h": ("1 hour", timedelta(hours=1)),
    "6h": ("6 hours", timedelta(hours=6)),
    "24h": ("24 hours", timedelta(hours=24)),
    "14d": ("14 days", timedelta(days=14)),
}
"""By the word in the address: the words on the button, and how far back."""
MOST_POINTS = 360

Figures = Mapping[str, Sequence[float | None]]


def figures(topic: str, name: str, back: timedelta) -> Figures:
    """Columns of one length, oldest first; ``at`` in seconds since 1970. No name and no value of an event is in them.

    ``acknowledged`` and ``end`` count events of the topic's beginning on, ``published`` and ``handled`` events a second.
    """
    return columns_of(desk().backlogs.looks(topic, name, timezone.now() - back, most=MOST_POINTS))


def columns_of(looks: Sequence[Look]) -> Figures:
    return {
        "at": [round(look.at.timestamp(), 1) for look in looks],
        "waiting": [look.waiting for look in looks],
        "acknowledged": [None if look.events is None else max(0, look.events - look.waiting) for look in looks],
        "end": [look.events for look in looks],
        "published": _rates(looks, lambda look: look.events, lambda look: look.rate_in),
        "handled": _rates(looks, _acknowledged, _first_deliveries),
    }


def _acknowledged(look: Look) -> int | None:
    return None if look.events is None else look.events - look.waiting


def _first_deliveries(look: Look) -> float | None:
    return None if look.rate_out is None else max(0.0, look.rate_out - (look.rate_redelivered or 0.0))


def _rates(
    looks: Sequence[Look], count: Callable[[Look], int | None], told: Callable[[Look], float | None]
) -> list[float | None]:
    """How fast this count grew since the look before. What the store tells where there is none, or the count fell."""
    if not looks:
        return []
    found = [told(looks[0])]
    for before, now in pairwise(looks):
        then, here, seconds = count(before), count(now), (now.at - before.at).total_seconds()
        if then is None or here is None or here < then or seconds <= 0:
            found.append(told(now))
        else:
            found.append(round((here - then) / seconds, 3))
    return found
