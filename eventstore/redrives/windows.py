"""The chosen letters in order, a window at a time: what is on its way at once."""

import time
from collections.abc import Iterator, Mapping, Sequence

from eventstore.model.copying import Copying
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, Position
from eventstore.model.log import Edge, Log
from eventstore.redrives.order import Chosen, Order

MOST_LETTERS, MOST_BYTES = 1_000, 16_000_000
"""Of a window: it ends with the entry in which one of these is reached."""
SILENCE_SECONDS = 20.0
"""For so long a letter that lies before the end of its log may keep one waiting."""


def windows(
    copying: Copying, log: Log, order: Order, reached: Mapping[int, str], most_letters: int = MOST_LETTERS
) -> Iterator[Sequence[Message]]:
    """Yield the chosen letters behind the ones reached. Each window is of one partition, with every chosen letter of its
    entries."""
    for partition in sorted(order.chosen):
        letters = chosen_letters(copying, log, order, partition, reached.get(partition, ""))
        yield from _cut(log, letters, most_letters)


def chosen_letters(
    copying: Copying, log: Log, order: Order, partition: int, behind: str = "", up_to: str | None = None
) -> Iterator[Message]:
    """Yield the chosen letters of a partition that lie behind ``behind``, ``up_to`` included, as far as they are still
    there."""
    ranges = order.chosen[partition]
    if not ranges or behind >= ranges[-1][1]:
        return
    end = min(ranges[-1][1], up_to) if up_to is not None else ranges[-1][1]
    chosen, start = Chosen(ranges), _start(log, order, partition, behind or None)
    for letter in _read(copying, log, order.letters, partition, start, end):
        if letter.position.token > behind and letter.position in chosen:
            yield letter


def _start(log: Log, order: Order, partition: int, behind: str | None) -> Position | Edge:
    if behind is not None:
        return log.position(order.letters, partition, behind)
    first = log.position(order.letters, partition, order.chosen[partition][0][0])
    before = log.read_backward(order.letters, partition, before=first.beginning, limit=1)
    return before[0].position.message if before else Edge.EARLIEST


def _read(copying: Copying, log: Log, topic: str, partition: int, start: Position | Edge, end: str) -> Iterator[Message]:
    """Yield the messages up to the place ``end``, or to the end of the log if that lies before it."""
    last = log.ends(topic)[partition].last
    if last is None:
        return
    end = min(end, last.message.token)
    with copying.open_reader(topic, partition, after=start) as reader:
        heard = time.monotonic()
        while True:
            found = reader.read(limit=MOST_LETTERS, timeout=1.0)
            for message in found:
                if message.position.token > end:
                    return
                yield message
            if found and found[-1].position.token >= end:
                return
            heard = time.monotonic() if found else heard
            if time.monotonic() - heard > SILENCE_SECONDS:
                raise StoreUnreachable("The store does not deliver the rest of the dead letters. Trying again.")


def _cut(log: Log, letters: Iterator[Message], most_letters: int) -> Iterator[Sequence[Message]]:
    """An entry is acknowledged as a whole, so that no window may end within one."""
    held: list[Message] = []
    size = 0
    for letter in letters:
        if (len(held) >= most_letters or size >= MOST_BYTES) and not _share_entry(log, held[-1], letter):
            yield held
            held, size = [], 0
        held.append(letter)
        size += len(letter.payload)
    if held:
        yield held


def _share_entry(log: Log, one: Message, other: Message) -> bool:
    return log.entry(one.position) == log.entry(other.position)
