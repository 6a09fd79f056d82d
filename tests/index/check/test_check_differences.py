"""The check of an index that somebody has damaged: it names each difference with its place."""

import pytest

from eventstore.index.check import keys
from eventstore.index.models import BlockRow, IndexedPartition, StreamRow
from eventstore.index.tables.blocks import FULL, Columns
from tests.index.check.checking import COUNT, Shortened, change_block, difference, other, sql
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")


CHANGES = (
    ("ids", "somebody-else", "the event id is "),
    ("types", 0, "the type is "),
    ("times", 1, "and 1970-01-01T00:00:00.000001+00:00 in the index"),
    ("published", 1, "the publish time is "),
    ("correlations", "", "the correlation id is "),
    ("causations", "x", "the causation id is "),
    ("sizes", 99, "the size is 13 in the store and 99 in the index"),
    ("flags", 1, "the readability is readable in the store and unreadable in the index"),
    ("schemas", "7", "the schema version is none in the store and 7 in the index"),
    ("versions", 77, " by count, and 77 in the index"),
    ("streams", 0, "the aggregate is patient p4 in the store and none in the index"),
)
"""A pointer's column, what somebody writes into it, and what the check says then."""


def test_whatever_is_changed_in_a_pointer_is_named_with_its_place(storage: StorageOver[Shortened]) -> None:
    rows = BlockRow.objects.using("index").filter(first_ordinal=FULL)
    whole = bytes(rows.get().data)
    for name, value, words in CHANGES:
        change_block(FULL, other(name, 7, value))
        said = difference(storage)
        assert said.startswith(f"ordinal {FULL + 7} ("), name
        assert words in said
        assert "secret" not in said
        rows.update(data=whole)
    assert difference(storage) == ""


def test_the_first_of_several_differences_is_named(storage: StorageOver[Shortened]) -> None:
    change_block(FULL, other("sizes", 30, 1))
    change_block(0, other("versions", 200, 77))
    change_block(0, other("sizes", 90, 1))
    assert difference(storage).startswith("ordinal 90 ")


def test_an_event_that_the_index_lacks_is_named(storage: StorageOver[Shortened]) -> None:
    def leave_out(columns: Columns) -> None:
        for field in Columns.__struct_fields__:
            if field != "values":
                del getattr(columns, field)[20]

    change_block(2 * FULL, leave_out)
    IndexedPartition.objects.using("index").update(next_ordinal=COUNT - 1)
    said = difference(storage)
    assert f"ordinal {2 * FULL + 20:,} " in said or said.startswith(f"ordinal {2 * FULL + 20} ")
    assert "that the index does not have" in said


def test_an_event_that_the_store_lacks_is_named(storage: StorageOver[Shortened]) -> None:
    storage.log.lost = frozenset({300})
    said = difference(storage)
    assert said.startswith("ordinal 300 (")
    assert "the store does not" in said


def test_events_at_the_end_that_the_store_lacks_are_named(storage: StorageOver[Shortened]) -> None:
    storage.log.lost = frozenset(range(COUNT - 3, COUNT))
    said = difference(storage)
    assert said.startswith(f"ordinal {COUNT - 3} (")
    assert "the store ends before it" in said


def test_two_events_in_the_wrong_order_are_named(storage: StorageOver[Shortened]) -> None:
    def swap(columns: Columns) -> None:
        for field in Columns.__struct_fields__:
            if field not in ("values", "versions"):
                column = getattr(columns, field)
                column[10], column[11] = column[11], column[10]

    change_block(FULL, swap)
    said = difference(storage)
    assert said.startswith(f"ordinal {FULL + 10} (")
    assert "the store behind it" in said


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM index_idkey WHERE ordinal = 300", "it is not found by its event id"),
        ("DELETE FROM index_streamkey WHERE ordinal = 300", "it is not found in its stream"),
        ("DELETE FROM index_linkkey WHERE ordinal = 300", "it is not found by its correlation id"),
        ("UPDATE index_idkey SET hash = hash + 1 WHERE ordinal = 300", "it is not found by its event id"),
        ("UPDATE index_idkey SET segment = 9 WHERE ordinal = 300", "it is not found by its event id"),
    ],
)
def test_a_key_that_is_missing_is_named(storage: StorageOver[Shortened], damage: str, words: str) -> None:
    assert sql(damage) > 0
    said = difference(storage)
    assert said.startswith("ordinal 300 (")
    assert words in said


def test_a_key_too_many_is_named_where_segments_are_read_whole(
    monkeypatch: pytest.MonkeyPatch, storage: StorageOver[Shortened]
) -> None:
    monkeypatch.setattr(keys, "WORTH_READING", 1)
    streams = list(StreamRow.objects.using("index").order_by("pk").values_list("pk", flat=True))
    for stream in streams[:2]:  # one of them may be its own
        sql(f"INSERT INTO index_streamkey (segment, stream_id, ordinal) VALUES (0, {stream}, 300) ON CONFLICT DO NOTHING")
    said = difference(storage)
    assert said.startswith("ordinal 300 (")
    assert "the index counts it to another stream" in said


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE index_streamrow SET events = events + 1 WHERE aggregate_id = 'p3'", "the stream of patient p3 has 7"),
        ("UPDATE index_typecount SET events = events - 1", f"the type patient has 7 streams with {COUNT - 1} events"),
        ("UPDATE index_typecount SET streams = 6", "and the index counts 6 with"),
        ("UPDATE index_hourcount SET events = 1 WHERE events > 1", "since 1970 has "),
        ("UPDATE index_anomalycount SET events = 5", "1 anomalies of the kind unreadable are noted, and the index counts 5"),
        (
            "UPDATE index_indexedpartition SET checkpoint = '1f'",
            f"the checkpoint is 15, and the last event lies at {COUNT - 1}",
        ),
    ],
)
def test_a_count_that_is_wrong_is_named(storage: StorageOver[Shortened], damage: str, words: str) -> None:
    assert sql(damage) > 0
    assert words in difference(storage)


def test_a_block_that_is_missing_or_damaged_is_named(storage: StorageOver[Shortened]) -> None:
    rows = BlockRow.objects.using("index").filter(first_ordinal=FULL)
    whole = bytes(rows.values_list("data", flat=True)[0])
    for damaged in (whole[:-10], b"", b"nonsense", whole[:40] + b"\xff" * 20 + whole[60:]):
        rows.update(data=damaged)
        assert difference(storage) == f"the index's block from ordinal {FULL} on is damaged"
    rows.delete()
    assert difference(storage) == f"the index has no block from ordinal {FULL} on; the next begins at {2 * FULL}"
