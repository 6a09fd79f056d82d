"""What the broker tells around a topic: its answers as plain values, and each part refused by itself."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.config.topic_kinds import BY_NAME
from eventstore.drivers.pulsar.cluster import Cluster
from eventstore.drivers.pulsar.details import answers
from eventstore.drivers.pulsar.details.pulsar_details import MOST_FUNCTIONS, PulsarDetails
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.errors import NotSupported, StoreRefused, StoreUnreachable
from eventstore.model.topic_details import Link, Quota, Retention

TOPIC = TopicName(tenant="public", namespace="default", local="orders")
STATS: Mapping[str, Any] = {
    "msgRateIn": 2.5,
    "msgRateOut": 5.0,
    "storageSize": 768_762,
    "offloadedStorageSize": 698_762,
    "publishers": [
        {
            "producerName": "shop-1",
            "address": "/10.0.0.7:4711",
            "clientVersion": "Pulsar-Java-v4.0.8",
            "connectedSince": "2026-11-29T13:45:01.123Z",
            "msgRateIn": 2.5,
            "msgThroughputIn": 900.0,
        }
    ],
    "replication": {"b": {"connected": True, "replicationBacklog": 3, "replicationDelayInSeconds": 12, "msgRateOut": 1.0}},
}
INTERNALS = {
    "lastConfirmedEntry": "9:4",
    "state": "Terminated",
    "ledgers": [{"ledgerId": 7, "entries": 100, "offloaded": True}, {"ledgerId": 9, "entries": 0, "offloaded": False}],
}
STATUS = {
    "numInstances": 2,
    "numRunning": 1,
    "instances": [
        {
            "instanceId": 0,
            "status": {
                "running": True,
                "numRestarts": 3,
                "numReceived": 10,
                "numSuccessfullyProcessed": 8,
                "numUserExceptions": 2,
                "latestUserExceptions": [{"exceptionString": "cannot read Morgenrain", "timestampMs": 1795961351064}],
                "numSystemExceptions": 0,
                "latestSystemExceptions": [],
            },
        },
        {"instanceId": 1, "status": {"running": False, "error": "out of memory"}},
    ],
}
REFUSED = StoreRefused("The broker refuses this user.")


class Telling:
    """An admin API with these answers; an error is raised. Counts how often it is asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, 0

    def tell(self, what: str, otherwise: Any = None) -> Any:
        self.asked += 1
        answer = self.answers.get(what, otherwise)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def statistics(self, topic: TopicName, partitions: int, *, producers: bool = False) -> Any:
        assert producers
        return self.tell("statistics", [STATS])

    def internals(self, topic: TopicName, partitions: int) -> Any:
        return self.tell("internals", [INTERNALS])

    def policy(self, topic: TopicName, name: str) -> Any:
        return self.tell(name)

    def schema_versions(self, topic: TopicName) -> Any:
        return self.tell("schemas", [])

    def functions(self, namespace: str) -> Sequence[str]:
        return cast("Sequence[str]", self.tell("functions", []))

    def function(self, namespace: str, name: str, what: str = "") -> Any:
        return self.tell(f"function {what}", {"inputSpecs": {"public/default/orders": {}}} if not what else STATUS)


def details_of(admin: Telling) -> PulsarDetails:
    known = KnownTopic(name=TOPIC, shards=0, kind=BY_NAME.of(str(TOPIC)))
    return PulsarDetails(cast(Cluster, SimpleNamespace(admin=admin, known=lambda topic: known)))


def test_traffic_producers_and_links_are_told() -> None:
    found = answers.traffic([STATS, {}])
    assert [(one.partition, one.rate_in, one.stored, one.offloaded) for one in found.partitions] == [
        (0, 2.5, 768_762, 698_762),
        (1, 0.0, 0, 0),
    ]
    [producer] = found.producers
    assert (producer.name, producer.address, producer.client) == ("shop-1", "10.0.0.7:4711", "Pulsar-Java-v4.0.8")
    assert producer.connected_since == datetime(2026, 11, 29, 13, 45, 1, 123_000, tzinfo=UTC)
    assert found.links == [Link(cluster="b", partition=0, connected=True, backlog=3, lag=12, rate_out=1.0)]


