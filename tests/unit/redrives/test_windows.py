"""An entry is acknowledged as a whole. If not all of its letters are chosen, the redrive stops before it sends any of them."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.drivers.pulsar.positions import entry_at, position_from
from eventstore.model.copying import Copying
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Message, Position
from eventstore.model.log import Log
from eventstore.redrives.order import Order, ranges_of
from eventstore.redrives.windows import windows
from tests.index.letters.standing import DEAD, batched

BATCH = 3
LETTERS = [batched(number, number // BATCH, number % BATCH).message for number in range(9)]


class Given:
    """A reader of the letters behind a place, and the log that they are in."""

    def __init__(self, after: Any = None) -> None:
        self._rest = [one for one in LETTERS if not isinstance(after, Position) or one.position > after]

    def __enter__(self) -> "Given":
        return self

    def __exit__(self, *raised: Any) -> None:
        return

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        found, self._rest = self._rest[:2], self._rest[2:]
        return found


def passed(*numbers: int, reached: int | None = None) -> list[list[int]]:
    """The numbers of the letters in each window, for an order of these numbers."""
    chosen = ranges_of([(one.position, number in numbers) for number, one in enumerate(LETTERS)])
    order = Order(job="j", letters=DEAD.name, subscription="s", source="o", target="o", chosen={0: chosen}, versions=[""])
    last = SimpleNamespace(last=LETTERS[-1].position)
    log = SimpleNamespace(
        position=position_from,
        entry=entry_at,
        ends=lambda topic: [last],
        read_forward=lambda *asked, after, limit: [one for one in LETTERS if one.position > after][:limit],
        read_backward=lambda *asked, before, limit: [one for one in LETTERS if one.position < before][-limit:],
    )
    copying = SimpleNamespace(open_reader=lambda topic, partition, after: Given(after))
    behind = {} if reached is None else {0: LETTERS[reached].position.token}
    found = windows(cast(Copying, copying), cast(Log, log), order, behind, lambda: 1, lambda: None)
    return [[LETTERS.index(one) for one in window] for window in found]


def test_whole_entries_pass_a_window_each() -> None:
    assert passed(*range(9)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert passed(3, 4, 5) == [[3, 4, 5]]
    assert passed(*range(9), reached=5) == [[6, 7, 8]]


@pytest.mark.parametrize(
    "numbers", [(0, 1), (1, 2), (4, 5), (3, 5), (3, 4), (6, 7), (7, 8), (8,), (0, 1, 2, 4, 5), (0, 1, 2, 3)]
)
def test_an_entry_of_which_some_letters_are_not_chosen_is_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(StoreRefused, match="has letters that were not chosen"):
        passed(*numbers)
