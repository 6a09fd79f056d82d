"""Which letters' copies the target has got already, when a run begins again.

At most one window of copies is on its way. So only that window is asked about, in those partitions that it is sent to.
"""

from collections.abc import Callable, Iterator, Sequence, Set

from eventstore.model.errors import StoreRefused
from eventstore.model.events import Message, Position
from eventstore.model.log import Ends, Log
from eventstore.redrives.copies import JOB, LETTER, copies_of
from eventstore.redrives.order import Order
from eventstore.redrives.state import State

Arrived = Set[str]
"""The letters (``copies.letter_id``) whose copies have arrived behind the place noted last."""
AT_ONCE = 1_000


def noted_ends(log: Log, target: str) -> dict[int, str]:
    """Return the place behind which everything lies that is sent from now on, for each partition of the target.

    Of an empty partition it is ``Ends.written``: what is written and removed later shows by it.
    """
    return {ends.partition: place.message.token if (place := ends.farthest) else ends.written for ends in log.ends(target)}


def arrived(
    log: Log, order: Order, state: State, window: Sequence[Message], partitions: int, tick: Callable[[], None]
) -> Arrived:
    """Read what the target has got behind the noted places. Call this only while nobody else can send for the job.

    ``window``: the letters that may be on their way, or more of them. ``partitions``: how many the target has. ``tick`` is
    called again and again. Raises ``StoreRefused`` where retention may have removed copies of the window.
    """
    if state.tidy or not window:
        return frozenset()
    copies = copies_of(order, window, partitions, {})
    found: set[str] = set()
    for ends in log.ends(order.target):
        concerned = [copy.message for copy in copies if copy.partition == ends.partition]
        behind = state.behind.get(ends.partition, "")
        if not concerned or ends.written <= behind:
            continue
        if not _is_kept(ends, behind):
            raise StoreRefused(_no_longer_told(concerned))
        for message in _behind(log, ends, behind):
            tick()
            if message.properties.get(JOB) == order.job:
                found.add(message.properties[LETTER])
    return found


def _is_kept(ends: Ends, behind: str) -> bool:
    """Whether nothing can be gone that lay behind the place. The place may be how tokens begin; see ``Ends.written``."""
    if ends.first is None:
        return False
    first = ends.first.beginning.token
    return first <= behind or first.startswith(behind)


def _no_longer_told(letters: Sequence[Message]) -> str:
    return (
        "The target's retention may have removed events that were sent to it lately, so nothing tells which of the next "
        f"{len(letters)} dead letters, from {letters[0].position.where} on, have arrived there. No more were sent, so that "
        "none is sent twice, and this job cannot continue. Look at what their consumer has handled, and redrive those that "
        "are missing."
    )


def _behind(log: Log, ends: Ends, token: str) -> Iterator[Message]:
    from_beginning = ends.first is None or ends.first.beginning.token > token
    after: Position | None = None if from_beginning else log.position(ends.topic, ends.partition, token)
    while True:
        found = log.read_forward(ends.topic, ends.partition, after=after, limit=AT_ONCE, most_bytes=16_000_000)
        yield from found
        if not found:
            return
        after = found[-1].position
