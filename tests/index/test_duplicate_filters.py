"""The filters of event ids: sealed, shared between processes, and never in the way of a new id."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.index.lookup import anomaly_lookup, key_tables
from eventstore.index.models import SeenFilter
from eventstore.index.tables import sql
from eventstore.index.tables.keys import BITS as HASH_BITS
from eventstore.index.tables.keys import Link
from eventstore.index.writing import anomalies, prepared_batch
from eventstore.index.writing import duplicates as detector
from eventstore.index.writing.partition import Memory, Partition, open_partition
from eventstore.index.writing.writer import write_batch
from tests.examples import examples
from tests.index.duplicating import LARGE, PATIENTS, batch, duplicates, ids
from tests.indexing import index

pytestmark = pytest.mark.usefixtures("desk_databases")


def writers(count: int) -> list[Partition]:
    """Each of a partition of its own, in a process of its own, whose filter is loaded."""
    opened = [open_partition(PATIENTS, number, Memory()) for number in range(count)]
    for writing in opened:
        write_batch(writing, batch(0, [f"first-{writing.number}-{n}" for n in range(LARGE)], partition=writing.number))
    return opened


@pytest.mark.parametrize(("size", "count"), [(1, 40), (1, 1), (1 << 13, 0), (1 << 13, 3_000)])
def test_every_bit_of_every_id_is_set_however_many_share_a_byte(size: int, count: int) -> None:
    probes = detector.Probes(np.random.default_rng(1).integers(0, 1 << HASH_BITS, count, dtype=np.uint64), 7)
    bits, expected = (np.full(size, 8, dtype=np.uint8) for _ in range(2))
    detector._set(bits, probes)
    np.bitwise_or.at(expected, *probes.of_size(size))
    assert np.array_equal(bits, expected)


@pytest.mark.parametrize("size", [1, LARGE])
def test_what_another_process_has_written_of_the_topic_meanwhile_is_noticed(size: int) -> None:
    one, two = writers(2)
    for turn in range(3):
        start = LARGE * (1 + turn)
        write_batch(one, batch(start, ids(start, start + LARGE)))
        write_batch(two, batch(start, [f"id-{start + LARGE - 1}", *(f"{turn}-{n}" for n in range(size - 1))], partition=1))
    assert duplicates() == []
    assert duplicates(partition=1) == [LARGE, LARGE + size, LARGE + 2 * size]


@pytest.mark.usefixtures("small")
def test_what_another_process_has_written_in_great_numbers_is_noticed() -> None:
    """So many that the filter is read anew."""
    one, two = writers(2)
    for start in range(LARGE, 6 * LARGE, LARGE):
        write_batch(one, batch(start, ids(start, start + LARGE)))
    write_batch(two, batch(LARGE, [f"id-{LARGE}", f"id-{6 * LARGE - 1}", *(f"new-{n}" for n in range(LARGE))], partition=1))
    assert (duplicates(), duplicates(partition=1)) == ([], [LARGE, LARGE + 1])


def test_a_partition_that_goes_to_another_process_and_comes_back_has_its_duplicates_noticed() -> None:
    (mine,) = writers(1)
    write_batch(open_partition(PATIENTS, 0, Memory()), batch(LARGE, ids(0, LARGE)))
    mine = open_partition(PATIENTS, 0, mine.memory)
    write_batch(mine, batch(2 * LARGE, ["id-3", *ids(LARGE, 2 * LARGE)]))
    assert duplicates() == [2 * LARGE]


def test_a_batch_that_was_rolled_back_and_written_by_another_process_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other has written in its place is other events, at the same ordinals."""
    (mine,) = writers(1)
    with monkeypatch.context() as breaking, pytest.raises(ZeroDivisionError):
        breaking.setattr(anomalies, "record", lambda *given: 1 / 0)
        write_batch(mine, batch(LARGE, [f"rolled-back-{n}" for n in range(LARGE)]))
    write_batch(open_partition(PATIENTS, 0, Memory()), batch(LARGE, ids(0, LARGE)))
    mine = open_partition(PATIENTS, 0, mine.memory)
    again = ["id-3", *(f"rolled-back-{n}" for n in range(LARGE))]
    write_batch(mine, batch(2 * LARGE, again))
    assert duplicates() == [2 * LARGE]


