"""A reset is planned and counted first; what is confirmed is what was looked at."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from msgspec import structs

from eventstore.cursors.plans import MovePlan, digest_of
from eventstore.cursors.resets import RESET, Target, plan_reset
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.models import IndexedPartition
from eventstore.model.errors import InvalidPosition, UnknownSubscription
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.unit.cursors.standing import NAME, SHARED, TOPIC, handle, index_all, published

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture
def storage() -> Iterator[DatabaseStorage]:
    opened = DatabaseStorage()
    yield opened
    opened.close()


def counts(plan: MovePlan) -> tuple[int | None, int | None]:
    return plan.again, plan.passed_over


def test_to_the_earliest_edge_everything_acknowledged_comes_again_and_nothing_is_passed_over(storage: DatabaseStorage) -> None:
    positions = published(storage, 10)
    handle(storage, positions[:6])
    assert counts(plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST)) == (6, 0)


def test_to_the_latest_edge_nothing_comes_again_and_all_that_waits_is_passed_over(storage: DatabaseStorage) -> None:
    positions = published(storage, 10)
    handle(storage, positions[:6])
    assert counts(plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.LATEST)) == (0, 4)


@pytest.mark.parametrize(("aim", "expected"), [(0, (6, 0)), (5, (1, 0)), (6, (0, 0)), (9, (0, 3))])
def test_to_an_event_it_counts_from_that_event_on(storage: DatabaseStorage, aim: int, expected: tuple[int, int]) -> None:
    positions = published(storage, 10)
    handle(storage, positions[:6])
    assert counts(plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, positions[aim])) == expected


def test_what_was_acknowledged_out_of_order_counts_as_acknowledged(storage: DatabaseStorage) -> None:
    positions = published(storage, 10)
    handle(storage, [positions[place] for place in (0, 1, 4, 5, 8)])
    assert counts(plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST)) == (5, 0)
    assert counts(plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, positions[5])) == (2, 2)
    assert counts(plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.LATEST)) == (0, 5)


@pytest.mark.slow
def test_however_many_ranges_were_acknowledged_out_of_order_the_index_is_asked_the_same_few_times(
    storage: DatabaseStorage,
) -> None:
    positions = published(storage, 400)

    def asked() -> int:
        with CaptureQueriesContext(connections["index"]) as captured:
            plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, positions[200])
        return len(captured)

    handle(storage, positions[1:2])
    with_one = asked()
    handle(storage, positions[3::2])
    assert asked() == with_one
    assert counts(plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, positions[200])) == (100, 100)


def test_an_event_moves_its_own_partition_alone(storage: DatabaseStorage) -> None:
    positions = published(storage, 40, partitions=4)
    plan = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, positions[7])
    assert [move.partition for move in plan.moves] == [positions[7].partition]
    assert plan.targets() == {positions[7].partition: positions[7]}


def test_an_edge_moves_every_partition(storage: DatabaseStorage) -> None:
    published(storage, 40, partitions=4)
    plan = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.LATEST)
    assert plan.targets() == dict.fromkeys(range(4), Edge.LATEST)
    assert counts(plan) == (0, 40)


def test_a_time_aims_at_the_first_event_published_since_in_each_partition(storage: DatabaseStorage) -> None:
    positions = published(storage, 12, partitions=3)
    handle(storage, positions)
    plan = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, datetime.now(UTC) - timedelta(hours=1))
    firsts = [storage.log.read_forward(TOPIC, number, limit=1) for number in range(3)]
    assert [move.goes_to for move in plan.moves] == [found[0].position if found else Edge.LATEST for found in firsts]
    assert counts(plan) == (12, 0)


def test_a_time_after_the_last_event_is_the_latest_edge(storage: DatabaseStorage) -> None:
    published(storage, 5)
    plan = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, datetime.now(UTC) + timedelta(hours=1))
    assert [move.goes_to for move in plan.moves] == [Edge.LATEST]
    assert counts(plan) == (0, 5)


def test_an_empty_topic_is_reset_without_touching_anything(storage: DatabaseStorage) -> None:
    published(storage, 0)
    assert counts(plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST)) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_the_counts_are_what_really_comes_again_and_what_never_comes(storage: DatabaseStorage, seed: int) -> None:
    """Counted against the subscription itself: waiting before, waiting after."""
    chance = random.Random(seed)
    positions = published(storage, 25)
    handle(storage, chance.sample(positions, chance.randrange(26)))
    targets: list[Target] = [Edge.EARLIEST, Edge.LATEST, *chance.sample(positions, 3)]
    target = chance.choice(targets)
    plan = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, target)
    waiting = storage.subscriptions.named(TOPIC, NAME).backlog
    storage.subscriptions.reset_cursor(TOPIC, NAME, plan.targets())
    assert plan.again is not None
    assert plan.passed_over is not None
    assert plan.touched == plan.again + plan.passed_over
    assert storage.subscriptions.named(TOPIC, NAME).backlog == waiting + plan.again - plan.passed_over


def test_where_the_index_knows_nothing_of_the_topic_nothing_is_counted(storage: DatabaseStorage) -> None:
    published(storage, 5)
    IndexedPartition.objects.using("index").all().delete()
    plan = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST)
    assert (plan.again, plan.passed_over, plan.touched) == (None, None, None)


def test_one_unknown_partition_makes_the_whole_count_unknown(storage: DatabaseStorage) -> None:
    published(storage, 40, partitions=4)
    IndexedPartition.objects.using("index").filter(number=2).delete()
    assert plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST).touched is None


def test_an_index_that_has_not_caught_up_makes_the_counts_an_at_least(storage: DatabaseStorage) -> None:
    published(storage, 5)
    assert plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.LATEST).at_least is False
    IndexedPartition.objects.using("index").update(caught_up_at=datetime.now(UTC) - timedelta(minutes=1))
    assert plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.LATEST).at_least is True


def test_a_confirmation_stays_good_through_new_events_and_ordinary_progress(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    before = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, positions[1])
    handle(storage, positions[:4])
    storage.log.append(TOPIC, [NewMessage(payload=b"{}", key="late")])
    index_all(storage)
    after = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, positions[1])
    assert counts(before) != counts(after)
    assert after.confirmed_by(before.digest)


@pytest.mark.parametrize("indexed", [True, False])
def test_a_reset_back_to_the_first_event_is_confirmed_wherever_the_cursor_stands_by_then(
    storage: DatabaseStorage, indexed: bool
) -> None:
    """It skips nothing, whatever the index knows."""
    positions = published(storage, 6)
    handle(storage, positions[:4])
    if not indexed:
        IndexedPartition.objects.using("index").all().delete()
    before = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST)
    storage.subscriptions.reset_cursor(TOPIC, NAME, {0: positions[1]})
    assert plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST).confirmed_by(before.digest)


def test_the_digest_changes_with_the_place_aimed_at(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    targets: list[Target] = [*positions, Edge.EARLIEST, Edge.LATEST]
    digests = {plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, target).digest for target in targets}
    assert len(digests) == 8


def test_the_digest_changes_with_the_subscriptions_type(storage: DatabaseStorage) -> None:
    """Somebody has rebuilt the consumers meanwhile: they are not the ones that were looked at."""
    published(storage, 6)
    before = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST).digest
    with storage.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.FAILOVER, consumer="worker-1"):
        after = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST)
    assert after.type is SubscriptionType.FAILOVER
    assert not after.confirmed_by(before)
    assert after.confirmed_by(after.digest)


def test_members_that_come_and_go_leave_a_confirmation_good(storage: DatabaseStorage) -> None:
    """A broker keeps no type where no consumer is connected."""
    published(storage, 6)
    plan = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST)
    with_nobody = replace(plan, type=SubscriptionType.UNKNOWN)
    looked_at_with_nobody = digest_of(RESET, TOPIC, NAME, SubscriptionType.UNKNOWN, plan.aims)
    assert with_nobody.confirmed_by(plan.digest)
    assert plan.confirmed_by(looked_at_with_nobody)
    elsewhere = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.LATEST)
    assert not replace(elsewhere, type=SubscriptionType.UNKNOWN).confirmed_by(plan.digest)


def test_two_subscriptions_never_share_a_digest(storage: DatabaseStorage) -> None:
    published(storage, 6)
    storage.subscriptions.create(TOPIC, "other", type=SHARED, start=Edge.EARLIEST)
    assert (
        plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST).digest
        != plan_reset(storage.log, storage.subscriptions, TOPIC, "other", Edge.EARLIEST).digest
    )


def test_planning_touches_nothing(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    handle(storage, positions[:3])
    before = storage.subscriptions.named(TOPIC, NAME)
    targets: list[Target] = [Edge.EARLIEST, Edge.LATEST, positions[5], datetime.now(UTC)]
    for target in targets:
        plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, target)
    assert storage.subscriptions.named(TOPIC, NAME) == before


def test_the_consumers_who_would_be_disconnected_are_named(storage: DatabaseStorage) -> None:
    published(storage, 6)
    with storage.subscriptions.consume(TOPIC, NAME, type=SHARED, consumer="worker-7"):
        plan = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Edge.EARLIEST)
    assert [consumer.name for consumer in plan.consumers] == ["worker-7"]
    assert plan.details()["consumers"] == ["worker-7"]


def test_an_event_of_another_topic_is_refused_in_words(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    with pytest.raises(InvalidPosition, match="another topic"):
        plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, structs.replace(positions[0], topic="documents"))


def test_an_event_of_a_partition_that_is_not_there_is_refused_in_words(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    with pytest.raises(InvalidPosition, match="not in a partition of this topic"):
        plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, structs.replace(positions[0], partition=7))


def test_a_place_that_is_none_of_the_stores_is_refused(storage: DatabaseStorage) -> None:
    published(storage, 6)
    with pytest.raises(InvalidPosition):
        plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, Position(topic=TOPIC, partition=0, token="zzz"))


def test_a_subscription_that_is_not_there_is_said_to_be_unknown(storage: DatabaseStorage) -> None:
    published(storage, 1)
    with pytest.raises(UnknownSubscription):
        plan_reset(storage.log, storage.subscriptions, TOPIC, "nobody", Edge.EARLIEST)


def test_the_record_gets_names_places_and_counts(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    handle(storage, positions[:4])
    details = plan_reset(storage.log, storage.subscriptions, TOPIC, NAME, positions[1]).details()
    assert details["topic"] == TOPIC
    assert details["subscription"] == NAME
    assert details["from"] == {"0": positions[3].label}
    assert details["to"] == {"0": positions[1].label}
    assert (details["events_again"], details["events_passed_over"]) == (3, 0)
