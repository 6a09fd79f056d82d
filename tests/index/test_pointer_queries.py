"""Asking the index for events: by positions, the latest of a topic, by correlation ids and by searchable values."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.extent import Extent, within
from eventstore.index.lookup import aggregate_rows, ordinals, queries, value_lookup
from eventstore.index.lookup import pointers as reading
from eventstore.index.lookup.value_lookup import by_value
from eventstore.index.models import BlockRow
from eventstore.index.tables import keys
from eventstore.index.tables.blocks import FULL, Columns, encoded, tokens_of
from eventstore.index.tables.keys import Link
from eventstore.index.writing import prepared_batch
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.events import Position
from eventstore.model.pointers import ValueMatches
from eventstore.model.tokens import AFTER_ALL, encode
from tests.index.asking import PATIENTS, plans_of
from tests.indexing import event, index, place, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_many_positions_are_looked_up_at_once_as_one_by_one() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    index([event(number) for number in sorted(chance.sample(range(20_000), 500))], topic=PATIENTS)
    index([event(number, partition=1) for number in range(50)], topic=PATIENTS, partition=1)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    whole = [Position(topic="patients", partition=0, token=encode(7, number) + AFTER_ALL) for number in range(0, 20_000, 999)]
    asked = [place(number) for number in chance.sample(range(20_000), 100)] + whole
    assert ordinals.ordinals_after(partition, asked) == {each: ordinals.ordinal_after(partition, each) for each in asked}
    assert ordinals.ordinals_after(partition, []) == {}


def test_more_positions_than_fit_a_statement_are_looked_up_in_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordinals, "TOKENS_A_STATEMENT", 40)
    index([event(number) for number in range(100)], topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    asked = [place(number) for number in range(2 * ordinals.TOKENS_A_STATEMENT + 1)]
    with CaptureQueriesContext(connections["index"]) as captured:
        found = ordinals.ordinals_after(partition, [*asked, *asked])
    assert len(captured) == 2 * 3
    assert found == {position: number + 1 for number, position in enumerate(asked)}


def test_positions_at_the_end_of_what_is_indexed_and_behind_it_are_looked_up_without_a_query() -> None:
    index([event(number) for number in range(100)], topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    with CaptureQueriesContext(connections["index"]) as captured:
        found = ordinals.ordinals_after(partition, [place(99), place(5_000)])
    assert (found, len(captured)) == ({place(99): 100, place(5_000): 100}, 0)


def test_positions_are_looked_up_by_the_index_of_tokens() -> None:
    many = 3_000
    index([event(0)], topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    BlockRow.objects.using("index").bulk_create(
        BlockRow(
            partition_id=partition.pk + number % 2,
            first_ordinal=(1 + number) * FULL,
            first_token=place(1 + number).token,
            segment=0,
            data=encoded(Columns(tokens=[place(1 + number).token])),
        )
        for number in range(many)
    )
    with connections["index"].cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = plans_of(lambda: reading.last_ordinals(partition.pk, [place(7).token, place(150).token]))
    assert "blocks_by_token" in plan
    assert "Seq Scan on index_blockrow" not in plan and "SCAN index_blockrow" not in plan


def test_looking_up_positions_opens_their_blocks_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    index([event(number) for number in range(10 * FULL)], topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    opened: list[bytes] = []

    def opening(data: bytes) -> list[str]:
        opened.append(data)
        return tokens_of(data)

    monkeypatch.setattr(reading, "tokens_of", opening)
    assert reading.last_ordinals(partition.pk, [place(3).token, place(4).token, place(9 * FULL).token]) == [3, 4, 9 * FULL]
    assert len(opened) == 2


def test_a_place_where_nothing_is_has_no_pointer() -> None:
    index([event(0), event(2)], topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    for nowhere in (place(1), place(3), place(0, topic="letters"), place(0, partition=1)):
        assert queries.at(nowhere) is None
    assert queries.at_ordinals(partition, [5, 1_000_000]) == []
    assert [pointer.ordinal for pointer in queries.at_ordinals(partition, [1, 7, 0])] == [0, 1]


def test_pointers_come_back_from_many_blocks_and_partitions_at_once() -> None:
    for number in range(2):
        index([event(n, partition=number) for n in range(3 * FULL)], topic=PATIENTS, partition=number)
    wanted = [place(n, partition=n % 2) for n in range(0, 3 * FULL, 50)]
    found = queries.at_each(wanted)
    assert set(found) == set(wanted)
    assert all(pointer.position == position for position, pointer in found.items())


def test_the_latest_of_a_topic_are_the_last_published_of_its_partitions() -> None:
    index([event(number) for number in range(FULL + 3)], topic=PATIENTS)
    index([event(FULL, partition=1)], topic=PATIENTS, partition=1)
    latest = queries.latest_pointers("patients", 4)
    assert [pointer.position for pointer in latest[:2]] == [place(FULL + 2), place(FULL + 1)]
    assert {pointer.position for pointer in latest[2:]} == {place(FULL), place(FULL, partition=1)}
    assert queries.latest_pointers("nowhere", 4) == []


def test_a_conversation_and_its_effects_are_found_among_others_of_the_same_text() -> None:
    """A correlation id is no causation id, nor an event id, though the text is the same."""
    index(
        [
            event(0, id="x"),
            event(1, correlation="x"),
            event(2, causation="x"),
            event(3, correlation="x", causation="x"),
            event(4, correlation="y", problem="unrecognised format"),
        ],
        topic=PATIENTS,
    )
    assert [pointer.ordinal for pointer in queries.by_event_id("x")] == [0]
    assert [pointer.ordinal for pointer in queries.by_correlation("x")] == [1, 3]
    assert [pointer.ordinal for pointer in queries.caused_by("x")] == [2, 3]
    assert queries.by_correlation("") == queries.caused_by("") == []


def test_texts_that_share_a_hash_are_not_taken_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (prepared_batch, keys):
        monkeypatch.setattr(module, "hashes", one_hash_for_all)
    monkeypatch.setattr(queries, "hashed", one_hash_for_all)
    index([event(0, id="a", correlation="c"), event(1, id="b", correlation="d")], topic=PATIENTS)
    index([event(2, id="a", correlation="d")], topic=PATIENTS)
    assert [pointer.ordinal for pointer in queries.by_event_id("a")] == [0, 2]
    assert [pointer.ordinal for pointer in queries.by_event_id("b")] == [1]
    assert [pointer.ordinal for pointer in queries.by_correlation("d")] == [1, 2]


def one_hash_for_all(key: object, texts: Sequence[str] | str, link: Link = Link.EVENT) -> Any:
    return 7 if isinstance(texts, str) else np.full(len(texts), 7, dtype=np.uint64)


def test_searchable_values_are_found_by_name_and_text() -> None:
    partition = open_partition(PATIENTS, 0, Memory())
    batch = [event(number) for number in range(4)]
    write_batch(partition, batch, [[("city", "Berlin")], [], [("city", "Bonn"), ("name", "Berlin")], [("city", "Berlin")]])
    assert [pointer.ordinal for pointer in by_value("city", ["Berlin"]).pointers] == [0, 3]
    assert [pointer.ordinal for pointer in by_value("city", ["Rome", "Bonn", "Berlin"]).pointers] == [0, 2, 3]
    assert [pointer.ordinal for pointer in by_value("name", ["Berlin"]).pointers] == [2]
    assert by_value("street", ["Berlin"]) == by_value("city", ["Rome"]) == by_value("city", []) == ValueMatches()
    assert [pointer.values for pointer in pointers()][2] == (("city", "Bonn"), ("name", "Berlin"))


def of_one_city(count: int, *, others: Sequence[int] = ()) -> None:
    """So many events with one value, all of one aggregate but for those of these numbers, each of one of its own."""
    partition = open_partition(PATIENTS, 0, Memory())
    batch = [event(number, aggregate=("patient", f"p{number}" if number in others else "p")) for number in range(count)]
    write_batch(partition, batch, [[("city", "Berlin")]] * count)


def test_values_of_types_that_are_left_out_are_told_by_nothing() -> None:
    partition = open_partition(PATIENTS, 0, Memory())
    types = ["order", "patient", "order"] * 100
    batch = [event(number, aggregate=(type, f"{type}{number}")) for number, type in enumerate(types)]
    write_batch(partition, batch, [[("city", "Berlin" if type == "patient" else "Rome")] for type in types[:-3]] + [[]] * 3)
    with within(Extent(lambda topic: True, lambda name: name == "patient", every_type=False)):
        assert by_value("city", ["Rome"]) == ValueMatches()
        found = by_value("city", ["Rome", "Berlin"])
    assert ({pointer.aggregate_type for pointer in found.pointers}, len(found.pointers)) == ({"patient"}, 99)
    assert (found.all_events, found.all_aggregates) == (True, True), "as without the others"


def test_an_aggregate_with_many_events_of_a_value_hides_no_other() -> None:
    of_one_city(450, others=[300, 440])
    found = by_value("city", ["Berlin"])
    assert {pointer.aggregate_id for pointer in found.pointers} == {"p", "p300", "p440"}
    assert len(found.pointers) == 200
    assert [pointer.ordinal for pointer in found.pointers] == sorted(pointer.ordinal for pointer in found.pointers)
    assert (found.all_events, found.all_aggregates) == (False, True)


def test_where_not_every_event_of_a_value_is_looked_at_no_aggregate_is_said_to_be_the_only_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(value_lookup, "MOST_LOOKED_AT", 100)
    of_one_city(500, others=[20, 250, 480])
    found = by_value("city", ["Berlin"])
    assert {pointer.aggregate_id for pointer in found.pointers} == {"p", "p20", "p480"}
    assert (found.all_events, found.all_aggregates) == (False, False)


def test_the_count_of_a_types_aggregates_is_exact_until_there_are_very_many_in_several_partitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(2):
        batch = [event(n, partition=number, aggregate=("patient", str(n))) for n in range(3 + number)]
        index(batch, topic=PATIENTS, partition=number)
    (kind,) = queries.aggregate_types()
    assert (kind.aggregates, kind.events, kind.exact) == (4, 7, True)
    monkeypatch.setattr(aggregate_rows, "MOST_COUNTED_APART", 6)
    (kind,) = queries.aggregate_types()
    assert (kind.aggregates, kind.events, kind.exact) == (7, 7, False)
