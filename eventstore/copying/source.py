"""Reading whole messages up to a place, with one reader."""

import time
from collections.abc import Callable, Iterator, Sequence

from eventstore.model.copying import Copying
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, Position
from eventstore.model.log import Edge, Log

SILENCE_SECONDS = 20.0
"""For so long a message that lies before the end of its log may keep one waiting."""
AT_ONCE = 1_000


def read_through(
    copying: Copying, log: Log, topic: str, partition: int, after: Position | Edge, end: str, tick: Callable[[], None]
) -> Iterator[Sequence[Message]]:
    """Yield the messages behind ``after`` up to the place ``end``, or to the end of the log if that lies before it.

    They come as they are read, up to 1,000 together. ``tick`` is called before each read. Raises ``StoreUnreachable`` where
    the store does not deliver what is there.
    """
    last = log.ends(topic)[partition].last
    if last is None:
        return
    end = min(end, last.message.token)
    if isinstance(after, Position) and after.token >= end:
        return
    with copying.open_reader(topic, partition, after=after) as reader:
        heard = time.monotonic()
        while True:
            tick()
            found = reader.read(limit=AT_ONCE, timeout=1.0)
            if found and found[-1].position.token >= end:
                if inside := [message for message in found if message.position.token <= end]:
                    yield inside
                return
            if found:
                yield found
            heard = time.monotonic() if found else heard
            if time.monotonic() - heard > SILENCE_SECONDS:
                raise StoreUnreachable(f"The store does not deliver the rest of {topic}, partition {partition}. Trying again.")
