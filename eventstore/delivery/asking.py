"""Delivery as filters ask for it: by the name of a subscription, or by its topic's and its own (``documents/mailer``)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eventstore.delivery.book import Book, Deliveries
from eventstore.envelope.mapping import last_segment
from eventstore.model.events import Event
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState

MOST_NAMED = 12
"""Subscriptions that a refusal names."""


@dataclass(frozen=True, slots=True)
class NoDeliveries:
    """Fulfils ``eventstore.search.DeliverySource`` where nothing is known of any subscription: every filter that asks is
    refused with the sentence ``why``."""

    why: str

    def refusal(self, name: str) -> str:
        return self.why

    def prepare(self, pointers: Sequence[Pointer]) -> None:
        pass

    def of_pointer(self, pointer: Pointer, name: str) -> DeliveryState | None:
        return DeliveryState.UNKNOWN

    def of_event(self, event: Event, name: str) -> DeliveryState | None:
        return DeliveryState.UNKNOWN


class AskedDeliveries:
    """Fulfils ``eventstore.search.DeliverySource``, for the events of these topics."""

    def __init__(self, book: Book, topics: Sequence[str]) -> None:
        self._book, self._topics = book, topics

    def refusal(self, name: str) -> str:
        if any(self._named(topic, name) for topic in self._topics):
            return ""
        names = sorted({known for topic in self._topics for known in self._book.of_topic(topic)})
        if not names:
            return "no subscription is known for these events: leave delivery out"
        more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
        return f"there is no subscription of this name here; there are {', '.join(names[:MOST_NAMED])}{more}"

    def prepare(self, pointers: Sequence[Pointer]) -> None:
        self._book.of(pointers)

    def of_pointer(self, pointer: Pointer, name: str) -> DeliveryState | None:
        return self._state(self._book.of([pointer])[0], pointer.position.topic, name)

    def of_event(self, event: Event, name: str) -> DeliveryState | None:
        found = self._book.known_at(event.position)
        return DeliveryState.UNKNOWN if found is None else self._state(found, event.position.topic, name)

    def _state(self, found: Deliveries, topic: str, name: str) -> DeliveryState | None:
        meant = self._named(topic, name)
        return found[meant].state if meant in found else None

    def _named(self, topic: str, name: str) -> str:
        """Return which of the topic's subscriptions the name means; empty if none."""
        known = self._book.of_topic(topic)
        return next((own for own in (name, *_without_topic(topic, name)) if own in known), "")


def _without_topic(topic: str, name: str) -> Iterator[str]:
    for prefix in (topic, last_segment(topic)):
        if name.startswith(f"{prefix}/"):
            yield name.removeprefix(f"{prefix}/")
