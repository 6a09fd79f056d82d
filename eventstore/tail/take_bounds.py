"""How much a subscriber takes at a time."""

from msgspec import Struct

BYTES_A_TAKE = 1024 * 1024
BYTES_OF_AN_EVENT = 500
"""JSON bytes of an event in addition to its payload. Measured and rounded up."""
BYTES_OF_A_ROW = 1_000
"""Bytes of a page's row, whatever its payload."""


class TakeBounds(Struct, frozen=True, kw_only=True, gc=False):
    """The limits of one take.

    ``events`` counts rows on a page, or whole events. ``bytes`` limits the payloads plus ``beside`` bytes for each
    event. A take exceeds these limits only if a single piece does. ``whole`` is set for a take of the normal full size.
    """

    events: int
    bytes: int = BYTES_A_TAKE
    beside: int = 0
    whole: bool = False

    def are_passed(self, events: int, payloads: int) -> bool:
        return events > self.events or payloads + events * self.beside > self.bytes


def take_bounds(most_events: int, room: int | None, *, complete: bool) -> TakeBounds:
    """Return the bounds of a take of at most ``most_events`` events that fill about ``room`` bytes once they are rendered.

    ``room=None`` means that the rendered size does not matter.
    """
    if room is None:
        return TakeBounds(events=most_events, whole=True)
    if complete:
        return TakeBounds(events=most_events, bytes=min(BYTES_A_TAKE, room), beside=BYTES_OF_AN_EVENT)
    return TakeBounds(events=max(1, min(most_events, room // BYTES_OF_A_ROW)))
