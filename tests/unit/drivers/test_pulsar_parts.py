"""The parts of the Pulsar driver that need no broker: names, positions, layouts, cursors."""

import random

import pytest

from eventstore.drivers.pulsar.client.resuming import start_behind
from eventstore.drivers.pulsar.ledgers import Layout, last_written, layout_of
from eventstore.drivers.pulsar.names import TopicName, full_name, segment, subscription_segment
from eventstore.drivers.pulsar.positions import Place, Positions, batched, place_of, whole_entry
from eventstore.drivers.pulsar.subscriptions.listing import _holes, holes_in
from eventstore.drivers.pulsar.subscriptions.waiting import instant
from eventstore.model import tokens
from eventstore.model.errors import InvalidName, InvalidPosition
from tests.unit.drivers.raw_objects import Id


def test_positions_are_right_in_any_order_of_messages() -> None:
    positions = Positions("documents", 0)
    there = [(2, 0, 0), (1, 0, 1), (1, 0, 0), (1, 1, 1), (2, 1, 2), (2, 0, 3)]
    assert [positions.of(Id(*numbers)).label for numbers in there] == [f"{a}:{b}:{c}" for a, b, c in there]
    assert [positions.of(Id(*numbers)).token for numbers in there] == [tokens.encode(a, b, c + 1) for a, b, c in there]


def test_a_full_name_has_three_parts_however_it_is_written() -> None:
    expected = TopicName(tenant="public", namespace="default", local="documents")
    assert full_name("public/default/documents") == full_name("persistent://public/default/documents") == expected
    assert str(expected) == "public/default/documents"
    assert expected.uri == "persistent://public/default/documents"
    assert full_name("documents") is None


@pytest.mark.parametrize(
    "name", ["", "a/b", "a/b/c/d", "//x", "a//b", "../a/b", "a/./b", "a/b/..", "persistent://", "persistent://x",
             "non-persistent://a/b/c", "a/b/c\n", "a/b/\ud83e", "a/b/\x7f"]
)  # fmt: skip
def test_what_is_no_topics_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match=r"\w+ \w+"):
        full_name(name)


def test_a_partitions_name_folds_into_its_topic() -> None:
    documents = TopicName(tenant="a", namespace="b", local="documents")
    assert documents.partition(12).folded() == (documents, 12)
    for local in ("documents", "documents-partition-", "documents-partition-x", "-partition-3"):
        assert TopicName(tenant="a", namespace="b", local=local).folded() is None


def test_parts_of_a_path_are_encoded_whole() -> None:
    assert segment("a/b ..?#%2F") == "a%2Fb%20%2E%2E%3F%23%252F"
    assert subscription_segment("..") == "%252E%252E"


def test_positions_sort_as_the_log_does() -> None:
    seed = random.randrange(10**9)
    print("seed", seed)  # noqa: T201
    dice = random.Random(seed)
    places = [(dice.choice([1, 15, 16, 118, 70_000]), dice.randrange(20), dice.randrange(40)) for _ in range(300)]
    positions = [batched("t", 0, *place) for place in places]
    assert [position.label for position in sorted(positions)] == [f"{a}:{b}:{c}" for a, b, c in sorted(places)]


def test_a_whole_entry_lies_behind_its_events_and_before_the_next() -> None:
    whole = whole_entry("t", 0, 118, 4)
    assert batched("t", 0, 118, 4, 999) < whole < batched("t", 0, 118, 5, 0)
    assert whole_entry("t", 0, 117, 99) < whole_entry("t", 0, 118, -1) < batched("t", 0, 118, 0, 0)
    assert place_of(whole.token).whole


@pytest.mark.parametrize("token", ["", "g", "h", "2763fb5", "2763fb514h", "2763fb514hzz", "2763fb514h00", "2763fb5143", "zz"])
def test_a_token_that_this_driver_never_wrote_is_refused(token: str) -> None:
    with pytest.raises(InvalidPosition):
        place_of(token)


