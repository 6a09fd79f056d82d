"""Where a reader begins that comes back to a log."""

from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.resuming import ENTRIES_BACK, FEWEST_BACK, start_after
from eventstore.model.tokens import encode
from tests.unit.drivers.raw_objects import Id, RawObject

LOG = {
    "lastConfirmedEntry": "7:499",
    "ledgers": [{"ledgerId": 7, "entries": 500}],
    "numberOfEntries": 500,
    "totalSize": 500_000,
    "state": "LedgerOpened",
}


Entry = tuple[int, int]


def begin(entry: int, batch: int = -1, floor: Entry | None = None, unbroken: Entry | None = None) -> tuple[int, bool]:
    start, inclusive = start_after(LOG, encode(7, entry, batch + 1), floor, unbroken)
    return start.entry_id(), inclusive


def test_it_begins_some_entries_earlier_for_the_pieces_of_a_message() -> None:
    assert begin(400) == (400 - ENTRIES_BACK, True)
    assert begin(400, batch=3) == (400 - FEWEST_BACK, True)


def test_it_begins_no_earlier_than_with_what_was_read_lately() -> None:
    assert begin(400, floor=(7, 398)) == (398, True)
    assert begin(400, floor=(7, 10)) == (400 - ENTRIES_BACK, True), "the floor is only a limit"
    assert begin(400, floor=(3, 900)) == (400 - ENTRIES_BACK, True), "in a ledger before"


def test_it_goes_on_where_it_was_if_a_message_came_from_each_entry_in_which_a_piece_could_lie() -> None:
    assert begin(400, batch=3, unbroken=(7, 400 - FEWEST_BACK)) == (400, False)
    assert begin(400, batch=3, unbroken=(7, 401 - FEWEST_BACK)) == (400 - FEWEST_BACK, True)
    assert begin(400, unbroken=(7, 400 - ENTRIES_BACK)) == (400, False)
    assert begin(400, unbroken=(7, 401 - ENTRIES_BACK), floor=(7, 350)) == (350, True)


def test_entries_are_unbroken_from_the_last_gap_on() -> None:
    messages = Messages("t", 0)
    assert messages.unbroken_to((7, 1)) is None, "nothing came yet"
    for entry in (1, 2, 2, 5, 6, 7):
        messages.of(RawObject(id=Id(7, entry)))
    assert messages.unbroken_to((7, 7)) == (7, 5)
    assert messages.unbroken_to((7, 6)) == (7, 5)
    assert messages.unbroken_to((7, 2)) is None, "before the gap"
    assert messages.unbroken_to((7, 8)) is None, "not read yet"
    messages.of(RawObject(id=Id(9, 0)))
    assert messages.unbroken_to((9, 0)) == (9, 0), "nobody knows what else the ledger before had"
    messages.of(RawObject(id=Id(7, 3)))
    assert messages.unbroken_to((9, 0)) is None, "it has begun earlier, and has not come so far again"
