"""Which letters' copies the target has got already, when a run begins again.

At most one window of copies is on its way. So only that window is asked about, in those partitions that it is sent to.
"""

from collections.abc import Callable, Sequence, Set

from eventstore.copying import behind, is_kept
from eventstore.model.copying import Copying
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Message
from eventstore.model.log import Log
from eventstore.redrives.copies import JOB, LETTER, copies_of
from eventstore.redrives.order import Order
from eventstore.redrives.state import State

Arrived = Set[str]
"""The letters (``copies.letter_id``) whose copies have arrived behind the place noted last."""


def arrived(
    copying: Copying,
    log: Log,
    order: Order,
    state: State,
    window: Sequence[Message],
    partitions: int,
    tick: Callable[[], None],
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
        place = state.behind.get(ends.partition, "")
        if not concerned or ends.written <= place:
            continue
        held = state.held.get(ends.partition, ())
        if not (is_kept(ends, place) or copying.is_held(order.target, ends.partition, held)):
            raise StoreRefused(_no_longer_told(concerned))
        for message in behind(copying, log, ends, place, tick):
            if message.properties.get(JOB) == order.job:
                found.add(message.properties[LETTER])
    return found


def _no_longer_told(letters: Sequence[Message]) -> str:
    return (
        "The target's retention may have removed events that were sent to it lately, so nothing tells which of the next "
        f"{len(letters)} dead letters, from {letters[0].position.where} on, have arrived there. No more were sent, so that "
        "none is sent twice, and this job cannot continue. Look at what their consumer has handled, and redrive those that "
        "are missing."
    )
