"""A move and its undo on the broker, for every type: beside connected consumers, with ranges, on partitions, with batches."""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

import httpx
import pytest

from dashboard.auditing.entries import canonical
from eventstore.actions import Ending, Running, subscription_resource
from eventstore.config.loading import Config
from eventstore.cursors import UNDO_MOVE, Target
from eventstore.cursors.places import MOST_RANGES, written
from eventstore.drivers.pulsar.positions import entry_of
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import Consumer, SubscriptionType
from tests.broker.conftest import publish_batch, roll_over
from tests.contract.helpers import eventually
from tests.contract.test_subscriptions import backlog_becomes
from tests.unit.cursors.undoing import moved, undo, undo_plan

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

EXCLUSIVE = SubscriptionType.EXCLUSIVE
TYPES = list(SubscriptionType)[:4]
SINGLE = 16


def index(storage: PulsarStorage) -> None:
    index_until_caught_up(
        Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None)
    )


def all_of(storage: PulsarStorage, topic: str) -> list[Position]:
    partitions = storage.log.topic(topic).partitions
    return [one.position for at in range(partitions) for one in storage.log.read_forward(topic, at, limit=100_000)]


@pytest.fixture
def furnished(alone: PulsarStorage, client: Any, admin: httpx.Client) -> str:
    """A topic of two partitions with single events and a batch in each, in two ledgers; a subscription of each type."""
    topic = alone.log.create_topic("moved", partitions=2).name
    alone.log.append(topic, [NewMessage(payload=b"{}", key=f"k{number}") for number in range(SINGLE)])
    for at in range(2):
        roll_over(admin, f"{topic}-partition-{at}")
        publish_batch(client, f"{topic}-partition-{at}", [b"{}"] * 3)
    alone.log.append(topic, [NewMessage(payload=b"{}", key=f"k{number}") for number in range(4)])
    for kind in TYPES:
        alone.subscriptions.create(topic, kind.value, type=kind, start=Edge.EARLIEST)
    index(alone)
    return topic


def whole_entries(positions: Sequence[Position], chosen: Iterable[int]) -> set[Position]:
    """These positions, and all others of their entries: a broker acknowledges a batch as a whole."""
    entries = {(positions[at].partition, entry_of(positions[at].token)) for at in chosen}
    return {one for one in positions if (one.partition, entry_of(one.token)) in entries}


def received(consumer: Consumer, wanted: set[Position], what: str = "") -> set[Position]:
    """What comes until all that is wanted has come."""
    found: set[Position] = set()

    def all_there() -> bool:
        found.update(message.position for message in consumer.receive(limit=100, timeout=0.3))
        return found >= wanted

    assert eventually(all_there), f"{len(wanted - found)} of {len(wanted)} never came {what}"
    return found


def handle(storage: PulsarStorage, consumer: Consumer, topic: str, name: str, positions: set[Position]) -> None:
    """Acknowledge, and wait until the broker holds that."""
    for position in positions:
        consumer.acknowledge(position)

    def held() -> bool:
        cursors = {one.partition: one for one in storage.subscriptions.named(topic, name).cursors}

        def covers(position: Position) -> bool:
            cursor = cursors[position.partition]
            behind = cursor.acknowledged is not None and position <= cursor.acknowledged
            return behind or any(start < position <= end for start, end in cursor.holes)

        return all(map(covers, positions))

    assert eventually(held)


@pytest.mark.parametrize("target", [Edge.LATEST, Edge.EARLIEST])
def test_beside_its_consumer_of_each_type_a_move_is_undone_and_it_gets_what_it_would_have_got_and_what_the_preview_names(
    alone: PulsarStorage, furnished: str, target: Target
) -> None:
    for kind in TYPES:
        beside_its_consumer(alone, furnished, kind, target)


def beside_its_consumer(alone: PulsarStorage, topic: str, kind: SubscriptionType, target: Target) -> None:
    name, positions = kind.value, all_of(alone, topic)
    before = whole_entries(positions, (0, 1, 4, 7, len(positions) - 6))
    with alone.subscriptions.consume(topic, name, type=kind, consumer="worker") as consumer:
        received(consumer, set(positions))
        handle(alone, consumer, topic, name, before)
        undone = moved(alone, topic, name, target)
        alone.log.append(topic, [NewMessage(payload=b"{}", key=f"k{number}") for number in range(6)])
        everything = all_of(alone, topic)
        new = [one for one in everything if one not in set(positions)]
        received(consumer, set(everything) if target is Edge.EARLIEST else set(new))
        since = {new[0], new[-1]} | (whole_entries(positions, (1, 9)) if target is Edge.EARLIEST else set())
        handle(alone, consumer, topic, name, since)
        index(alone)
        plan = undo_plan(alone, topic, name, undone)
        done, parts = undo(alone, topic, name, undone)
        assert [part.ending for part in parts] == [Ending.DONE] * 2, parts
        wanted = set(everything) - before - since
        places = {move.partition: move.after.mark for move in done.moves}
        twice = {one for one in before | since if plan.blocked and one.token > places[one.partition]}
        got = received(consumer, wanted | twice)
        for position in got:
            consumer.acknowledge(position)
        assert backlog_becomes(alone, topic, name, 0), kind
    assert got <= wanted | before | since
    beyond = plan.counts.twice or 0
    assert (plan.blocked, done.blocked) == (kind is EXCLUSIVE and beyond > 0,) * 2
    if plan.blocked:
        assert len(got - wanted) == beyond, "acknowledged, and beyond the place: named as coming twice"
    else:
        assert beyond == 0
        assert len(got - wanted) <= (plan.counts.again or 0), "what may come between the two steps is named as well"
    if target is Edge.LATEST:
        assert plan.counts.comes == len(set(positions) - before) + beyond
    else:
        assert (plan.counts.comes or 0) <= beyond, "the rest waits already, because of the move"


