"""A stream's ordinals, page by page both ways, though its keys lie in many segments: the same as a plain list."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.index.lookup import pointers, queries, stream_keys
from eventstore.index.lookup.stream_keys import Stretch, ordinals_back, ordinals_back_each, ordinals_on, ordinals_on_each
from eventstore.index.models import IndexedPartition, StreamKey, StreamRow
from eventstore.index.tables import blocks
from eventstore.index.writing import duplicates
from eventstore.index.writing import partition as partition_state
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Topic
from eventstore.model.merge import Item
from eventstore.model.pointers import Pointer
from tests.databases import filled_once
from tests.examples import examples
from tests.indexing import event, index

pytestmark = pytest.mark.usefixtures("desk_databases")

PATIENTS = Topic(name="patients")
EVENTS = 500
AGGREGATES = ("busy", "steady", "seldom", "early", "late", "once")


@dataclass(frozen=True, kw_only=True)
class Log:
    """The ordinals of each aggregate's events in partition 0, and where its keys lie. ``seed`` makes the same log again."""

    seed: int
    ordinals: Mapping[str, list[int]]
    stretches: Mapping[str, Stretch]


WRITTEN: dict[object, Log] = {}


@pytest.fixture(params=[(1, 16), (7, 16), (100, 256), (10_000, 16)], ids=str)
def log(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Two partitions that are written in turns, in batches of any size; segments and blocks are small. No test changes it."""
    a_segment, full = request.param
    monkeypatch.setattr(duplicates, "EVENTS_PER_SEGMENT", a_segment)
    monkeypatch.setattr(duplicates, "BITS", 1 << 12)
    monkeypatch.setattr(stream_keys, "MOST_GROUPS", 2)
    for module in (blocks, pointers, duplicates, stream_keys, partition_state):
        monkeypatch.setattr(module, "FULL", full)
    filled_once(("stream keys", request.param), lambda: WRITTEN.update({request.param: written(random.randrange(2**32))}))
    print(f"seed {WRITTEN[request.param].seed}")  # noqa: T201
    return WRITTEN[request.param]


def written(seed: int) -> Log:
    chance = random.Random(seed)
    memory = Memory()
    partitions = [open_partition(PATIENTS, number, memory) for number in range(2)]
    ordinals: dict[str, list[int]] = {name: [] for name in AGGREGATES}
    lengths = [0, 0]
    while lengths[0] < EVENTS:
        partition = chance.choice(partitions)
        batch = []
        for _ in range(chance.choice([1, 20, 60])):
            number = lengths[partition.number]
            name = aggregate_of(number, chance)
            if partition.number == 0:
                ordinals[name].append(number)
            batch.append(event(number, partition=partition.number, aggregate=("patient", name)))
            lengths[partition.number] += 1
        write_batch(partition, batch)
    rows = StreamRow.objects.using("index").filter(partition__number=0).select_related("partition")
    return Log(seed=seed, ordinals=ordinals, stretches={row.aggregate_id: stretch_of(row) for row in rows})


def aggregate_of(number: int, chance: random.Random) -> str:
    if number == 250:
        return "once"
    if number % 97 == 0:
        return "seldom"
    if number < 60:
        return "early"
    if number > EVENTS - 60:
        return "late"
    return "busy" if chance.random() < 0.7 else "steady"


def stretch_of(row: StreamRow) -> Stretch:
    return Stretch(
        stream=row.pk, partition=row.partition.pk, first_segment=row.first_segment, last_segment=row.partition.segment
    )


def test_the_log_lies_in_the_segments_that_these_tests_speak_of(log: Log) -> None:
    segments = set(StreamKey.objects.using("index").values_list("segment", flat=True))
    assert max(segments) == max(IndexedPartition.objects.using("index").values_list("segment", flat=True))
    assert len(segments) == 1 or len(segments) > EVENTS // duplicates.EVENTS_PER_SEGMENT // 60
    assert sorted(number for name in AGGREGATES for number in log.ordinals[name])[:EVENTS] == list(range(EVENTS))


places = st.one_of(st.integers(0, EVENTS + 70), st.sampled_from([0, 1, 15, 16, 17, 255, 256, 10**17]))
limits = st.integers(1, 60) | st.just(10_000)
reading_only = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the examples only read what the fixture has written


@reading_only
@given(name=st.sampled_from(AGGREGATES), start=places, limit=limits)
def test_going_on_is_as_in_a_plain_list(log: Log, name: str, start: int, limit: int) -> None:
    expected = [ordinal for ordinal in log.ordinals[name] if ordinal >= start]
    assert ordinals_on(log.stretches[name], start, limit) == expected[:limit]


@reading_only
@given(name=st.sampled_from(AGGREGATES), before=st.none() | places, limit=limits)
def test_going_back_is_as_in_a_plain_list(log: Log, name: str, before: int | None, limit: int) -> None:
    expected = [ordinal for ordinal in log.ordinals[name] if before is None or ordinal < before][::-1]
    assert ordinals_back(log.stretches[name], before, limit) == expected[:limit]


@pytest.mark.parametrize("limit", [1, 7])
def test_pages_put_together_are_the_stream_both_ways(log: Log, limit: int) -> None:
    for name in ("steady", "seldom", "once"):
        there, stretch = log.ordinals[name], log.stretches[name]
        on: list[int] = []
        while page := ordinals_on(stretch, on[-1] + 1 if on else 0, limit):
            on += page
        back: list[int] = []
        while page := ordinals_back(stretch, back[-1] if back else None, limit):
            back += page
        assert on == back[::-1] == there


def test_lanes_give_the_events_themselves_in_order(log: Log) -> None:
    lanes = queries.stream_sources("patient", "steady")
    assert len(lanes.names) in (1, 2), "the other partition has one as well, unless it has hardly been written"
    name, there = str(log.stretches["steady"].stream), log.ordinals["steady"]

    def read(boundary: str, limit: int, *, backward: bool) -> Sequence[Item[Pointer]]:
        both = lanes.read(dict.fromkeys(lanes.names, boundary), limit, backward)
        assert lanes.read({name: boundary}, limit, backward) == {name: both[name]}
        return both[name]

    assert [item.value.ordinal for item in read("^", 20, backward=False)] == there[:20]
    at = str(there[5])
    assert [item.place for item in read(f"-{at}", 3, backward=False)] == [str(ordinal) for ordinal in there[5:8]]
    assert [item.place for item in read(f"+{at}", 3, backward=False)] == [str(ordinal) for ordinal in there[6:9]]
    assert [item.value.version for item in read(f"-{at}", 3, backward=True)] == [5, 4, 3]
    assert [item.value.version for item in read(f"+{at}", 3, backward=True)] == [6, 5, 4]
    assert [item.value.ordinal for item in read("$", 2, backward=True)] == there[:-3:-1]
    assert all(item.time == item.value.time for item in read("$", 100, backward=True))
    assert (read("^", 5, backward=True), read("$", 5, backward=False)) == ([], [])


@pytest.mark.parametrize("seed", range(5))
def test_many_streams_together_give_what_each_gives_alone(log: Log, seed: int) -> None:
    chance = random.Random(seed)
    stretches = list(log.stretches.values())
    before = [(each, chance.choice([None, chance.randrange(EVENTS + 50)])) for each in stretches]
    start = [(each, chance.randrange(EVENTS)) for each in stretches]
    for limit in (1, 7, 1_000):
        back, on = ordinals_back_each(before, limit), ordinals_on_each(start, limit)
        for (each, bound), (_, first) in zip(before, start, strict=True):
            there = log.ordinals[next(name for name, one in log.stretches.items() if one is each)]
            assert back[each.stream] == [one for one in there[::-1] if bound is None or one < bound][:limit]
            assert on[each.stream] == [one for one in there if one >= first][:limit]


@pytest.mark.parametrize("place", ["-1", "x", "", "1e3", "٣", "9" * 19, "9" * 5000, "1 or 1=1"])
def test_a_damaged_address_is_refused(place: str) -> None:
    index([event(0)], topic=PATIENTS)
    lanes = queries.stream_sources("patient", "4711")
    for backward in (True, False):
        with pytest.raises(InvalidPosition):
            lanes.read({lanes.names[0]: f"-{place}"}, 10, backward)


def test_the_largest_place_that_an_address_may_name_is_behind_everything() -> None:
    index([event(0)], topic=PATIENTS)
    lanes = queries.stream_sources("patient", "4711")
    (name,) = lanes.names
    assert lanes.read({name: f"-{'9' * 18}"}, 10, False) == {name: []}
    assert [item.place for item in lanes.read({name: f"+{'9' * 18}"}, 10, True)[name]] == ["0"]


def test_an_aggregate_that_nobody_knows_has_no_lanes() -> None:
    index([event(0)], topic=PATIENTS)
    assert queries.stream_sources("patient", "unknown").names == queries.stream_sources("unknown", "4711").names == []
