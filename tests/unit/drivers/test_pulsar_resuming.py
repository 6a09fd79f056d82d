"""Where a reader begins that comes back to a log."""

from eventstore.drivers.pulsar.client.resuming import ENTRIES_BACK, FEWEST_BACK, start_after
from eventstore.model.tokens import encode

LOG = {
    "lastConfirmedEntry": "7:499",
    "ledgers": [{"ledgerId": 7, "entries": 500}],
    "numberOfEntries": 500,
    "totalSize": 500_000,
    "state": "LedgerOpened",
}


def begin(entry: int, batch: int = -1, floor: tuple[int, int] | None = None) -> tuple[int, bool]:
    start, inclusive = start_after(LOG, encode(7, entry, batch + 1), floor)
    return start.entry_id(), inclusive


def test_it_begins_some_entries_earlier_for_the_pieces_of_a_message() -> None:
    assert begin(400) == (400 - ENTRIES_BACK, True)
    assert begin(400, batch=3) == (400 - FEWEST_BACK, True)


def test_it_begins_no_earlier_than_with_what_was_read_lately() -> None:
    assert begin(400, floor=(7, 398)) == (398, True)
    assert begin(400, floor=(7, 10)) == (400 - ENTRIES_BACK, True), "the floor is only a limit"
    assert begin(400, floor=(3, 900)) == (400 - ENTRIES_BACK, True), "in a ledger before"
