"""An event id that comes a second time is detected, in whatever batches, no matter which process wrote the first or
how long ago.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.index.lookup import anomaly_lookup, key_tables
from eventstore.index.models import IdKey, IndexedPartition, SeenFilter
from eventstore.index.tables import sql
from eventstore.index.tables.keys import BITS as HASH_BITS
from eventstore.index.tables.keys import Link
from eventstore.index.writing import anomalies, prepared_batch
from eventstore.index.writing import duplicates as detector
from eventstore.index.writing.partition import Memory, Partition, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import Event, Topic, TopicKind
from tests.indexing import event, index, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")

PATIENTS = Topic(name="patients")
LETTERS = Topic(name="patients-DLQ", kind=TopicKind.DEAD_LETTER)
FEW, LARGE = detector.FEW, 3 * detector.FEW


def batch(start: int, ids: Iterable[str], *, partition: int = 0, topic: str = "patients") -> list[Event]:
    """Events of these ids, each of an aggregate of its own, from this number on."""
    return [
        event(start + number, id=id, partition=partition, topic=topic, aggregate=("patient", f"{start + number}"))
        for number, id in enumerate(ids)
    ]


def ids(start: int, end: int) -> list[str]:
    return [f"id-{number}" for number in range(start, end)]


def duplicates(*, topic: str = "patients", partition: int = 0) -> list[int]:
    """The ordinals of the events that are said to be there twice."""
    return [p.ordinal for p in pointers(topic, partition) if Anomaly.DUPLICATE_ID in p.anomalies]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a batch, and filters of two segments; every writer knows at once how many events there are."""
    monkeypatch.setattr(detector, "EVENTS_PER_SEGMENT", LARGE)
    monkeypatch.setattr(detector, "SEGMENTS_PER_FILTER", 2)
    monkeypatch.setattr(detector, "BITS", 1 << 13)
    monkeypatch.setattr(detector, "COUNT_AGAIN", -1.0)


@pytest.mark.parametrize("others", [0, FEW - 2, FEW - 1, LARGE])
def test_in_one_batch_the_second_and_the_third_are_noticed_and_the_first_is_not(others: int) -> None:
    index(batch(0, ["x", *ids(0, others), "x", "y", "x"]), topic=PATIENTS)
    assert duplicates() == [others + 1, others + 3]


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("size", [1, 2, FEW - 1, FEW, FEW + 1, LARGE])
@pytest.mark.parametrize("before", [1, FEW, FEW + 1, LARGE])
def test_from_batch_to_batch_each_is_noticed(before: int, size: int, fresh: bool) -> None:
    """By the writer that goes on, and by one of another process."""
    memory = Memory()
    index(batch(0, ids(0, before)), topic=PATIENTS, memory=memory)
    index(batch(before, [*ids(before, before + size - 1), "id-0"]), topic=PATIENTS, memory=Memory() if fresh else memory)
    assert duplicates() == [before + size - 1]


def test_a_whole_batch_that_comes_again_is_noticed_whole_time_after_time() -> None:
    """As from a publisher that is caught in a loop: more places of each id than anybody would look at."""
    again = ids(0, LARGE)
    memory = Memory()
    for times in range(12):
        index(batch(times * LARGE, again), topic=PATIENTS, memory=memory)
    assert duplicates() == list(range(LARGE, 12 * LARGE))


def test_one_id_that_every_event_has_hides_no_other_duplicate() -> None:
    index(batch(0, ["same"] * 3000), topic=PATIENTS)
    index(batch(3000, ids(0, LARGE)), topic=PATIENTS)
    index(batch(3000 + LARGE, ["same", *ids(0, LARGE)]), topic=PATIENTS)
    assert duplicates() == [*range(1, 3000), *range(3000 + LARGE, 3000 + LARGE + LARGE + 1)]


@pytest.mark.parametrize("size", [1, LARGE])
@pytest.mark.parametrize("fresh", [True, False])
def test_across_the_partitions_of_a_topic_it_is_noticed(size: int, fresh: bool) -> None:
    memory = Memory()
    index(batch(0, ids(0, LARGE)), topic=PATIENTS, memory=memory)
    memory = Memory() if fresh else memory
    index(batch(0, [*ids(LARGE, LARGE + size - 1), "id-5"], partition=1), topic=PATIENTS, partition=1, memory=memory)
    assert (duplicates(), duplicates(partition=1)) == ([], [size - 1])


@pytest.mark.parametrize("size", [1, FEW, LARGE])
def test_an_id_that_two_topics_have_is_none(size: int) -> None:
    memory = Memory()
    for topic in ("patients", "documents"):
        index(batch(0, ids(0, size), topic=topic), topic=Topic(name=topic), memory=memory)
        assert duplicates(topic=topic) == []


@pytest.mark.parametrize("size", [1, FEW, LARGE])
def test_copies_in_a_derived_topic_are_none_and_make_none_of_their_originals(size: int) -> None:
    memory = Memory()
    copies = batch(0, ids(0, size) * 2, topic=LETTERS.name)
    index(copies, topic=LETTERS, memory=memory)
    index(batch(0, ids(0, size)), topic=PATIENTS, memory=memory)
    index(batch(2 * size, ids(0, size), topic=LETTERS.name), topic=LETTERS, memory=memory)
    assert (duplicates(topic=LETTERS.name), duplicates()) == ([], [])


