"""What became of events, for filters that ask."""

from collections.abc import Collection, Mapping, Sequence

from eventstore.model.events import Event
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState


class Handled:
    """States by event id and subscription. ``names`` are the subscriptions there are; ``None``: of every name."""

    def __init__(self, states: Mapping[tuple[str, str], DeliveryState], names: Collection[str] | None) -> None:
        self.states, self.names = states, names
        self.prepared: list[str] = []

    def refusal(self, name: str) -> str:
        return "" if self.names is None or name in self.names else f"there are {', '.join(self.names)}"

    def prepare(self, pointers: Sequence[Pointer]) -> None:
        self.prepared += [pointer.event_id for pointer in pointers]

    def of_pointer(self, pointer: Pointer, name: str) -> DeliveryState | None:
        return self.states.get((pointer.event_id, name))

    def of_event(self, event: Event, name: str) -> DeliveryState | None:
        return self.states.get((event.id, name))