@pytest.mark.usefixtures("small")
def test_a_filter_that_was_sealed_in_vain_is_sealed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction that sealed it was rolled back; later ones were kept."""
    memory = Memory()
    for start in range(0, 4 * LARGE, LARGE):
        index(batch(start, ids(start, start + LARGE)), topic=PATIENTS, memory=memory)
    sealed: list[bool] = []

    def break_it(*given: object) -> None:
        sealed.append(SeenFilter.objects.using("index").exists())
        raise ZeroDivisionError

    with monkeypatch.context() as breaking, pytest.raises(ZeroDivisionError):
        breaking.setattr(anomalies, "record", break_it)
        index(batch(4 * LARGE, ids(4 * LARGE, 5 * LARGE)), topic=PATIENTS, memory=memory)
    assert sealed == [True]
    assert not SeenFilter.objects.using("index").exists()
    for start in range(4 * LARGE, 8 * LARGE, LARGE):
        index(batch(start, ids(start, start + LARGE)), topic=PATIENTS, memory=memory)
    assert list(SeenFilter.objects.using("index").values_list("first_segment", flat=True)) == [2], "the first was rolled back"
    index(batch(8 * LARGE, ["id-1", *ids(8 * LARGE, 9 * LARGE)]), topic=PATIENTS)
    index(batch(10 * LARGE, ["id-2", *ids(10 * LARGE, 11 * LARGE)]), topic=PATIENTS, memory=memory)
    assert duplicates() == [8 * LARGE, 9 * LARGE + 1]
    assert SeenFilter.objects.using("index").filter(first_segment=0).exists()


@pytest.mark.usefixtures("small")
def test_two_processes_that_seal_the_same_filters_agree() -> None:
    one, two = writers(2)
    for start in range(LARGE, 6 * LARGE, LARGE):
        write_batch(one, batch(start, ids(start, start + LARGE)))
        write_batch(two, batch(start, [f"two-{n}" for n in range(start, start + LARGE)], partition=1))
    write_batch(two, batch(6 * LARGE, ["id-300", "two-300", *(f"three-{n}" for n in range(LARGE))], partition=1))
    assert (duplicates(), duplicates(partition=1)) == ([], [6 * LARGE, 6 * LARGE + 1])


def test_texts_that_share_a_hash_are_no_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_batch, "hashes", one_hash_for_all)
    monkeypatch.setattr(detector, "hashes_of", one_hash_for_all)
    memory = Memory()
    for start in range(0, 3 * LARGE, LARGE):
        index(batch(start, ids(start, start + LARGE)), topic=PATIENTS, memory=memory)
    index(batch(3 * LARGE, ids(3 * LARGE, 3 * LARGE + 2)), topic=PATIENTS)
    assert duplicates() == []


def one_hash_for_all(key: object, texts: Sequence[str], link: Link = Link.EVENT) -> Any:
    return np.full(len(texts), 7, dtype=np.uint64)


def test_a_large_batch_of_new_ids_looks_up_hardly_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is what the filters are for."""
    asked: list[int] = []

    def first_places(table: str, hashes: Sequence[int], segments: range, partitions: Sequence[int]) -> Any:
        asked.append(len(hashes))
        return real(table, hashes, segments, partitions)

    real = key_tables.first_places
    memory = Memory()
    index(batch(0, ids(0, 20_000)), topic=PATIENTS, memory=memory)
    monkeypatch.setattr(detector, "first_places", first_places)
    index(batch(20_000, ids(20_000, 30_000)), topic=PATIENTS, memory=memory)
    assert sum(asked) < 10
    assert anomaly_lookup.anomaly_counts() == {}


def test_a_batch_is_refused_where_an_ordinal_would_not_fit_beside_its_hash() -> None:
    """A hash and a place within the batch are sorted as one number of the database."""
    assert HASH_BITS + sql.PLACES < 64


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.integers(0, (1 << HASH_BITS) - 1), max_size=50, unique=True), st.integers(0, (1 << 32) - 1))
def test_a_filter_names_all_that_was_put_into_it(numbers: list[int], salt: int) -> None:
    hashes = np.array(numbers, dtype=np.uint64)
    bits = np.zeros(detector.BITS // 8, dtype=np.uint8)
    probes = detector.Probes(hashes, salt)
    assert len(detector._maybe(bits, probes)) == 0
    detector._set(bits, probes)
    assert detector._maybe(bits, probes).tolist() == list(range(len(numbers)))


def test_what_an_older_version_has_stored_is_asked_as_it_was_written() -> None:
    """In 16,777,216 bits, by the first four of our probes."""
    numbers = np.random.default_rng(8).integers(0, 1 << HASH_BITS, size=2_000, dtype=np.uint64)
    bits = np.zeros(detector.OLDER_BYTES, dtype=np.uint8)
    bytes, masks = detector.Probes(numbers[:1_000], 7).of_size(len(bits))
    np.bitwise_or.at(bits, bytes[: detector.OLDER_PROBES], masks[: detector.OLDER_PROBES])
    assert detector._maybe(bits, detector.Probes(numbers, 7)).tolist() == list(range(1_000))


def test_a_filter_as_full_as_it_gets_names_few_that_were_not() -> None:
    chance = np.random.default_rng(7)
    numbers = chance.integers(0, 1 << HASH_BITS, size=1_800_000, dtype=np.uint64)
    bits = np.zeros(detector.BITS // 8, dtype=np.uint8)
    full = detector.SEGMENTS_PER_FILTER * detector.EVENTS_PER_SEGMENT
    detector._set(bits, detector.Probes(numbers[:full], 12345))
    others = detector.Probes(numbers[full:], 12345)
    assert len(detector._maybe(bits, others)) < 0.0005 * (len(numbers) - full)
