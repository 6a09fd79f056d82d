"""Replays by copies, on every driver: what arrives where, and what is left of a run that is killed at any step."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from eventstore.jobs import Interruption, JobInterrupted
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.storage import Storage, copying_of
from eventstore.replays.order import REPLAY_ID, REPLAY_OF, REPLAY_TIME, Kind, ReplayOrder, What, mark_of
from tests import redriving, replaying
from tests.contract.conftest import MakeTopic
from tests.redriving import AskedWhileItWaits, Notes, messages_in
from tests.replaying import copied, events_in, order_of, originals, run, run_until_done

KEYS = ("a", "b", "c")


def event(number: int, key: str = "k") -> NewMessage:
    properties = {
        "ce_specversion": "1.0",
        "ce_id": f"e-{number}",
        "ce_type": "DocumentUploaded",
        "ce_source": "/documents",
        "ce_aggregatetype": "document",
        "ce_aggregateid": key,
        "own": f"p{number}",
    }
    return NewMessage(payload=json.dumps({"number": number}).encode(), key=key, properties=properties)


@pytest.fixture
def source(storage: Storage, topic: MakeTopic) -> str:
    """A topic with twelve events of three keys."""
    name = topic().name
    storage.log.append(name, [event(number, KEYS[number % 3]) for number in range(12)])
    return name


def test_copies_keep_their_parts_and_their_partitions_and_say_what_they_are(storage: Storage, topic: MakeTopic) -> None:
    source, target = topic(partitions=3).name, topic(partitions=4, suffix="-replay").name
    storage.log.append(source, [event(number, f"k{number}") for number in range(20)])
    order = order_of(storage, [source], target)
    assert len(order.topics[source]) == 3, "a partition has no event"
    for partition in order.topics[source]:
        notes = Notes()
        state = run(storage, order, notes, partition)
        before, after = messages_in(storage, source, partition), messages_in(storage, target, partition)
        assert (state.sent, state.tidy, notes.progress.done) == (len(before), True, len(before))
        for one, copy in zip(before, after, strict=True):
            assert (copy.payload, copy.key, copy.event_time) == (one.payload, one.key, one.event_time)
            marks = {REPLAY_ID: "job1", REPLAY_OF: mark_of(one.position), REPLAY_TIME: one.published.isoformat()}
            assert copy.properties == {**one.properties, **marks}
        assert (state.began, state.last) == ("", after[-1].position.token)
    assert messages_in(storage, target, 3) == []


def test_a_run_killed_between_any_two_steps_sends_each_event_once_and_in_order(
    storage: Storage, topic: MakeTopic, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two source topics, so that a publisher is closed and another one opened in between."""
    monkeypatch.setattr("eventstore.replays.sending.sending.MOST_MESSAGES", 5)
    monkeypatch.setattr(Notes, "is_due", True)
    other, target = topic().name, topic(suffix="-replay").name
    storage.log.append(other, [event(number, KEYS[number % 3]) for number in range(100, 107)])
    order, sources = order_of(storage, [source, other], target), sorted([source, other])
    counted: list[str] = []
    run_until_done(storage, order, counted.append)
    assert copied(storage, target) == originals(storage, sources)
    assert len(counted) > 20
    every = 1 if storage.log.capabilities.expected_version else 5  # a run on a broker takes half a second
    numbers = range(0, len(counted), every)
    for number in numbers:
        notes = run_until_done(storage, order, redriving.killing(number), job=f"job-{number}")
        assert (notes.progress.done, notes.progress.failed) == (19, 0), counted[number]
    for number in numbers:
        assert copied(storage, target, f"job-{number}") == originals(storage, sources), counted[number]


