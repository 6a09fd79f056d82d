"""While segments are merged, others write, forget, pass over, remove and check: nothing is lost, and nothing is left over."""

import random
import threading

import pytest

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.forgotten.memory import remember
from eventstore.forgotten.models import ForgottenRow
from eventstore.index.check import keys
from eventstore.index.lookup.value_lookup import by_value
from eventstore.index.models import BlockRow, IdKey, IndexedPartition, LinkKey, MergingRow, SeenFilter, StreamKey, StreamRow
from eventstore.index.rebuild import remove_old as removing
from eventstore.index.rebuild.remove_old import abandon
from eventstore.index.rebuild.run import remove_old
from eventstore.index.segments.merging import merge_piece
from eventstore.index.segments.numbers import merged_to, segments_under
from eventstore.index.tables.blocks import FULL
from eventstore.index.writing.forgetting import remove_values
from eventstore.index.writing.partition import Memory
from tests.index.second_pass.declaring import declaring, differences, found, index, pass_over, pass_some, publish, values
from tests.index.segments.material import (
    KEY_TABLES,
    NAMES,
    PATIENTS,
    answers,
    filled,
    keys_there,
    merge_all,
    merges_that_are_due,
    numbers_there,
    opened,
    write_some,
)

pytestmark = pytest.mark.usefixtures("desk_databases")
NOW, ONE_VALUE = declaring(number="number", city="city"), declaring(number="number")


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


def test_whatever_is_written_and_forgotten_between_pieces_is_found_as_where_nothing_is_merged(chance: random.Random) -> None:
    """The same steps, with pieces of merging between them and without."""
    seed = chance.randrange(2**32)
    found = []
    for merges in (True, False):
        steps, pieces = random.Random(seed), random.Random(seed)
        partitions = opened(Memory())
        for _ in range(12):
            write_some(partitions, steps, 3)
            if steps.random() < 0.3:
                name = steps.choice(NAMES)
                remember("patient", name)
                remove_values("patient", name, lambda events: None)
            for _ in range(pieces.randrange(6) if merges else 0):
                merge_piece("one", pieces.choice([6, 30, 200]))
        assert (merged_to() > 0) == merges
        found.append((answers(), keys_there()))
        empty_the_index()
    assert found[0] == found[1]


def empty_the_index() -> None:
    for model in (*KEY_TABLES, BlockRow, StreamRow, IndexedPartition, SeenFilter, MergingRow, ForgottenRow):
        model.objects.all().delete()


@pytest.mark.usefixtures("either_database")
@pytest.mark.parametrize("pieces", [0, 3, 10_000])
def test_values_are_forgotten_wherever_their_keys_are(chance: random.Random, pieces: int) -> None:
    filled(chance)
    for _ in range(pieces):
        if merge_piece("one", 20) is None:
            break
    links, of_anna = LinkKey.objects.count(), len(by_value("who", ["anna"]).pointers)
    assert of_anna
    remember("patient", "anna")
    assert remove_values("patient", "anna", lambda events: None).values == 2 * of_anna
    assert LinkKey.objects.count() == links - 2 * of_anna
    assert not by_value("who", ["anna"]).pointers


@pytest.mark.usefixtures("either_database")
def test_values_declared_later_come_into_merged_segments_and_go_again(monkeypatch: pytest.MonkeyPatch) -> None:
    storage, nothing = DatabaseStorage(), declaring()
    publish(storage, range(90))
    index(storage, nothing, batch=4)
    for _ in range(5):
        merge_piece("one", 30)
    pass_some(storage, NOW, 1)
    merge_all()
    pass_over(storage, NOW)
    assert (len(values()), len(found(NOW, "city 1")), len(found(NOW, "17"))) == (90, 30, 1)
    merge_all()
    assert {number for number in numbers_there() if 0 <= number < merged_to()} == set()
    monkeypatch.setattr(keys, "WORTH_READING", 1)
    assert (differences(storage, NOW), len(found(NOW, "city 1"))) == ([], 30)
    pass_over(storage, nothing)
    assert (LinkKey.objects.count(), values()) == (0, {})


@pytest.mark.parametrize("worth_reading", [1, 1 << 40])
def test_the_check_finds_no_difference_before_while_and_after_segments_are_merged(
    monkeypatch: pytest.MonkeyPatch, worth_reading: int
) -> None:
    monkeypatch.setattr(keys, "WORTH_READING", worth_reading)
    storage = DatabaseStorage()
    publish(storage, range(70), partitions=2)
    index(storage, NOW, batch=4)
    assert differences(storage, NOW) == []
    step = 0
    while merge_piece("one", 25) is not None:
        step += 1
        if step % 5 == 0:
            assert differences(storage, NOW) == []
    assert differences(storage, NOW) == []


@pytest.mark.parametrize("table", KEY_TABLES)
def test_the_check_names_a_key_that_is_missing_or_too_many_among_merged_ones(
    monkeypatch: pytest.MonkeyPatch, table: type[IdKey]
) -> None:
    monkeypatch.setattr(keys, "WORTH_READING", 1)
    storage = DatabaseStorage()
    publish(storage, range(FULL + 40))
    index(storage, ONE_VALUE, batch=8)
    merge_all(1_000)
    one = table.objects.filter(ordinal=FULL + 6).order_by("segment")[0]
    assert one.segment < 0
    table.objects.filter(ordinal=one.ordinal, segment=one.segment).delete()
    (said,) = differences(storage, ONE_VALUE)
    assert said.startswith(f"ordinal {FULL + 6} (")
    assert "is not found" in said
    one.save(force_insert=True)
    assert differences(storage, ONE_VALUE) == []
    one.ordinal = FULL + 21
    one.save(force_insert=True)
    there = segments_under(one.segment)
    (said,) = differences(storage, ONE_VALUE)
    assert said.startswith(f"ordinal {FULL + 21} (")
    assert f"too (segments {there[0]} to {there[-1]})" in said


@pytest.mark.usefixtures("either_database")
@pytest.mark.parametrize("pieces", [0, 4, 10_000])
def test_what_is_left_of_an_old_build_is_removed_wherever_it_is(
    chance: random.Random, monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    monkeypatch.setattr(removing, "PIECE", 7)
    filled(chance)
    for _ in range(pieces):
        if merge_piece("one", 20) is None:
            break
    abandon(IndexedPartition.objects.filter(number=1))
    kept = [(hash, partition) for hash, partition in answers()["hashes"] if partition == 0]

    def merge_meanwhile(segments: int) -> None:
        merge_piece("one", 20)

    assert remove_old(PATIENTS.name, merge_meanwhile, threading.Event())
    assert answers()["hashes"] == kept
    assert IdKey.objects.count() == len(kept)
    left = set(StreamKey.objects.values_list("stream_id", flat=True))
    assert left <= set(StreamRow.objects.values_list("pk", flat=True))
    merge_all()
    assert (IdKey.objects.count(), merges_that_are_due()) == (len(kept), 0)


def test_the_check_finds_no_difference_where_values_are_forgotten_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "WORTH_READING", 1)
    storage, read = DatabaseStorage(), keys._read
    publish(storage, range(70))
    index(storage, NOW, batch=4)
    merge_all()
    forgetting = iter(["p1"])

    def forgetting_then(partition: int, group: int, first: int) -> keys._Group:
        found = read(partition, group, first)
        for person in forgetting:
            remember("patient", person)
            assert remove_values("patient", person, lambda events: None).values
        return found

    monkeypatch.setattr(keys, "_read", forgetting_then)
    assert differences(storage, NOW) == []
    assert not list(forgetting)
