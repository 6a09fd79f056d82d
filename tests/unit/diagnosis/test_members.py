"""Mistakes that show in who is connected."""

from collections.abc import Sequence

import pytest

from eventstore.backlogs import Look
from eventstore.diagnosis import Certainty, Declared, Fact, Mistake, MixedBatch, diagnose
from eventstore.model.subscriptions import SubscriptionType
from tests.unit.diagnosis.seen import EXCLUSIVE, FAILOVER, LIMIT, SHARED, at, backlog_at, look, member, stands

MIXED = MixedBatch(keys=3, messages=5, partition=1, place="7:4:0", published=at(-1))


def found(looks: Sequence[Look], declared: Declared = Declared()) -> list[tuple[Mistake, Certainty]]:  # noqa: B008 - frozen
    given = diagnose(backlog_at(looks[-1]), looks[:-1], LIMIT, declared)
    return [(finding.mistake, finding.certainty) for finding in given.findings]


def test_a_shared_subscription_where_order_matters_is_certain_by_what_is_declared_alone() -> None:
    shared = [look(0, stands(5), members=[member()])]
    assert found(shared) == []
    assert found(shared, Declared(ordered=True)) == [(Mistake.UNORDERED, Certainty.CERTAIN)]
    key_shared = [look(0, stands(5), members=[member()], type=SubscriptionType.KEY_SHARED)]
    assert found(key_shared, Declared(ordered=True)) == []


def test_while_nobody_is_connected_the_type_seen_last_is_likely_to_come_back() -> None:
    looks = [look(0, stands(5), members=[member()]), look(1, stands(5))]
    assert found(looks, Declared(ordered=True)) == [(Mistake.UNORDERED, Certainty.LIKELY)]
    assert found(looks[1:], Declared(ordered=True)) == []


def test_a_batch_of_several_keys_is_a_mistake_for_key_shared_alone() -> None:
    declared = Declared(mixed_batch=MIXED)
    looks = [look(0, stands(5), members=[member()], type=SubscriptionType.KEY_SHARED)]
    assert found(looks, declared) == [(Mistake.MIXED_BATCHES, Certainty.CERTAIN)]
    [finding] = diagnose(backlog_at(looks[0]), (), LIMIT, declared).findings
    assert (finding.evidence[1].number, finding.evidence[1].of, finding.evidence[1].name) == (3, 5, "7:4:0")
    assert found([look(0, stands(5), members=[member()])], declared) == []


def coming(times: int, *, names: Sequence[str] = ("app-1",), reloaded: bool = False) -> list[Look]:
    """A consumer that connects anew each minute, after a first connection that was there before."""
    return [
        look(
            minute,
            stands(5, delivered=100 - minute if reloaded else 100 + minute),
            members=[member(names[minute % len(names)], since=minute)],
            type=FAILOVER,
        )
        for minute in range(times + 1)
    ]


@pytest.mark.parametrize(
    ("times", "certainty"), [(0, None), (2, None), (3, Certainty.LIKELY), (4, Certainty.LIKELY), (5, Certainty.CERTAIN)]
)
def test_a_consumer_that_connects_again_and_again_is_named_the_surer_the_more_often(
    times: int, certainty: Certainty | None
) -> None:
    assert found(coming(times)) == ([(Mistake.COME_AND_GO, certainty)] if certainty else [])


def test_consumers_without_a_name_of_their_own_are_told_from_a_deployment_by_how_many_there_are_at_once() -> None:
    names = [f"random-{number}" for number in range(9)]
    assert found(coming(3, names=names)) == []
    assert found(coming(4, names=names)) == [(Mistake.COME_AND_GO, Certainty.LIKELY)]
    four = [member(f"pod-{number}", since=-60) for number in range(4)]
    deployed = [
        look(
            minute,
            stands(5),
            type=FAILOVER,
            members=[*(member(f"new-{one}", since=one) for one in range(minute)), *four[minute:]],
        )
        for minute in range(5)
    ]
    assert found(deployed) == []


def deployments(times: int, *, instances: int = 5) -> list[Look]:
    """Instances that share a name, of which one is replaced at each look: each of them once in a deployment."""
    return [
        look(
            number,
            stands(5),
            type=FAILOVER,
            members=[
                member("app", since=newest, address=f"10.0.0.1:{newest}") for newest in range(number, number + instances)
            ],
        )
        for number in range(times * instances + 1)
    ]


def test_instances_that_share_a_name_and_are_each_replaced_once_are_a_deployment() -> None:
    assert found(deployments(1)) == []
    assert found(deployments(1, instances=9)) == []
    assert found(deployments(2)) == [(Mistake.COME_AND_GO, Certainty.CERTAIN)]


def test_who_connects_again_because_the_broker_loaded_the_topic_anew_does_not_come_and_go() -> None:
    assert found(coming(9, reloaded=True)) == []


def test_a_shared_subscriptions_consumers_may_come_and_go() -> None:
    looks = [look(minute, stands(5), members=[member(since=minute)], type=SHARED) for minute in range(9)]
    assert found(looks) == []


def partitions(*active: str) -> list[Look]:
    """Two failover consumers that are connected to each partition, at six looks in three minutes."""
    members = [member(name, partition=number) for name in ("app-1", "app-2") for number in range(len(active))]
    places = [stands(5, partition=number, active=name) for number, name in enumerate(active)]
    return [look(half / 2, *places, members=members, type=FAILOVER) for half in range(6)]


def test_an_instance_with_all_partitions_beside_one_with_none_is_likely_hungry_after_a_while() -> None:
    looks = partitions("app-1", "app-1", "app-1")
    assert found(looks) == [(Mistake.HUNGRY_INSTANCE, Certainty.LIKELY)]
    assert found(looks[-1:]) == [(Mistake.HUNGRY_INSTANCE, Certainty.POSSIBLE)]
    [finding] = diagnose(backlog_at(looks[-1]), looks[:-1], LIMIT).findings
    assert [(one.fact, one.name, one.number) for one in finding.evidence] == [
        (Fact.HAS_ALL, "10.0.0.1:app-1", 3),
        (Fact.IDLES, "10.0.0.1:app-2", 30),
    ]


def test_partitions_that_are_shared_out_or_one_instance_alone_or_one_partition_are_no_hunger() -> None:
    assert found(partitions("app-1", "app-2")) == []
    assert found(partitions("app-1")) == []
    alone = [
        look(
            0,
            *(stands(5, partition=one, active="a") for one in (0, 1)),
            members=[member("a", partition=0), member("a", partition=1)],
            type=FAILOVER,
        )
    ]
    assert found(alone) == []


def test_an_exclusive_subscription_is_said_to_hide_whom_it_turns_away() -> None:
    exclusive = look(0, stands(5), members=[member()], type=EXCLUSIVE)
    assert diagnose(backlog_at(exclusive), (), LIMIT).refusals_invisible
    assert not diagnose(backlog_at(look(0, stands(5), members=[member()])), (), LIMIT).refusals_invisible
