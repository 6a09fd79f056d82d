"""A topic that was just given more partitions is asked for anew, and if it changes again, that is a refusal in words."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.drivers.pulsar.admin import OtherPartitions
from eventstore.drivers.pulsar.cluster import Cluster
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.subscriptions.pulsar_subscriptions import PulsarSubscriptions
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.errors import StoreRefused
from tests.unit.drivers.test_pulsar_listing import KNOWN, internals

TWO, THREE = replace(KNOWN, shards=2), replace(KNOWN, shards=3)


class Growing:
    """The admin API of a topic with so many partitions; 0: another number at each question."""

    def __init__(self, there: int) -> None:
        self.there = there

    def statistics(self, topic: TopicName, partitions: int) -> Sequence[Any]:
        if partitions != self.there:
            raise OtherPartitions
        return [{"subscriptions": {"app": {"type": "Shared"}}}] * partitions

    def internals(self, topic: TopicName, partitions: int) -> Sequence[Any]:
        return [internals(3, {"app": "5:0"})] * partitions

    def settings(self) -> dict[str, str]:
        return {}

    def version(self) -> str:
        return "4.0.8"


def subscriptions_of(admin: Growing) -> PulsarSubscriptions:
    """Of a process that knows two partitions, and finds three when it asks anew."""
    known: list[KnownTopic] = []
    cluster = SimpleNamespace(
        admin=admin,
        known=lambda topic: TWO,
        known_lately=lambda topic: TWO,
        topics=SimpleNamespace(find_anew=lambda known: THREE, confirm=known.append),
    )
    return PulsarSubscriptions(cast(Cluster, cluster))


def test_the_subscriptions_of_a_topic_that_was_just_given_partitions_are_found_in_all_of_them() -> None:
    found = subscriptions_of(Growing(3))
    assert [len(one.cursors) for one in found.of_topic("t")] == [3]
    assert len(found.named("t", "app").cursors) == 3


def test_a_topic_that_changes_twice_is_refused_with_what_to_do() -> None:
    found = subscriptions_of(Growing(0))
    with pytest.raises(StoreRefused, match="reload the page"):
        found.of_topic("t")
    with pytest.raises(StoreRefused, match="reload the page"):
        found.named("t", "app")
