"""Which letters' copies the target has got already, when a run begins again."""

from collections.abc import Iterator, Set

from eventstore.model.errors import StoreRefused
from eventstore.model.events import Message, Position
from eventstore.model.log import Ends, Log
from eventstore.redrives.copies import JOB, LETTER
from eventstore.redrives.order import Order
from eventstore.redrives.state import State

Arrived = Set[str]
"""The letters (``copies.letter_id``) whose copies have arrived behind the place noted last."""
AT_ONCE = 1_000
NO_LONGER_TOLD = (
    "The target's retention has removed events that were sent to it lately, so nothing tells which of the next letters have "
    "arrived there. No more were sent, so that none is sent twice. Look at the next dead letters and at what their consumer "
    "has handled, and redrive those that are missing."
)


def noted_ends(log: Log, target: str) -> dict[int, str]:
    """Return the place behind which everything lies that is sent from now on, for each partition of the target."""
    return {ends.partition: place.message.token if (place := ends.farthest) else "" for ends in log.ends(target)}


def arrived(log: Log, order: Order, state: State) -> Arrived:
    """Read what the target has got behind the noted places. Call this only while nobody else can send for the job."""
    if state.tidy:
        return frozenset()
    found: set[str] = set()
    for ends in log.ends(order.target):
        behind = state.behind.get(ends.partition, "")
        _check_kept(ends, behind)
        for message in _behind(log, order.target, ends.partition, behind):
            if message.properties.get(JOB) == order.job:
                found.add(message.properties[LETTER])
    return found


def _check_kept(ends: Ends, behind: str) -> None:
    """Raise ``StoreRefused`` if something may be gone that lay behind the place."""
    if behind and (ends.first is None or ends.first.beginning.token > behind):
        raise StoreRefused(NO_LONGER_TOLD)


def _behind(log: Log, target: str, partition: int, token: str) -> Iterator[Message]:
    after: Position | None = log.position(target, partition, token) if token else None
    while True:
        found = log.read_forward(target, partition, after=after, limit=AT_ONCE, most_bytes=16_000_000)
        yield from found
        if not found:
            return
        after = found[-1].position
