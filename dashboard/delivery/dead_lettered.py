"""Which of a page's events are dead-lettered, and the way from there to the letters."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.delivery.columns import deliveries_of
from dashboard.delivery.figures import Figures
from dashboard.delivery.words import counted_events
from dashboard.privacy import public_id
from dashboard.web.global_search import quoted
from eventstore.model import DeliveryState
from eventstore.streams import Row

LETTERS = frozenset({DeliveryState.DEAD_LETTERED})


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLettered:
    """How many of a page's events one subscription has given up. ``events``: "2 events". ``url`` leads to their letters."""

    name: str
    events: str
    url: str


def dead_lettered(type: str, id: str, rows: Sequence[Row], figures: Figures) -> Sequence[DeadLettered]:
    """For the head of an aggregate's page, of the events on it: most first."""
    counts = Counter(
        (row.position.topic, name)
        for row, deliveries in zip(rows, deliveries_of(figures, rows), strict=True)
        for name, delivery in deliveries.items()
        if delivery.state in LETTERS
    )
    of_aggregate = urlencode({"show": "every", "filter": f"aggregate={quoted(f'{type}/{public_id(type, id)}')}"})
    return [
        DeadLettered(
            name=name,
            events=counted_events(count, all_counted=True),
            url=f"{letters_url_of(topic, name)}?{of_aggregate}",
        )
        for (topic, name), count in counts.most_common()
    ]


def letters_url_of(topic: str, name: str) -> str:
    return reverse("dead_letters", args=[topic, name])
