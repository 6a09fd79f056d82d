"""Whether letters are acknowledged, by the cursors as the store tells them, and making sure of it.

An acknowledgement may be lost on its way, and a broker that crashes forgets those of the last minute. So a redrive reads the
cursors at its end and acknowledges again what is missing. All letters that it has reached have been sent, or were acknowledged
by somebody else before: none of them is to come again.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence

from eventstore.delivery.judging import places_of
from eventstore.model.copying import Acknowledger, Copying
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.subscriptions import Cursor, Subscriptions
from eventstore.redrives.order import Order
from eventstore.redrives.windows import chosen_letters

LOOK_SECONDS = 0.05
AGAIN_SECONDS = 2.0
"""After this time an acknowledgement that does not show counts as lost, and is made again."""
MOST_SECONDS = 60.0


class Acknowledged:
    """What a subscription's cursors have acknowledged. Tokens sort as the log does."""

    def __init__(self, cursors: Iterable[Cursor]) -> None:
        self._places = {cursor.partition: places_of(cursor) for cursor in cursors}

    def __contains__(self, position: Position) -> bool:
        return self.covers(position.partition, position.token, position.token)

    def covers(self, partition: int, first: str, last: str) -> bool:
        """Whether one cursor's range holds everything from one message to another."""
        places = self._places.get(partition)
        if places is None:
            return False
        at = bisect_left(places.ends, last)
        return last <= places.mark or (at < len(places.ends) and places.starts[at] < first)


def look(subscriptions: Subscriptions, order: Order) -> Acknowledged:
    return Acknowledged(subscriptions.named(order.letters, order.subscription).cursors)


def make_sure(
    copying: Copying,
    log: Log,
    subscriptions: Subscriptions,
    order: Order,
    reached: Mapping[int, str],
    acknowledger: Acknowledger,
    tick: Callable[[], None],
) -> None:
    """Acknowledge again what is reached and not acknowledged, until all is. Twice is harmless.

    ``tick`` is called again and again. Raises ``StoreUnreachable`` if the store does not take them.
    """
    missing = list(_missing(copying, log, order, reached, look(subscriptions, order), tick))
    insist(subscriptions, order, missing, acknowledger, tick)


def insist(
    subscriptions: Subscriptions,
    order: Order,
    missing: Sequence[Position],
    acknowledger: Acknowledger,
    tick: Callable[[], None],
) -> None:
    """Acknowledge these until the cursors show it. Raises ``StoreUnreachable`` if the store does not take them."""
    deadline, due = time.monotonic() + MOST_SECONDS, 0.0
    while missing:
        tick()
        if time.monotonic() > deadline:
            raise StoreUnreachable(f"The store does not take the acknowledgements of {len(missing)} letters. Trying again.")
        if time.monotonic() >= due:
            acknowledger.acknowledge(missing)
            due = time.monotonic() + AGAIN_SECONDS
        time.sleep(LOOK_SECONDS)
        there = look(subscriptions, order)
        missing = [position for position in missing if position not in there]


def _missing(
    copying: Copying, log: Log, order: Order, reached: Mapping[int, str], there: Acknowledged, tick: Callable[[], None]
) -> Iterable[Position]:
    for partition, ranges in order.chosen.items():
        up_to = reached.get(partition, "")
        passed = [(first, min(last, up_to)) for first, last in ranges if first <= up_to]
        if not all(there.covers(partition, first, last) for first, last in passed):
            letters = chosen_letters(copying, log, order, partition, up_to=up_to, tick=tick)
            yield from (letter.position for letter in letters if letter.position not in there)
