"""What a publisher's sequence counts is told by its numbers: one counter over a source's aggregates leaves nothing out."""

import random
from collections.abc import Callable, Iterable, Sequence

import pytest

from eventstore.index.lookup import anomaly_lookup, queries
from eventstore.index.models import IndexedPartition
from eventstore.index.tables.sequences import MOST_SOURCES, Counter, last_numbers, source_key, with_number
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import Event, Topic
from tests.indexing import event

pytestmark = pytest.mark.usefixtures("desk_databases")

PATIENTS = Topic(name="patients")
SHOP, STORE = "/shop", "/warehouse"
Given = tuple[str, str, object]
"""Of one event: its aggregate's id, its source, and its sequence."""


def written(log: Sequence[Event], *, batch: int = 7) -> None:
    """Index these events in small batches, as a new process each time."""
    for start in range(0, len(log), batch):
        write_batch(open_partition(PATIENTS, 0, Memory()), log[start : start + batch])


def events(given: Iterable[Given]) -> list[Event]:
    return [
        event(number, aggregate=("order", aggregate), source=source, sequence=str(sequence))
        for number, (aggregate, source, sequence) in enumerate(given)
    ]


def found() -> list[str]:
    """The details of every anomaly, in the order of the topic."""
    kinds = (Anomaly.SEQUENCE_SKIPS, Anomaly.SEQUENCE_GOES_BACK)
    lines = [line for kind in kinds for line in anomaly_lookup.anomaly_lines(kind, limit=500).items]
    return [line.detail for line in sorted(lines, key=lambda line: line.pointer.ordinal)]


def is_counted_per_source(aggregate: str) -> bool:
    known = queries.aggregate("order", aggregate)
    assert known is not None
    return known.counted_per_source


def one_counter(chance: random.Random) -> list[Given]:
    """One counter over ten aggregates."""
    return [(f"o-{chance.randrange(10)}", SHOP, number) for number in range(1, 300)]


def in_bursts(chance: random.Random) -> list[Given]:
    """The same, where one act writes three events of an aggregate: most steps in a stream are 1."""
    return [(f"o-{chance.randrange(10)}", SHOP, 3 * act + more) for act in range(100) for more in (1, 2, 3)]


def over_partitions(chance: random.Random) -> list[Given]:
    """The same, of which this partition has every other aggregate."""
    return [one for one in one_counter(chance) if int(one[0].removeprefix("o-")) % 2]


def not_quite_in_order(chance: random.Random) -> list[Given]:
    """The same, where now and then two writers change places."""
    log = one_counter(chance)
    for place in range(20, 280, 25):
        log[place], log[place + 1] = log[place + 1], log[place]
    return log


@pytest.mark.parametrize("shape", [one_counter, in_bursts, over_partitions, not_quite_in_order])
def test_where_a_source_has_one_counter_no_aggregate_misses_anything(shape: Callable[[random.Random], list[Given]]) -> None:
    written(events(shape(random.Random(4))))
    assert [detail for detail in found() if "missing" in detail] == []
    assert is_counted_per_source("o-3")


@pytest.mark.parametrize("turns", ["round", "at random"])
def test_where_each_aggregate_has_a_counter_a_real_gap_is_found(turns: str) -> None:
    chance, counts, log = random.Random(5), dict.fromkeys(range(10), 0), []
    for number in range(300):
        aggregate = number % 10 if turns == "round" else chance.randrange(10)
        counts[aggregate] += 3 if number == 150 else 1
        log.append((f"o-{aggregate}", SHOP, counts[aggregate]))
    written(events(log))
    [detail] = found()
    assert detail.endswith("2 missing")
    assert not is_counted_per_source("o-3")


def test_two_sources_in_one_stream_are_compared_each_with_its_own_numbers() -> None:
    log: list[Given] = []
    for number in range(1, 20):
        log += [("o-1", SHOP, number), ("o-1", STORE, 500 + number)]
    log += [("o-1", SHOP, 23), ("o-1", STORE, 510)]
    written(events(log))
    assert found() == ["19 is followed by 23: 3 missing", "510 comes behind 519"]


def test_sources_that_share_an_aggregates_counter_leave_nothing_out_but_what_is_missing_from_both() -> None:
    log: list[Given] = [("o-1", (SHOP, STORE)[number % 3 == 0], number) for number in (1, 2, 3, 4, 5, 6, 8, 9, 11)]
    written(events([*log, *(("o-2", SHOP, number) for number in (1, 2, 3))]))
    assert found() == ["6 is followed by 8: 1 missing", "9 is followed by 11: 1 missing"]


def test_each_source_has_its_own_way_of_counting() -> None:
    log: list[Given] = []
    for number in range(1, 40):
        log += [(f"o-{number % 4}", SHOP, number), (f"o-{number % 4}", STORE, (number + 3) // 4)]
    written(events([*log, ("o-3", STORE, 15)]))
    assert found() == ["10 is followed by 15: 4 missing"]
    assert is_counted_per_source("o-3")


def test_one_event_alone_says_nothing() -> None:
    written(events([("o-1", SHOP, 4_711)]))
    assert (found(), is_counted_per_source("o-1")) == ([], False)


def test_a_gap_is_reported_only_once_something_shows_what_is_counted() -> None:
    written(events([("o-1", SHOP, number) for number in (1, 4, 5, 9)]))
    assert found() == ["5 is followed by 9: 3 missing"]


def test_of_one_aggregate_alone_the_numbers_are_its_own() -> None:
    written(events([("o-1", SHOP, number) for number in (5, 6, 9)]))
    assert found() == ["6 is followed by 9: 2 missing"]


def test_numbers_without_a_source_are_the_aggregates_whatever_they_look_like() -> None:
    written(events([("o-1", "", 1), ("o-2", "", 2), ("o-1", "", 3)]))
    assert found() == ["1 is followed by 3: 1 missing"]


@pytest.mark.parametrize(
    ("texts", "details"),
    [
        (("0007", "0008", "0010"), ["0008 is followed by 0010: 1 missing"]),  # padded, so that texts are in order
        (("A1", "A2", "A9"), []),  # any text that can be put in order, as without sequencetype
        (("2026-11-29/7", "2026-11-29/9"), []),
        (("7", "x", "8"), []),
    ],
)
def test_integers_are_judged_and_other_texts_are_not(texts: Sequence[str], details: Sequence[str]) -> None:
    written(events([("o-1", SHOP, text) for text in texts]))
    assert found() == details


def test_no_more_sources_are_kept_than_stay_small() -> None:
    written(events([(f"o-{number}", f"/orders/{number}", number) for number in range(3 * MOST_SOURCES)]), batch=50)
    kept = IndexedPartition.objects.using("index").get().counters
    assert kept.count("[") == MOST_SOURCES
    assert "/orders" not in kept


def test_a_stream_keeps_the_last_numbers_of_the_sources_that_spoke_last() -> None:
    text = ""
    for source in ("a", "b", "", "a", "c", "d"):
        text = with_number(last_numbers(text), source_key(source), "7")
    assert list(last_numbers(text)) == [source_key(source) for source in ("", "a", "c", "d")]


def test_a_publisher_that_begins_to_count_each_aggregate_is_found_to_do_so() -> None:
    counter = Counter()
    for number in range(20_000):
        counter.add(number % 7 + 1, number)
    assert counter.of_source
    for number in range(3_000):
        counter.add(number % 7 + 1, number // 7)
    assert not counter.of_source
