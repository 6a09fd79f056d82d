"""The broker's answers around a topic, as plain values. Fields that it leaves out read as nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from eventstore.drivers.pulsar.admin import Json
from eventstore.drivers.pulsar.client.messages import time_of
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.subscriptions.waiting import instant
from eventstore.model.topic_details import (
    Function,
    FunctionError,
    Link,
    PartitionLedgers,
    PartitionTraffic,
    Producer,
    Quota,
    Retention,
    SchemaVersion,
    Traffic,
)

MOST_ERRORS = 5
LONGEST_ERROR = 2_000


def traffic(statistics: Sequence[Json]) -> Traffic:
    """From the ``stats`` of each partition, in order of number."""
    numbered = list(enumerate(statistics))
    return Traffic(
        partitions=[
            PartitionTraffic(
                partition=number,
                rate_in=_rate(told, "msgRateIn"),
                rate_out=_rate(told, "msgRateOut"),
                stored=_count(told, "storageSize"),
                offloaded=_count(told, "offloadedStorageSize"),
            )
            for number, told in numbered
        ],
        producers=[_producer(number, one) for number, told in numbered for one in told.get("publishers") or ()],
        links=[
            _link(number, cluster, one)
            for number, told in numbered
            for cluster, one in sorted((told.get("replication") or {}).items())
        ],
    )


def _producer(number: int, told: Json) -> Producer:
    return Producer(
        name=str(told.get("producerName", "")),
        partition=number,
        address=str(told.get("address", "")).removeprefix("/"),
        client=str(told.get("clientVersion", "")),
        connected_since=instant(str(told.get("connectedSince", ""))),
        rate=_rate(told, "msgRateIn"),
        bytes_rate=_rate(told, "msgThroughputIn"),
    )


def _link(number: int, cluster: str, told: Json) -> Link:
    return Link(
        cluster=cluster,
        partition=number,
        connected=bool(told.get("connected", False)),
        backlog=_count(told, "replicationBacklog"),
        lag=_count(told, "replicationDelayInSeconds"),
        rate_out=_rate(told, "msgRateOut"),
    )


def ledgers(internals: Sequence[Json]) -> Sequence[PartitionLedgers]:
    """From the ``internalStats`` of each partition."""
    found = []
    for number, told in enumerate(internals):
        listed = told.get("ledgers") or ()
        found.append(
            PartitionLedgers(
                partition=number,
                ledgers=len(listed),
                offloaded=sum(bool(one.get("offloaded")) for one in listed),
                entries=layout_of(told).entries,
                terminated=told.get("state") == "Terminated",
            )
        )
    return found


def retention(told: Any) -> Retention:
    told = told or {}
    return Retention(minutes=int(told.get("retentionTimeInMinutes", 0)), megabytes=int(told.get("retentionSizeInMB", 0)))


def quotas(told: Any) -> Sequence[Quota]:
    return [
        Quota(
            kind=str(kind),
            bytes=int(one.get("limitSize", one.get("limit", -1))),
            seconds=int(one.get("limitTime", -1)),
            policy=str(one.get("policy", "")),
        )
        for kind, one in sorted((told or {}).items())
    ]


def schema_versions(told: Sequence[Json]) -> Sequence[SchemaVersion]:
    """The newest first."""
    found = [
        SchemaVersion(version=int(one.get("version", 0)), kind=str(one.get("type", "")), since=_time(one.get("timestamp")))
        for one in told
    ]
    return sorted(found, key=lambda one: -one.version)


def function(name: str, topic: str, config: Json, status: Json) -> Function:
    """``topic`` is the topic's name with ``persistent://``."""
    inner = [one.get("status") or {} for one in status.get("instances") or ()]
    errors = [
        FunctionError(at=_time(error.get("timestampMs")), text=str(error.get("exceptionString", ""))[:LONGEST_ERROR])
        for one in inner
        for kind in ("latestUserExceptions", "latestSystemExceptions")
        for error in one.get(kind) or ()
    ]
    return Function(
        name=name,
        reads_this=topic in {_full(each) for each in [*(config.get("inputSpecs") or ()), *(config.get("inputs") or ())]},
        writes_this=_full(str(config.get("output") or "")) == topic,
        instances=_count(status, "numInstances"),
        running=_count(status, "numRunning"),
        received=sum(_count(one, "numReceived") for one in inner),
        handled=sum(_count(one, "numSuccessfullyProcessed") for one in inner),
        failed=sum(_count(one, "numUserExceptions") + _count(one, "numSystemExceptions") for one in inner),
        restarts=sum(_count(one, "numRestarts") for one in inner),
        errors=errors[:MOST_ERRORS],
    )


def _full(topic: str) -> str:
    """``public/default/orders`` and ``persistent://public/default/orders`` are one topic, and so is ``orders``."""
    if "://" in topic or not topic:
        return topic
    return f"persistent://{topic}" if topic.count("/") == 2 else f"persistent://public/default/{topic}"


def _time(milliseconds: Any) -> datetime | None:
    return time_of(int(milliseconds or 0))


def _count(told: Json, field: str) -> int:
    return max(0, int(told.get(field) or 0))


def _rate(told: Json, field: str) -> float:
    return max(0.0, float(told.get(field) or 0.0))
