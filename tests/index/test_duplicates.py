"""An event id that comes a second time is detected, in whatever batches, no matter which process wrote the first or
how long ago.
"""

import pytest

from eventstore.index.models import IdKey, IndexedPartition, SeenFilter
from eventstore.index.writing import duplicates as detector
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.events import Topic, TopicKind
from tests.index.duplicating import FEW, LARGE, PATIENTS, batch, duplicates, ids
from tests.indexing import index

pytestmark = pytest.mark.usefixtures("desk_databases")
LETTERS = Topic(name="patients-DLQ", kind=TopicKind.DEAD_LETTER)


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