@pytest.mark.parametrize("why", [Interruption.PAUSE, Interruption.STOP])
def test_a_run_that_is_interrupted_leaves_nothing_half_done(
    storage: Storage, topic: MakeTopic, source: str, why: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.replays.sending.sending.MOST_MESSAGES", 4)
    target = topic(suffix="-replay").name
    order, notes = order_of(storage, [source], target), Notes(why=why)

    def ask_to_end(step: str) -> None:
        if step == "settled":
            notes.stop_after = 0

    with pytest.raises(JobInterrupted):
        run(redriving.Over(storage, redriving.Stepping(copying_of(storage), ask_to_end)), order, notes)
    assert notes.checkpoint["tidy"]
    assert sum(map(len, copied(storage, target).values())) == notes.progress.done == 8
    notes.stop_after = None
    run(storage, order, notes)
    assert copied(storage, target) == originals(storage, [source])


def test_a_run_that_is_to_end_first_counts_what_has_arrived(
    storage: Storage, topic: MakeTopic, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run is killed with two windows on their way, and the next one is to end at once."""
    monkeypatch.setattr("eventstore.replays.sending.sending.MOST_MESSAGES", 5)
    target = topic(suffix="-replay").name
    order = order_of(storage, [source], target)

    def kill_on_the_way(step: str) -> None:
        if step == "settled":
            raise redriving.Killed(step)

    notes = Notes()
    with suppress(redriving.Killed):
        run(redriving.Over(storage, redriving.Stepping(copying_of(storage), kill_on_the_way)), order, notes)
    assert (notes.progress.done, sum(map(len, copied(storage, target).values()))) == (0, 10), "the next one was on its way too"
    notes.stop_after = 0
    with pytest.raises(JobInterrupted):
        run(storage, order, notes)
    assert notes.progress.done == 10
    notes.stop_after = None
    run(storage, order, notes)
    assert copied(storage, target) == originals(storage, [source])


def test_a_window_is_sent_behind_the_one_on_its_way_unless_the_run_is_throttled(
    storage: Storage, topic: MakeTopic, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.replays.sending.sending.MOST_MESSAGES", 4)
    target = topic(suffix="-replay").name
    order = order_of(storage, [source], target)
    for throttle, most in ((None, 2), (4, 1)):
        steps: list[str] = []
        stepping = redriving.Stepping(copying_of(storage), steps.append)
        run(redriving.Over(storage, stepping), order, Notes(throttle=throttle), job=f"at {throttle}")
        flying = [steps[:number].count("on the way") - steps[:number].count("settled") for number in range(len(steps) + 1)]
        assert (max(flying), flying[-1], steps.count("settled")) == (most, 0, 3), steps
        assert copied(storage, target, f"at {throttle}") == originals(storage, [source])


def test_a_run_that_is_to_end_sends_no_more_even_if_the_last_one_was_cut_off(
    storage: Storage, topic: MakeTopic, source: str
) -> None:
    target = topic(suffix="-replay").name
    order = order_of(storage, [source], target)

    def kill_before_sending(step: str) -> None:
        if step == "before sending":
            raise redriving.Killed(step)

    notes = Notes()
    with suppress(redriving.Killed):
        run(redriving.Over(storage, redriving.Stepping(copying_of(storage), kill_before_sending)), order, notes)
    assert not notes.checkpoint["tidy"]
    notes.stop_after = 0
    waits = AskedWhileItWaits()
    for job, asked in (("job1", notes), ("job2", waits)):
        with pytest.raises(JobInterrupted):
            run(storage, order, asked, job=job)
        assert (copied(storage, target, job), asked.checkpoint["tidy"], asked.progress.done) == ({}, True, 0)
    run(storage, order, Notes(checkpoint=notes.checkpoint))
    assert copied(storage, target) == originals(storage, [source])


def test_a_filter_that_finds_nothing_for_long_can_be_interrupted_after_a_run_was_cut_off_in_an_earlier_topic(
    storage: Storage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted([topic().name, topic().name])
    target = topic(suffix="-replay").name
    storage.log.append(first, [event(number) for number in range(5)])
    storage.log.append(second, [event(number) for number in range(100, 109)])
    order = order_of(storage, [first, second], target, what=What(kind=Kind.FILTER, filter="data.number<50"))

    def kill_on_the_way(step: str) -> None:
        if step == "settled":
            raise redriving.Killed(step)

    notes = Notes()
    with suppress(redriving.Killed):
        run(redriving.Over(storage, redriving.Stepping(copying_of(storage), kill_on_the_way)), order, notes)
    monkeypatch.setattr("eventstore.replays.sending.windows.MOST_LOOKED_AT", 5)
    monkeypatch.setattr(Notes, "is_due", True)
    notes.stop_after = 2
    with pytest.raises(JobInterrupted):
        run(storage, order, notes)
    assert notes.checkpoint["seen"] == {first: 5, second: 5}
    notes.stop_after = None
    assert (run(storage, order, notes).skipped, len(copied(storage, target)["k"])) == (9, 5)


def test_of_two_workers_of_one_share_only_one_sends_each_event(
    storage: Storage, topic: MakeTopic, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.replays.sending.sending.MOST_MESSAGES", 4)
    target = topic(suffix="-replay").name
    order = order_of(storage, [source], target)
    first, rivals = Notes(), list[Notes]()

    def rival(step: str) -> None:
        if step == "on the way" and not rivals:
            rivals.append(Notes(checkpoint=first.checkpoint))
            with suppress(StoreUnreachable):
                run(storage, order, rivals[0])

    with suppress(StoreUnreachable):
        run(redriving.Over(storage, redriving.Stepping(copying_of(storage), rival)), order, first)
    assert rivals
    assert copied(storage, target) == originals(storage, [source])


def test_only_what_is_chosen_is_sent_and_what_cannot_be_found_any_more_is_counted(
    storage: Storage, topic: MakeTopic, source: str
) -> None:
    target = topic(suffix="-replay").name
    whole = order_of(storage, [source], target)
    bounds, there = whole.topics[source][0], events_in(storage, source, 0)
    by_filter = replace(whole, what=What(kind=Kind.FILTER, filter="data.number>=9"), left_out=("document", "c"))
    state = run(storage, by_filter, Notes(), job="filtered")
    assert (state.sent, state.skipped, state.failed) == (2, 10, 0)
    assert copied(storage, target, "filtered") == {"a": [mark_of(there[9].position)], "b": [mark_of(there[10].position)]}

    build = replaying.indexed(storage)[source, 0]
    few = (1, 4, 7)
    first, last = there[1].position.token, there[7].position.token
    known = replace(bounds, first=1, end=8, first_token=first, last_token=last, ordinals=few, build=build)
    of_b = What(kind=Kind.AGGREGATE, aggregate=("document", "b"))
    three_ids = What(kind=Kind.EVENT, events=("e-1", "e-4", "e-7"))
    expected = {"b": [mark_of(there[number].position) for number in few]}
    for job, chosen, what in (
        ("known", known, of_b),
        ("another build", replace(known, build=-1), of_b),
        ("too many to keep", replace(known, ordinals=None), of_b),
        ("too many ids to keep", replace(known, ordinals=None), three_ids),
    ):
        state = run(storage, replace(whole, what=what, topics={source: {0: chosen}}), Notes(), job=job)
        assert (state.sent, state.failed) == (3, 0), job
        assert copied(storage, target, job) == expected
    _assert_fetching_begins_first(storage, replace(whole, what=of_b, topics={source: {0: known}}))

    gone = replace(bounds, end=bounds.end + 2)
    state = run(storage, replace(whole, topics={source: {0: gone}}), Notes(), job="gone")
    assert (state.sent, state.failed) == (12, 2)
    assert state.errors == [
        (f"{source}/0", "2 of the chosen events were no longer there: retention removed them, or the topic was emptied.")
    ]


def _assert_fetching_begins_first(storage: Storage, order: ReplayOrder) -> None:
    """What lies at known places is asked for before the target's end is noted, and once."""
    steps: list[str] = []

    class Telling(redriving.Stepping):
        def begin_fetch(self, positions: Sequence[Position]) -> Callable[[], Mapping[Position, Message]]:
            steps.append(f"{len(positions)} begun")
            return self.copying.begin_fetch(positions)

        def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
            steps.append("fetched again")
            return self.copying.fetch(positions)

    notes = Notes(step=steps.append)
    assert run(redriving.Over(storage, Telling(copying_of(storage), steps.append)), order, notes, job="early").sent == 3
    assert (steps[0], "fetched again" in steps) == ("3 begun", False)


def test_of_a_message_with_several_events_the_chosen_ones_are_sent(storage: Storage, topic: MakeTopic) -> None:
    source, target = topic().name, topic(suffix="-replay").name
    documents = [
        {
            "specversion": "1.0",
            "id": f"b-{n}",
            "type": "T",
            "source": "/s",
            "aggregatetype": "document",
            "aggregateid": f"d{n}",
        }
        for n in range(3)
    ]
    content = {"content-type": "application/cloudevents-batch+json"}
    storage.log.append(source, [NewMessage(payload=json.dumps(documents).encode(), properties=content), event(1)])
    whole = order_of(storage, [source], target)
    assert whole.topics[source][0].events == 4
    notes = Notes(throttle=2)
    run(storage, whole, notes, job="whole")
    assert notes.charged == [3, 1], "events, however many are in a message"
    assert [len(json.loads(one.payload)) for one in messages_in(storage, target)[:1]] == [3]
    part = replace(whole, left_out=("document", "d1"))
    state = run(storage, part, Notes(), job="part")
    assert (state.sent, state.skipped) == (3, 1)
    found = [json.loads(one.payload) for one in messages_in(storage, target) if one.properties[REPLAY_ID] == "part"]
    assert [one["id"] for one in found[0]] == ["b-0", "b-2"]