@pytest.mark.parametrize("size", [1, LARGE])
def test_what_is_indexed_anew_beside_the_live_index_is_no_duplicate_of_it(size: int) -> None:
    memory = Memory()
    log = batch(0, ids(0, size))
    index(log, topic=PATIENTS, memory=memory)
    building = open_partition(PATIENTS, 0, memory, build=1)
    assert write_batch(building, log) == 0
    assert write_batch(building, batch(size, ["id-0"])) == 1
    assert duplicates() == []


def test_uuids_and_other_texts_are_told_apart_in_one_batch() -> None:
    uuid = "0b0e7ea0-5f8e-4b0f-8f5b-d7f6f9a3c001"
    index(batch(0, [uuid, uuid.upper(), "x"]), topic=PATIENTS)
    index(batch(3, [uuid, *ids(0, LARGE), uuid.upper(), uuid + " "]), topic=PATIENTS)
    index(batch(LARGE + 6, [uuid.replace("-", "")]), topic=PATIENTS)
    assert duplicates() == [3, LARGE + 4]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fresh", [True, False])
def test_what_lies_in_filters_that_were_sealed_long_ago_is_noticed(fresh: bool) -> None:
    memory = Memory()
    for start in range(0, 14 * LARGE, LARGE):
        index(batch(start, ids(start, start + LARGE)), topic=PATIENTS, memory=memory)
    sealed = list(SeenFilter.objects.using("index").order_by("first_segment").values_list("first_segment", "last_segment"))
    assert len(sealed) > 3
    assert sealed == [(2 * number, 2 * number + 1) for number in range(len(sealed))]
    memory = Memory() if fresh else memory
    again = [f"id-{number}" for number in range(0, 14 * LARGE, 17)]
    index(batch(14 * LARGE, [*again, *ids(14 * LARGE, 15 * LARGE)]), topic=PATIENTS, memory=memory)
    assert duplicates() == list(range(14 * LARGE, 14 * LARGE + len(again)))
    index(batch(16 * LARGE, ["id-0"]), topic=PATIENTS, memory=memory)
    assert duplicates()[-1] == 14 * LARGE + len(again) + LARGE


@pytest.mark.usefixtures("small")
def test_nothing_is_noticed_where_every_id_is_new_however_full_the_filters_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "BITS", 1 << 6)
    memory = Memory()
    for start in range(0, 10 * LARGE, LARGE):
        index(batch(start, ids(start, start + LARGE)), topic=PATIENTS, memory=memory)
    assert duplicates() == []


@pytest.mark.usefixtures("small")
def test_the_keys_of_new_events_never_go_back_into_an_earlier_segment() -> None:
    """Though the index becomes smaller, since an earlier build of a topic is thrown away."""
    index(batch(0, ids(0, 5 * LARGE)), topic=PATIENTS)
    index(batch(0, ids(0, 7), topic="documents"), topic=Topic(name="documents"))
    newest = max(IdKey.objects.using("index").values_list("segment", flat=True))
    assert newest == 5
    IndexedPartition.objects.using("index").filter(topic="patients").delete()
    index(batch(0, ids(0, 3), topic="letters"), topic=Topic(name="letters"))
    row = IndexedPartition.objects.using("index").get(topic="letters")
    assert set(IdKey.objects.using("index").filter(partition_id=row.pk).values_list("segment", flat=True)) == {newest}


def writers(count: int) -> list[Partition]:
    """Each of a partition of its own, in a process of its own, whose filter is loaded."""
    opened = [open_partition(PATIENTS, number, Memory()) for number in range(count)]
    for writing in opened:
        write_batch(writing, batch(0, [f"first-{writing.number}-{n}" for n in range(LARGE)], partition=writing.number))
    return opened


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


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, (1 << HASH_BITS) - 1), max_size=50, unique=True), st.integers(0, (1 << 32) - 1))
def test_a_filter_names_all_that_was_put_into_it(numbers: list[int], salt: int) -> None:
    hashes = np.array(numbers, dtype=np.uint64)
    bits = np.zeros(detector.BITS // 8, dtype=np.uint8)
    probes = detector._probes(hashes, salt)
    assert len(detector._maybe(bits, probes)) == 0
    detector._set(bits, probes)
    assert detector._maybe(bits, probes).tolist() == list(range(len(numbers)))


def test_a_filter_as_full_as_it_gets_names_few_that_were_not() -> None:
    chance = np.random.default_rng(7)
    numbers = chance.integers(0, 1 << HASH_BITS, size=1_200_000, dtype=np.uint64)
    bits = np.zeros(detector.BITS // 8, dtype=np.uint8)
    detector._set(bits, detector._probes(numbers[: detector.SEGMENTS_PER_FILTER * detector.EVENTS_PER_SEGMENT], 12345))
    others = detector._probes(numbers[detector.SEGMENTS_PER_FILTER * detector.EVENTS_PER_SEGMENT :], 12345)
    assert len(detector._maybe(bits, others)) < 0.005 * others[0].shape[1]