def test_a_layout_counts_across_ledgers_and_leaves_empty_ones_out() -> None:
    layout = layout_of(
        {
            "lastConfirmedEntry": "9:1",
            "ledgers": [{"ledgerId": 3, "entries": 2}, {"ledgerId": 5, "entries": 0}, {"ledgerId": 9, "entries": 0}],
        }
    )
    assert layout == Layout(ledgers=((3, 2), (9, 2)), newest=(9, ""))
    assert (layout.entries, layout.last) == (4, (9, 1))
    assert [layout.at(place) for place in range(4)] == [(3, 0), (3, 1), (9, 0), (9, 1)]
    places = [(2, 7), (3, -1), (3, 0), (3, 9), (5, 0), (9, 0), (12, 0)]
    assert [layout.count_up_to(*place) for place in places] == [0, 0, 1, 2, 2, 3, 4]


def test_an_empty_log_has_no_last_entry() -> None:
    for told in ({}, {"lastConfirmedEntry": "77:-1", "ledgers": [{"ledgerId": 77, "entries": 0}]}):
        layout = layout_of(told)
        assert (layout.entries, layout.last, layout.count_up_to(77, 5)) == (0, None, 0)


def test_what_was_written_last_is_told_though_it_is_removed_and_a_new_ledger_though_it_is_empty() -> None:
    """Nothing that a message's token tells apart, so that it sorts before that of the message."""
    assert last_written({}) == ""
    told = [last_written({"lastConfirmedEntry": place, "ledgers": []}) for place in ("76:3", "77:-1", "77:0", "78:-1")]
    first, second = (batched("t", 0, 77, entry, 0).beginning.token for entry in (0, 1))
    assert told == sorted(told)
    assert told[1] < told[2] < first < second < told[3]
    assert first.startswith(told[1])
    assert not first.startswith(told[0])


def test_holes_are_read_from_the_brokers_own_writing() -> None:
    layout = Layout(ledgers=((118, 10), (120, 4)))
    written = "[(118:-1..118:2],(118:8..120:-1],(120:0..120:1]]"
    found = list(_holes("t", 0, holes_in({"individuallyDeletedMessages": written}), layout))
    entries = [(118, 0), (118, 2), (118, 3), (118, 8), (118, 9), (120, 0), (120, 1), (120, 2)]
    inside = [place for place in entries if any(start < batched("t", 0, *place, 0) <= end for start, end in found)]
    assert inside == [(118, 0), (118, 2), (118, 9), (120, 1)]
    assert holes_in({"individuallyDeletedMessages": "[]"}) == holes_in({}) == []


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T04:04:05.123456789+01:00"])
def test_instants_come_with_any_number_of_digits(text: str) -> None:
    found = instant(text)
    assert found is not None
    assert found.isoformat().startswith("2026-01-02T03:04:05")


def test_what_is_no_instant_is_none() -> None:
    assert [instant(text) for text in ("", "yesterday", "2026-01-02")] == [None, None, None]


@pytest.mark.parametrize(
    ("place", "size", "start"),
    [
        (Place(ledger=9, entry=250), 300_000, (9, 150)),
        (Place(ledger=9, entry=30), 300_000, (5, 430)),
        (Place(ledger=5, entry=30), 300_000, (5, 0)),
        (Place(ledger=9, entry=250, batch=4), 300_000, (9, 242)),
        (Place(ledger=9, entry=250, whole=True), 300_000, (9, 242)),
        (Place(ledger=9, entry=250), 4_000_000_000, (9, 237)),
        (Place(ledger=9, entry=250), 64_000_000_000, (9, 242)),
        (Place(ledger=9, entry=999), 300_000, (9, 199)),
        (Place(ledger=4, entry=10), 300_000, None),
    ],
)
def test_reading_goes_on_some_entries_before_a_position(place: Place, size: int, start: tuple[int, int] | None) -> None:
    """Of 500 entries in ledger 5 and 300 in ledger 9."""
    ledgers = [{"ledgerId": 5, "entries": 500}, {"ledgerId": 9, "entries": 0}]
    internals = {"lastConfirmedEntry": "9:299", "ledgers": ledgers, "numberOfEntries": 800, "totalSize": size}
    assert start_behind(internals, place) == start


def test_in_a_log_of_which_nothing_is_known_reading_begins_at_the_position() -> None:
    assert start_behind({}, Place(ledger=9, entry=250)) is None
