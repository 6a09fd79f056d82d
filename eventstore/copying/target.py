"""Where a target ends before anything is sent to it, and what it has got since.

Whoever copies notes that place. After a crash everything that was on its way lies behind it.
"""

from collections.abc import Callable, Iterator

from eventstore.copying.source import read_through
from eventstore.model.copying import Copying
from eventstore.model.events import Message, Position
from eventstore.model.log import Edge, Ends, Log


def noted_end(ends: Ends) -> str:
    """Return the place behind which everything lies that is sent from now on.

    Of an empty partition it is ``Ends.written``: what is written and removed later shows by it.
    """
    return place.message.token if (place := ends.farthest) else ends.written


def noted_ends(log: Log, target: str) -> dict[int, str]:
    """Return ``noted_end`` of each partition of the target."""
    return {ends.partition: noted_end(ends) for ends in log.ends(target)}


def is_kept(ends: Ends, place: str) -> bool:
    """Whether nothing can be gone that lay behind the place. The place may be how tokens begin; see ``Ends.written``."""
    if ends.first is None:
        return False
    first = ends.first.beginning.token
    return first <= place or first.startswith(place)


def behind(copying: Copying, log: Log, ends: Ends, place: str, tick: Callable[[], None]) -> Iterator[Message]:
    """Yield the whole messages that the target has behind the place."""
    if ends.last is None:
        return
    from_beginning = ends.first is None or ends.first.beginning.token > place
    after: Position | Edge = Edge.EARLIEST if from_beginning else log.position(ends.topic, ends.partition, place)
    for messages in read_through(copying, log, ends.topic, ends.partition, after, ends.last.message.token, tick):
        yield from messages
