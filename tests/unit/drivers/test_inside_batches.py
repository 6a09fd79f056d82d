"""Whether a broker keeps acknowledgements inside batches, and which events lie in one entry."""

import pytest

from eventstore.drivers.pulsar.positions import batched, entry_at, unbatched, whole_entry
from eventstore.drivers.pulsar.subscriptions.inside_batches import by_default


@pytest.mark.parametrize(
    ("version", "kept"),
    [("4.0.8", False), ("3.3.9", False), ("4.1.0", True), ("4.2.4-SNAPSHOT", True), ("10.0", True), ("unreadable", True)],
)
def test_a_broker_that_does_not_tell_its_setting_keeps_them_from_4_1_on(version: str, kept: bool) -> None:
    assert by_default(version) is kept


def test_an_entry_has_all_of_its_batch_and_nothing_of_its_neighbours() -> None:
    within = [batched("t", 0, 5, 7, number) for number in (0, 1, 9_999)]
    before, last = entry_at(within[1])
    assert all(before < position <= last for position in within)
    assert all(before < position.inside(number) <= last for position in within for number in (1, 300))
    outside = [whole_entry("t", 0, 5, 6), batched("t", 0, 5, 6, 9_999), unbatched("t", 0, 5, 8), batched("t", 0, 5, 8, 0)]
    assert not any(before < position <= last for position in outside)
    assert entry_at(unbatched("t", 0, 5, 0))[0] > whole_entry("t", 0, 4, 999)