def test_with_no_consumer_connected_it_is_exact_for_each_type(alone: PulsarStorage, furnished: str) -> None:
    topic, positions = furnished, all_of(alone, furnished)
    before = whole_entries(positions, (0, 2, 3, 9, len(positions) - 1))
    wanted = set(positions) - before
    for kind in TYPES:
        with alone.subscriptions.consume(topic, kind.value, type=kind, consumer="worker") as consumer:
            received(consumer, set(positions))
            handle(alone, consumer, topic, kind.value, before)
        undone = moved(alone, topic, kind.value, positions[5])
        plan, parts = undo(alone, topic, kind.value, undone)
        assert ([part.ending for part in parts], plan.joins, plan.blocked) == ([Ending.DONE], True, False)
        with alone.subscriptions.consume(topic, kind.value, type=kind, consumer="later") as consumer:
            assert received(consumer, wanted) == wanted, kind
            handle(alone, consumer, topic, kind.value, wanted)
        assert alone.subscriptions.named(topic, kind.value).backlog == 0


def test_a_partition_that_the_broker_refuses_is_named_and_what_retention_took_is_counted(
    alone: PulsarStorage, furnished: str, admin: httpx.Client
) -> None:
    topic, name = furnished, SubscriptionType.SHARED.value
    positions = all_of(alone, topic)
    undone = moved(alone, topic, name, Edge.LATEST)
    for kind in TYPES:  # nobody holds the old ledger any longer
        alone.subscriptions.reset_cursor(topic, kind.value, dict.fromkeys(range(2), Edge.LATEST))
    for at in range(2):
        roll_over(admin, f"{topic}-partition-{at}")
        admin.delete(f"persistent/{topic}-partition-{at}/truncate").raise_for_status()
    assert eventually(lambda: not all_of(alone, topic))
    plan = undo_plan(alone, topic, name, undone)
    assert (plan.counts.comes, plan.counts.gone) == (0, len(positions))
    admin.delete(f"persistent/{topic}-partition-1/subscription/{name}").raise_for_status()
    act = Running(lease=None)
    UNDO_MOVE.execute(alone, UNDO_MOVE.plan(alone, subscription_resource(topic, name), undone), act)
    assert [(part.name, part.ending) for part in act.parts] == [
        ("partition 0", Ending.DONE),
        ("partition 1", Ending.FAILED),
    ]
    assert "no subscription of this name" in act.parts[1].reason


@pytest.mark.parametrize("ranges", [300, pytest.param(20_000, marks=pytest.mark.soak)])
def test_however_many_ranges_there_are_they_are_acknowledged_in_time_and_the_record_stays_small(
    alone: PulsarStorage, client: Any, ranges: int
) -> None:
    topic, name = alone.log.create_topic("many").name, "mailer"
    alone.subscriptions.create(topic, name, type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    producer = client.create_producer(f"persistent://{topic}", batching_enabled=False, block_if_queue_full=True)
    for _ in range(2 * ranges):
        producer.send_async(b"{}", lambda *_: None)
    producer.flush()
    producer.close()
    index(alone)
    positions = all_of(alone, topic)
    every_other = [alone.log.entry(position) for position in positions[1::2]]
    begun = time.monotonic()
    alone.subscriptions.acknowledge(topic, name, {0: every_other})
    print(f"{ranges / (time.monotonic() - begun):.0f} ranges a second")  # noqa: T201
    assert len(alone.subscriptions.named(topic, name).cursors[0].holes) == ranges
    undone = moved(alone, topic, name, Edge.LATEST)
    kept = min(ranges, MOST_RANGES)
    assert (len(undone.before[0].ranges), undone.before[0].left_out) == (kept, ranges - kept)
    assert len(canonical(written(undone.before))) < 150_000
    plan, parts = undo(alone, topic, name, undone)
    assert [part.ending for part in parts] == [Ending.DONE]
    assert (plan.counts.comes, plan.counts.twice) == (2 * ranges - kept, ranges - kept)
    assert alone.subscriptions.named(topic, name).backlog == 2 * ranges - kept
