"""How much a viewer takes at a time: a take's own bounds, or less where whoever is sent it has little room."""

from dataclasses import dataclass

BYTES_A_TAKE = 1024 * 1024
BYTES_OF_AN_EVENT = 500
"""Of an event's JSON beside its payload (measured, rounded up)."""
BYTES_OF_A_ROW = 1_000
"""Of a page's row, whatever its payload."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TakeBounds:
    """``events``: rows, or whole events; ``bytes``: of their payloads, each with so many ``beside`` it. More is taken only
    where a single piece is more. ``whole``: a whole take's worth."""

    events: int
    bytes: int = BYTES_A_TAKE
    beside: int = 0
    whole: bool = False

    def are_passed(self, events: int, payloads: int) -> bool:
        return events > self.events or payloads + events * self.beside > self.bytes


def take_bounds(most_events: int, room: int | None, *, complete: bool) -> TakeBounds:
    """At most so many events, and about as many as fill ``room`` bytes of what is made of them (``None``: no matter)."""
    if room is None:
        return TakeBounds(events=most_events, whole=True)
    if complete:
        return TakeBounds(events=most_events, bytes=min(BYTES_A_TAKE, room), beside=BYTES_OF_AN_EVENT)
    return TakeBounds(events=max(1, min(most_events, room // BYTES_OF_A_ROW)))
