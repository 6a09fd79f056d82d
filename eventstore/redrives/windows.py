"""The chosen letters in order, a window at a time: what is on its way at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from eventstore.copying import read_through
from eventstore.model.copying import Copying
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Message, Position
from eventstore.model.log import Edge, Log
from eventstore.redrives.order import Chosen, Order

MOST_LETTERS, MOST_BYTES = 1_000, 16_000_000
"""Of a window: it ends with the entry in which one of these is reached."""
CUT = (
    "The entry of the dead letter at {} has letters that were not chosen. The store acknowledges an entry as a whole, so "
    "nothing of it was sent. Redrive the rest anew."
)


def windows(
    copying: Copying,
    log: Log,
    order: Order,
    reached: Mapping[int, str],
    most_letters: Callable[[], int],
    tick: Callable[[], None],
) -> Iterator[Sequence[Message]]:
    """Yield the chosen letters behind the ones reached. Each window is of one partition, with every chosen letter of its
    entries. ``tick`` is called again and again."""
    for partition in sorted(order.chosen):
        letters = chosen_letters(copying, log, order, partition, reached.get(partition, ""), tick=tick)
        yield from _cut(log, letters, most_letters)


def chosen_letters(
    copying: Copying,
    log: Log,
    order: Order,
    partition: int,
    behind: str = "",
    up_to: str | None = None,
    *,
    tick: Callable[[], None],
) -> Iterator[Message]:
    """Yield the chosen letters of a partition that lie behind ``behind``, ``up_to`` included, as far as they are still
    there. Raises ``StoreRefused`` instead of the last chosen letter of an entry that has others."""
    ranges = order.chosen[partition]
    if not ranges or behind >= ranges[-1][1]:
        return
    end = min(ranges[-1][1], up_to) if up_to is not None else ranges[-1][1]
    chosen, start = Chosen(ranges), _start(log, order, partition, behind or None)
    held: list[Message] = []
    """What is chosen of the entry that was read last."""
    left: Position | None = None
    for letter in chain.from_iterable(read_through(copying, log, order.letters, partition, start, end, tick)):
        if letter.position.token <= behind:
            continue
        if letter.position not in chosen:
            left = letter.position
            _check_apart(log, held[-1:], left)
            continue
        if left is not None:
            _check_apart(log, [letter], left)
        if held and not _share_entry(log, held[-1].position, letter.position):
            yield from held
            held = []
        held.append(letter)
    if held and up_to is None:
        following = log.read_forward(order.letters, partition, after=held[-1].position, limit=1)
        _check_apart(log, held, *(one.position for one in following))
    yield from held


def _check_apart(log: Log, chosen: Sequence[Message], *others: Position) -> None:
    """Raise ``StoreRefused`` if a chosen letter shares its entry with one of the others."""
    for letter in chosen:
        if any(_share_entry(log, letter.position, other) for other in others):
            raise StoreRefused(CUT.format(letter.position.where))


def _start(log: Log, order: Order, partition: int, behind: str | None) -> Position | Edge:
    if behind is not None:
        return log.position(order.letters, partition, behind)
    first = log.position(order.letters, partition, order.chosen[partition][0][0])
    before = log.read_backward(order.letters, partition, before=first.beginning, limit=1)
    for one in before:
        if _share_entry(log, first, one.position):
            raise StoreRefused(CUT.format(first.where))
    return before[0].position.message if before else Edge.EARLIEST


def _cut(log: Log, letters: Iterator[Message], most_letters: Callable[[], int]) -> Iterator[Sequence[Message]]:
    """An entry is acknowledged as a whole, so that no window may end within one."""
    held: list[Message] = []
    size = 0
    for letter in letters:
        if (len(held) >= most_letters() or size >= MOST_BYTES) and not _share_entry(log, held[-1].position, letter.position):
            yield held
            held, size = [], 0
        held.append(letter)
        size += len(letter.payload)
    if held:
        yield held


def _share_entry(log: Log, one: Position, other: Position) -> bool:
    return log.entry(one) == log.entry(other)