def test_ledgers_are_counted_with_those_that_are_offloaded() -> None:
    [whole, empty] = answers.ledgers([INTERNALS, {}])
    assert (whole.ledgers, whole.offloaded, whole.entries, whole.terminated) == (2, 1, 105, True)
    assert (empty.ledgers, empty.entries, empty.terminated) == (0, 0, False)


def test_policies_and_schema_versions_are_told() -> None:
    told = {"retentionTimeInMinutes": -1, "retentionSizeInMB": 500}
    assert answers.retention(told) == Retention(minutes=-1, megabytes=500)
    assert answers.retention(None) == Retention(minutes=0, megabytes=0)
    quota = {"limit": -1, "limitSize": 1_000, "limitTime": -1, "policy": "producer_exception"}
    assert answers.quotas({"destination_storage": quota}) == [
        Quota(kind="destination_storage", bytes=1_000, seconds=-1, policy="producer_exception")
    ]
    versions = [{"version": 0, "type": "JSON", "timestamp": 1795961351064}, {"version": 1, "type": "JSON"}]
    assert [(one.version, one.kind) for one in answers.schema_versions(versions)] == [(1, "JSON"), (0, "JSON")]


@pytest.mark.parametrize("written", ["orders", "public/default/orders", "persistent://public/default/orders"])
def test_a_functions_instances_are_added_up_and_its_topics_known_in_each_form(written: str) -> None:
    found = answers.function("echo", TOPIC.uri, {"inputs": ["other"], "output": written}, STATUS)
    assert (found.reads_this, found.writes_this) == (False, True)
    assert (found.instances, found.running, found.received, found.handled, found.failed, found.restarts) == (2, 1, 10, 8, 2, 3)
    assert [error.text for error in found.errors] == ["cannot read Morgenrain"]


def test_each_part_is_refused_by_itself() -> None:
    off = NotSupported("This broker runs no functions: functionsWorkerEnabled is set to false")
    told = details_of(Telling(retention=REFUSED, messageTTL=60, internals=REFUSED, schemas=REFUSED, functions=off)).of(
        "orders"
    )
    assert told.traffic.value is not None
    assert (told.policies.retention.value, told.policies.retention.problem) == (None, str(REFUSED))
    assert (told.policies.ttl.value, told.policies.deduplication.value, told.policies.clusters.value) == (60, False, [])
    assert (told.ledgers.problem, told.schemas.problem) == (str(REFUSED), str(REFUSED))
    assert told.functions.problem == str(off)


def test_a_role_that_may_see_nothing_still_gets_an_answer() -> None:
    parts = ("statistics", "internals", "retention", "messageTTL", "backlogQuotaMap", "deduplicationEnabled", "replication")
    told = details_of(Telling(**dict.fromkeys((*parts, "schemas", "functions"), REFUSED))).of("orders")
    assert {told.traffic.problem, told.ledgers.problem, told.policies.quotas.problem, told.functions.problem} == {str(REFUSED)}


def test_a_store_that_does_not_answer_is_unreachable_as_a_whole() -> None:
    with pytest.raises(StoreUnreachable):
        details_of(Telling(statistics=StoreUnreachable("away"))).of("orders")


def test_however_many_functions_there_are_the_requests_are_bounded() -> None:
    admin = Telling(functions=[f"f{number}" for number in range(50)])
    told = details_of(admin).of("orders")
    assert told.functions.value is not None
    assert (len(told.functions.value.functions), told.functions.value.more) == (MOST_FUNCTIONS, 50 - MOST_FUNCTIONS)
    assert admin.asked == 9 + 2 * MOST_FUNCTIONS


def test_a_function_that_is_not_told_of_is_named_with_the_reason() -> None:
    told = details_of(Telling(functions=["echo"], **{"function status": REFUSED})).of("orders")
    assert told.functions.value is not None
    [one] = told.functions.value.functions
    assert (one.name, one.problem) == ("echo", str(REFUSED))
