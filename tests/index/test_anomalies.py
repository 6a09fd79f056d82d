"""What the index notices: each kind once, where it is, and nothing in a clean stream."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventstore.index.lookup import anomaly_lookup, queries
from eventstore.index.models import AnomalyCount
from eventstore.index.tables.blocks import FULL
from eventstore.index.tables.sequences import LONGEST_NUMBER
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import Event, Page, SchemaUse, Topic, TopicKind
from eventstore.model.pointers import AnomalyLine
from tests.indexing import START, all_pointers, event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")

PATIENTS = Topic(name="patients")
SKIPS, BACK = Anomaly.SEQUENCE_SKIPS, Anomaly.SEQUENCE_GOES_BACK
EARLIER, TWICE = Anomaly.TIME_GOES_BACK, Anomaly.DUPLICATE_ID
UNREADABLE, SCHEMA = Anomaly.UNREADABLE, Anomaly.SCHEMA

Cut = Callable[[Sequence[Event]], None]


def whole(log: Sequence[Event]) -> None:
    index(log, topic=PATIENTS)


def one_by_one(log: Sequence[Event]) -> None:
    """As new processes would, each with one event."""
    for written in log:
        index([written], topic=PATIENTS)


def by_one_writer(log: Sequence[Event]) -> None:
    partition = open_partition(PATIENTS, 0, Memory())
    for written in log:
        write_batch(partition, [written])


@pytest.fixture(params=[whole, one_by_one, by_one_writer])
def cut(request: pytest.FixtureRequest) -> Cut:
    """How a log comes into the index."""
    found: Cut = request.param
    return found


def numbered(*sequences: str) -> list[Event]:
    return [event(number, sequence=sequence) for number, sequence in enumerate(sequences)]


def kinds() -> list[tuple[int, Sequence[str]]]:
    """The ordinals of the events that have an anomaly, and its details."""
    return [(pointer.ordinal, list(pointer.anomalies)) for pointer in all_pointers() if pointer.anomalies]


def details(kind: Anomaly) -> list[str]:
    return [line.detail for line in anomaly_lookup.anomaly_lines(kind, limit=100).items][::-1]


def assert_counted() -> None:
    """The counts are those of the lists, and of the events."""
    counts = anomaly_lookup.anomaly_counts()
    for kind in Anomaly:
        there = sum(kind in pointer.anomalies for pointer in all_pointers())
        assert counts.get(kind, 0) == there == len(anomaly_lookup.anomaly_lines(kind, limit=1000).items), kind


def test_each_kind_is_noticed_once(cut: Cut) -> None:
    one, two, three = ("patient", "1"), ("patient", "2"), ("patient", "3")
    cut([
        event(0, aggregate=one, sequence="1"),
        event(1, aggregate=two, sequence="7", time=START),
        event(2, aggregate=one, sequence="4"),
        event(3, aggregate=two, sequence="7", time=START),
        event(4, aggregate=three, time=START),
        event(5, aggregate=three, time=START - timedelta(microseconds=1)),
        event(6, problem="it has neither aggregateid nor a key"),
        event(7, aggregate=one, sequence="5", id="e-patients-0-4"),
    ])  # fmt: skip
    assert kinds() == [(2, [SKIPS]), (3, [BACK]), (5, [EARLIER]), (6, [UNREADABLE]), (7, [TWICE])]
    assert anomaly_lookup.anomaly_counts() == {SKIPS: 1, BACK: 1, EARLIER: 1, UNREADABLE: 1, TWICE: 1}
    assert details(SKIPS) == ["1 is followed by 4: 2 missing"]
    assert details(BACK) == ["7 comes behind 7"]
    assert details(UNREADABLE) == ["it has neither aggregateid nor a key"]
    assert_counted()


def test_a_batch_answers_how_many_it_has() -> None:
    partition = open_partition(PATIENTS, 0, Memory())
    assert write_batch(partition, numbered("1", "2")) == 0
    assert write_batch(partition, [event(2, sequence="9"), event(3, problem="it is empty")]) == 2


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_noticed_in_clean_streams_however_they_are_mixed(seed: int) -> None:
    """Each publisher's numbers begin anywhere and go up by one, times never go back within a stream, ids are new."""
    chance = random.Random(seed)
    next_number = {key: chance.choice([0, 1, 2, 999, 10**12]) for key in range(9)}
    log = []
    for number in range(2 * FULL + 9):
        key = chance.randrange(9)
        sequence = "" if key < 3 else str(next_number[key])
        next_number[key] += 1
        moment = START + timedelta(seconds=number // 5)
        log.append(event(number, aggregate=(f"type{key % 2}", str(key)), sequence=sequence, time=moment))
    partition, start = open_partition(PATIENTS, 0, Memory()), 0
    while start < len(log):
        end = start + chance.choice([1, 30, 100, FULL])
        assert write_batch(partition, log[start:end]) == 0
        start = end
        if chance.random() < 0.3:
            partition = open_partition(PATIENTS, 0, Memory())
    assert anomaly_lookup.anomaly_counts() == {}
    assert kinds() == []
    assert not AnomalyCount.objects.using("index").exists()


@pytest.mark.parametrize("first", ["0", "1", "2", "41", "007", "9" * LONGEST_NUMBER])
def test_the_first_number_of_a_stream_may_be_any(cut: Cut, first: str) -> None:
    cut(numbered(first))
    assert kinds() == []


@pytest.mark.parametrize("step", [2, 3, 1001])
def test_a_number_that_leaves_some_out_is_noticed_and_the_next_goes_on_from_it(cut: Cut, step: int) -> None:
    cut(numbered("5", str(5 + step), str(6 + step)))
    assert kinds() == [(1, [SKIPS])]
    assert details(SKIPS) == [f"5 is followed by {5 + step}: {step - 1:,} missing"]


def test_numbers_that_go_back_are_noticed_one_by_one_and_the_stream_goes_on_from_the_highest(cut: Cut) -> None:
    cut(numbered("1", "2", "3", "2", "3", "4"))
    assert kinds() == [(3, [BACK]), (4, [BACK])]
    assert details(BACK) == ["2 comes behind 3", "3 comes behind 3"]


@pytest.mark.parametrize("strange", ["", "a", "-1", "1.5", "+9", " 9", "1_000", "٩", "²", "9" * (LONGEST_NUMBER + 1), "0x10"])
def test_what_is_no_whole_number_is_not_judged_and_interrupts_nothing(cut: Cut, strange: str) -> None:
    cut(numbered("1", strange, "2", strange, "3"))
    assert kinds() == []


def test_leading_zeros_make_no_other_number(cut: Cut) -> None:
    cut(numbered("008", "009", "010", "11"))
    assert kinds() == []


def test_each_stream_has_numbers_and_times_of_its_own(cut: Cut) -> None:
    one, two = ("patient", "1"), ("document", "1")
    cut([
        event(0, aggregate=one, sequence="5", time=START + timedelta(days=1)),
        event(1, aggregate=two, sequence="1", time=START),
        event(2, aggregate=one, sequence="6", time=START + timedelta(days=1)),
        event(3, aggregate=two, sequence="2", time=START),
    ])  # fmt: skip
    assert kinds() == []


def test_partitions_of_one_aggregate_are_judged_each_by_itself() -> None:
    index([event(0, sequence="1", time=START + timedelta(days=1))], topic=PATIENTS)
    index([event(0, partition=1, sequence="5", time=START)], topic=PATIENTS, partition=1)
    assert kinds() == []


def test_a_time_is_compared_to_the_latest_of_the_stream_and_not_to_the_one_before(cut: Cut) -> None:
    times = [10, 5, 6, 10, 11]
    cut([event(number, time=START + timedelta(seconds=seconds)) for number, seconds in enumerate(times)])
    assert kinds() == [(1, [EARLIER]), (2, [EARLIER])]


def test_a_number_and_a_time_that_both_go_back_are_two_anomalies_of_one_event(cut: Cut) -> None:
    cut([event(0, sequence="2"), event(1, sequence="1", time=START - timedelta(days=1))])
    assert [(ordinal, sorted(found)) for ordinal, found in kinds()] == [(1, sorted([BACK, EARLIER]))]
    assert_counted()


def test_that_an_event_is_a_duplicate_says_it_all(cut: Cut) -> None:
    """It comes late and with a number that was there, as it must."""
    first = [event(number, sequence=str(number + 1)) for number in range(4)]
    again = event(4, id=first[1].id, sequence="2", time=first[1].time)
    cut([*first, again, event(5, sequence="5")])
    assert kinds() == [(4, [TWICE])]


def test_unreadable_messages_interrupt_no_stream(cut: Cut) -> None:
    cut([event(0, sequence="1"), event(1, problem="it is empty"), event(2, sequence="2"), event(3, problem="it is empty")])
    assert kinds() == [(1, [UNREADABLE]), (3, [UNREADABLE])]


def test_a_payload_that_its_schema_does_not_decode_is_noticed_with_its_stream_or_without_one(cut: Cut) -> None:
    """A registry that did not answer says nothing of the payload."""
    broken = SchemaUse(kind="Avro", version="3", problem="it ends too early")
    silent = SchemaUse(kind="Avro", version="3", problem="the registry does not answer", unanswered=True)
    sound = SchemaUse(kind="Avro", version="3", converted=True)
    log = [event(0), event(1, problem="its payload cannot be read"), event(2), event(3)]
    uses = (broken, broken, silent, sound)
    cut([replace(written, schema=use) for written, use in zip(log, uses, strict=True)])
    assert [(ordinal, sorted(found)) for ordinal, found in kinds()] == [(0, [SCHEMA]), (1, [SCHEMA, UNREADABLE])]
    assert details(SCHEMA) == ["it ends too early"] * 2
    found = queries.aggregate("patient", "4711")
    assert found is not None
    assert found.anomalies == {SCHEMA: 1}
    assert_counted()


def test_copies_in_derived_topics_are_not_judged() -> None:
    retry = Topic(name="patients-RETRY", kind=TopicKind.RETRY)
    copies = [event(number, topic=retry.name, id="x", sequence=str(9 - number)) for number in range(4)]
    copies += [event(4, topic=retry.name, time=START - timedelta(days=9)), event(5, topic=retry.name, problem="it is empty")]
    index(copies, topic=retry)
    assert anomaly_lookup.anomaly_counts() == {}
    assert [pointer.anomalies for pointer in all_pointers()] == [()] * 6


def test_an_aggregate_says_how_many_of_each_kind_its_streams_have() -> None:
    index(numbered("1", "5", "4", "9"), topic=PATIENTS)
    index([event(0, partition=1, sequence="1"), event(1, partition=1, sequence="3")], topic=PATIENTS, partition=1)
    index([event(9, aggregate=("patient", "other"), sequence="1")], topic=PATIENTS)
    found = queries.aggregate("patient", "4711")
    other = queries.aggregate("patient", "other")
    assert found is not None and other is not None
    assert found.anomalies == {SKIPS: 3, BACK: 1}
    assert other.anomalies == {}


def test_a_line_names_its_event() -> None:
    index([event(0, sequence="1"), event(1, sequence="3")], topic=PATIENTS)
    (line,) = anomaly_lookup.anomaly_lines(SKIPS, limit=10).items
    assert (line.kind, line.pointer.position, line.pointer.event_id) == (SKIPS, place(1), "e-patients-0-1")
    assert list(line.pointer.anomalies) == [SKIPS]


def test_nothing_is_counted_twice_when_a_batch_is_written_again_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from eventstore.index.writing import writer

    log = numbered("1", "3")
    with monkeypatch.context() as breaking, pytest.raises(ZeroDivisionError):
        breaking.setattr(writer, "_write_blocks", lambda *given: 1 / 0)
        index(log, topic=PATIENTS)
    assert anomaly_lookup.anomaly_counts() == {}
    index(log, topic=PATIENTS)
    assert anomaly_lookup.anomaly_counts() == {SKIPS: 1}


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
@pytest.mark.parametrize("count", [0, 1, 7, 14])
def test_a_list_is_paged_both_ways_without_losing_or_doubling_one(count: int, limit: int) -> None:
    """The last found first; among them anomalies of another kind and of a build that nobody reads."""
    for number in range(count):
        index([event(2 * number, problem="it is empty"), event(2 * number + 1, sequence=str(5 * number))], topic=PATIENTS)
    write_batch(open_partition(PATIENTS, 0, Memory(), build=1), [event(0, problem="it is empty")])
    older: list[int] = []
    page = anomaly_lookup.anomaly_lines(UNREADABLE, limit=limit)
    assert page.newer is None
    while True:
        older += ordinals_of(page)
        if page.older is None:
            break
        last, page = page, anomaly_lookup.anomaly_lines(UNREADABLE, before=int(page.older), limit=limit)
        back = anomaly_lookup.anomaly_lines(UNREADABLE, after=int(page.newer or 0), limit=limit)
        assert back.items == last.items
    assert older == [2 * number for number in range(count)][::-1]
    newer: list[int] = []
    while page.newer is not None:
        page = anomaly_lookup.anomaly_lines(UNREADABLE, after=int(page.newer), limit=limit)
        newer = ordinals_of(page) + newer
    assert newer == older[: len(newer)]
    assert len(newer) >= len(older) - limit
    assert anomaly_lookup.anomaly_counts().get(UNREADABLE, 0) == count


def ordinals_of(page: Page[AnomalyLine]) -> list[int]:
    return [line.pointer.ordinal for line in page.items]


def test_a_list_of_a_kind_that_nobody_knows_is_empty() -> None:
    assert anomaly_lookup.anomaly_lines("no such kind", limit=10) == Page(items=[])
