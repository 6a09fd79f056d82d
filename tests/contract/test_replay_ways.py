"""The ways of a replay that send no copies, on every driver: afterwards a read model equals one that is built from nothing."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest

from eventstore.jobs import Interruption, JobInterrupted
from eventstore.local import Rows
from eventstore.local.builds import live_places, live_rows
from eventstore.model.cursor_moves import CursorMove
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Event, Message, NewMessage
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays import Bounds, Kind, ReplayOrder, Way, What
from eventstore.replays.ways import WayState, replay_by_cursor, replay_locally, replay_to_generation
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually
from tests.parts import subscriptions_of
from tests.redriving import Killed, Notes
from tests.services import Service, sorted_model

EVENTS, KEYS = 24, 5
MAILER = "app-timeline"
NOTES = range(1, 13)
"""A run of one of these replays notes fewer times than this, before and after each counted."""


def events(start: int = 0, count: int = EVENTS) -> list[NewMessage]:
    return [NewMessage(payload=b"%03d" % number, key=f"k{number % KEYS}") for number in range(start, start + count)]


def whole_model() -> Mapping[str, list[bytes]]:
    return {f"k{key}": [b"%03d" % number for number in range(key, EVENTS, KEYS)] for key in range(KEYS)}


@pytest.fixture(autouse=True)
def resting_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.replays.watching.following.STAY_SECONDS", 0.0)


@pytest.fixture
def source(storage: Storage, topic: MakeTopic) -> str:
    name = topic(partitions=2).name
    append_singly(storage, name, events())
    return name


def order_over(storage: Storage, topic: str, way: Way, *, since: int = 0, target: str = "") -> ReplayOrder:
    """Everything up to what is the end now, or in each partition what comes behind ``since`` events."""
    bounds = {}
    for partition in range(storage.log.topic(topic).partitions):
        found = storage.log.read_forward(topic, partition, limit=1_000)
        tokens = [message.position.token for message in found]
        bounds[partition] = Bounds(first=since, end=len(tokens), first_token=tokens[since], last_token=tokens[-1])
    return ReplayOrder(
        projection=f"of {topic}",
        way=way,
        what=What(kind=Kind.SINCE if since else Kind.EVERYTHING),
        topics={topic: bounds},
        subscription=MAILER,
        target=target,
        events=sum(each.events for each in bounds.values()),
    )


Run = Callable[[Mapping[str, Any], Notes], Mapping[str, Any]]


def until_done(run: Run, notes: Notes) -> Mapping[str, Any]:
    """Run it again after each rest, as workers do."""
    while True:
        try:
            return run(notes.checkpoint, notes)
        except JobInterrupted as interrupted:
            assert interrupted.why is Interruption.REST
            time.sleep(0.1)


def run_through_kills(run: Run, notes: Notes) -> Mapping[str, Any]:
    while True:
        with suppress(Killed):
            return run(notes.checkpoint, notes)


def killing_at(number: int) -> Callable[[str], None]:
    """A step that kills the process at the one with this number, counted from 1, over all runs."""
    seen = count(1)

    def step(name: str) -> None:
        if next(seen) == number:
            raise Killed

    return step


def broken(message: Message) -> bool:
    return message.payload in (b"004", b"017")


def has_handled_all(storage: Storage, topic: str, name: str) -> bool:
    return eventually(lambda: subscriptions_of(storage).named(topic, name).backlog == 0)


def test_by_its_cursor_a_projection_reads_everything_again(storage: Storage, source: str) -> None:
    with Service(storage, source, MAILER, fails_on=broken) as before:
        assert eventually(lambda: len(before.delivered) >= EVENTS) and has_handled_all(storage, source, MAILER)
    assert sum(map(len, before.model.values())) == EVENTS - 2
    order = order_over(storage, source, Way.CURSOR)
    late = append_singly(storage, source, events(EVENTS, 1))
    notes = Notes()
    with Service(storage, source, MAILER, model=before.model) as after:
        facts = until_done(lambda checkpoint, worker: replay_by_cursor(storage, order, "job1", checkpoint, worker), notes)
        assert eventually(lambda: late[0] in {one.position for one in after.delivered})
    after.model[f"k{EVENTS % KEYS}"].remove(b"%03d" % EVENTS)
    assert sorted_model(after.model) == whole_model()
    assert (facts["moved"], facts["consumed"]) == (2, EVENTS)
    assert notes.progress.done == notes.progress.total == EVENTS
    assert all("" not in stood.values() for stood in WayState.of(notes.checkpoint).stood.values())


def test_a_cursor_goes_back_to_the_first_chosen_event_and_never_forward(storage: Storage, source: str) -> None:
    """One partition is behind the aim, and one before it with an event acknowledged beyond."""
    there = subscriptions_of(storage)
    there.create(source, MAILER, type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    order = order_over(storage, source, Way.CURSOR, since=3)
    tokens = {at: storage.log.read_forward(source, at, limit=1_000) for at in range(2)}
    there.skip(source, MAILER, {0: tokens[0][-1].position, 1: tokens[1][0].position})
    there.acknowledge(source, MAILER, {1: [storage.log.entry(tokens[1][2].position)]})

    def stands() -> list[int]:
        return [cursor.backlog for cursor in there.named(source, MAILER).cursors]

    assert eventually(lambda: stands() == [0, len(tokens[1]) - 2]), stands()
    with pytest.raises(JobInterrupted):
        replay_by_cursor(storage, order, "job1", {}, Notes())
    assert eventually(lambda: stands() == [len(tokens[0]) - 3, len(tokens[1]) - 1]), stands()


def test_killed_at_any_note_a_cursor_is_moved_all_the_same_and_once(
    storage: Storage, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = subscriptions_of(storage)
    there.create(source, MAILER, type=SubscriptionType.SHARED, start=Edge.LATEST)
    order, moved = order_over(storage, source, Way.CURSOR), list[int]()
    ends = {ends.partition: ends.last for ends in storage.log.ends(source) if ends.last}
    reset = there.reset_cursor

    def counted(topic: str, name: str, targets: Mapping[int, Any], *, on_begin: Any, on_move: Any) -> None:
        def count_move(move: CursorMove) -> None:
            moved.append(move.partition)
            on_move(move)

        reset(topic, name, targets, on_begin=on_begin, on_move=count_move)

    monkeypatch.setattr(there, "reset_cursor", counted)
    for step in NOTES if there.capabilities.backlog_unit == "events" else NOTES[1::4]:  # a broker takes its time
        moved.clear()
        notes = Notes(step=killing_at(step))
        with pytest.raises(JobInterrupted):
            run_through_kills(lambda checkpoint, worker: replay_by_cursor(storage, order, "j", checkpoint, worker), notes)
        assert there.named(source, MAILER).backlog == EVENTS
        assert len(moved) == len(set(moved))
        there.skip(source, MAILER, ends)
        facts = replay_by_cursor(storage, order, "j", notes.checkpoint, notes)
        assert (facts["moved"], facts["consumed"]) == (2, EVENTS)


def test_a_new_generation_reads_everything_beside_the_old_one(storage: Storage, topic: MakeTopic, source: str) -> None:
    there, empty = subscriptions_of(storage), topic().name
    there.create(source, MAILER, type=SubscriptionType.SHARED, start=Edge.LATEST)
    order = order_over(storage, source, Way.GENERATION, target=f"{MAILER}-v2")
    with pytest.raises(JobInterrupted) as rests:
        replay_to_generation(storage, order, [source, empty], "job1", {}, notes := Notes())
    assert rests.value.why is Interruption.REST
    made = there.named(source, f"{MAILER}-v2")
    assert [one.name for one in there.of_topic(empty)] == [f"{MAILER}-v2"]
    assert made.backlog == EVENTS and there.named(source, MAILER).backlog == 0
    with Service(storage, source, f"{MAILER}-v2") as service:
        run = partial(replay_to_generation, storage, order, [source, empty], "job1")
        facts = until_done(run, notes)
    assert sorted_model(service.model) == whole_model()
    assert facts == {"generation": f"{MAILER}-v2", "consumed": EVENTS}
    with pytest.raises(StoreRefused, match="already"):
        replay_to_generation(storage, order, [source, empty], "job2", {}, Notes())


class Documents:
    """A local projection: the payloads of each key. It fails on what ``fails`` holds."""

    fails: frozenset[bytes] = frozenset()

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def apply(self, event: Event) -> None:
        if event.data in self.fails:
            raise KeyError(event.data)
        self.rows.put(event.aggregate_id, [*(self.rows.get(event.aggregate_id) or []), event.data.decode()])


def read(message: Message) -> Event:
    id = message.payload.decode()
    return Event(message=message, id=id, time=message.published, data=message.payload, aggregate_id=message.key or "")


def rows_of(projection: str) -> dict[str, list[bytes]] | None:
    rows = live_rows(projection)
    return None if rows is None else {key: [text.encode() for text in texts] for key, texts in rows.items()}


def test_a_local_projection_is_built_again_and_swapped_whole_wherever_it_is_killed(
    storage: Storage, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.replays.ways.local.EVENTS_AT_ONCE", 5)
    for step in NOTES:
        order = replace(order_over(storage, source, Way.LOCAL), projection=f"{source} {step}")

        def run(checkpoint: Mapping[str, Any], worker: Notes, order: ReplayOrder = order) -> Mapping[str, Any]:
            assert rows_of(order.projection) is None
            return replay_locally(storage, order, "job1", worker, Documents, read)

        assert run_through_kills(run, Notes(step=killing_at(step))) == {"applied": EVENTS}
        assert rows_of(order.projection) == whole_model()
        assert live_places(order.projection) == {source: {at: b.last_token for at, b in order.topics[source].items()}}


def test_a_worker_that_has_lost_its_job_adds_nothing_to_the_rows_of_the_one_that_has_it(storage: Storage, source: str) -> None:
    order, steps = order_over(storage, source, Way.LOCAL), count(1)

    def lose(name: str) -> None:
        if next(steps) == 3:  # the note behind the first partition
            replay_locally(storage, order, "job1", Notes(), Documents, read)

    with pytest.raises(JobInterrupted) as lost:
        replay_locally(storage, order, "job1", Notes(step=lose), Documents, read)
    assert lost.value.why is Interruption.LOST
    assert rows_of(order.projection) == whole_model()


def test_events_that_the_store_did_not_return_are_not_said_to_be_removed(storage: Storage, source: str) -> None:
    order = order_over(storage, source, Way.LOCAL)
    whole = order.topics[source][1]
    order = replace(order, topics={source: {**order.topics[source], 1: replace(whole, end=whole.end + 1)}})
    with pytest.raises(StoreRefused, match="1 of 25 events fewer than the plan counts"):
        replay_locally(storage, order, "job1", Notes(), Documents, read)
    assert rows_of(order.projection) is None


def test_a_local_projection_that_fails_leaves_what_readers_see(storage: Storage, source: str) -> None:
    order = order_over(storage, source, Way.LOCAL)
    replay_locally(storage, order, "job1", Notes(), Documents, read)
    broken = type("Broken", (Documents,), {"fails": frozenset({b"017"})})
    with pytest.raises(StoreRefused, match=r"017.*KeyError"):
        replay_locally(storage, order, "job2", Notes(), broken, read)
    assert rows_of(order.projection) == whole_model()
    with pytest.raises(JobInterrupted):
        replay_locally(storage, order, "job3", Notes(stop_after=2, why=Interruption.CANCEL), Documents, read)
    replay_locally(storage, order, "job2", Notes(), Documents, read)
    assert rows_of(order.projection) == whole_model()
