"""What is around a topic: partitions, producers, storage, policies, schemas, replication and functions. Read-only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.gateway import desk
from dashboard.privacy import AccessProfile, DisplayValue, display_value
from dashboard.rendering.text import format_duration, format_size
from dashboard.web.pages import page, profile_of, render
from eventstore.model import StoreUnreachable, Topic
from eventstore.topic_details import (
    Function,
    IndexedShare,
    Link,
    PartitionLedgers,
    PartitionTraffic,
    Policies,
    Quota,
    Retention,
    Told,
    TopicDetails,
)

MOST_ROWS = 60
FOR_EVER = -1
BY_SIZE, BY_AGE = "destination_storage", "message_age"
"""Kinds of quotas. The broker tells both limits with each, and goes by one."""
QUOTA_WORDS = {BY_SIZE: "Backlog quota by size", BY_AGE: "Backlog quota by age"}
QUOTA_POLICIES = {
    "producer_request_hold": "producers are held back",
    "producer_exception": "producers get an error",
    "consumer_backlog_eviction": "the oldest waiting events are dropped",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionLine:
    """One partition, from whatever tells of it: ``None`` where nothing does."""

    partition: int
    traffic: PartitionTraffic | None
    ledgers: PartitionLedgers | None
    indexed: IndexedShare | None
    producers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyLine:
    """``told`` is in words; ``problem`` says why the store did not tell it."""

    name: str
    told: str
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterLine:
    """All partitions' links to one cluster together. ``lag`` is the longest, in words."""

    cluster: str
    links: int
    connected: int
    backlog: int
    lag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionLine:
    """A function with its last errors, which may quote payloads, masked."""

    function: Function
    errors: Sequence[DisplayValue]


@page("browse")
def topic_details(request: HttpRequest, topic: str) -> HttpResponse:
    known = desk().streams.topic(topic)
    face = desk().topic_details
    away: StoreUnreachable | None = None
    told: TopicDetails | None = None
    try:
        told = face.of(known.name)
    except StoreUnreachable as error:
        away = error
    lines = _partitions(known, told, face.indexed(known.name))
    context = {
        "topic": known,
        "told": told,
        "supported": face.supported,
        "partitions": lines[:MOST_ROWS],
        "more_partitions": lines[MOST_ROWS:],
        **(_around(told, profile_of(request)) if told else {}),
    }
    return render(request, "topic_details/index.html", context, away=away)


def _around(told: TopicDetails, profile: AccessProfile) -> dict[str, Any]:
    traffic = told.traffic.value
    producers = sorted(traffic.producers, key=lambda one: (-one.rate, one.name, one.partition)) if traffic else []
    functions = told.functions.value
    return {
        "producers": producers[:MOST_ROWS],
        "more_producers": max(0, len(producers) - MOST_ROWS),
        "policies": policy_lines(told.policies),
        "clusters": cluster_lines(traffic.links) if traffic else [],
        "functions": [function_line(one, profile) for one in functions.functions] if functions else [],
        "stored": sum(one.stored for one in traffic.partitions) if traffic else None,
        "offloaded": sum(one.offloaded for one in traffic.partitions) if traffic else None,
        "offloaded_ledgers": sum(one.offloaded for one in told.ledgers.value or ()),
        "all_ledgers": sum(one.ledgers for one in told.ledgers.value or ()),
    }


def _partitions(topic: Topic, told: TopicDetails | None, indexed: Mapping[int, IndexedShare]) -> Sequence[PartitionLine]:
    traffic = told.traffic.value if told else None
    flows = {one.partition: one for one in traffic.partitions} if traffic else {}
    ledgers = {one.partition: one for one in (told.ledgers.value or ())} if told else {}
    producers = [one.partition for one in traffic.producers] if traffic else []
    return [
        PartitionLine(
            partition=number,
            traffic=flows.get(number),
            ledgers=ledgers.get(number),
            indexed=indexed.get(number),
            producers=producers.count(number),
        )
        for number in range(topic.partitions)
    ]


def policy_lines(policies: Policies) -> Sequence[PolicyLine]:
    """The policies in words, each with why it is not known if it is not."""
    return [
        _line("Retention", policies.retention, retention_words),
        _line("Time to live (TTL)", policies.ttl, lambda ttl: _after(ttl) if ttl else "none: events wait for ever"),
        *_quotas(policies.quotas),
        _line("Deduplication", policies.deduplication, lambda on: "on" if on else "off"),
        _line("Clusters", policies.clusters, lambda clusters: ", ".join(clusters) or "only its own"),
    ]


def _line(name: str, told: Told[Any], words: Any) -> PolicyLine:
    return PolicyLine(name=name, told="" if told.value is None else words(told.value), problem=told.problem)


def _quotas(told: Told[Sequence[Quota]]) -> Sequence[PolicyLine]:
    if told.value is None:
        return [PolicyLine(name="Backlog quota", told="", problem=told.problem)]
    found = [PolicyLine(name=QUOTA_WORDS.get(quota.kind, quota.kind), told=quota_words(quota)) for quota in told.value]
    return found or [PolicyLine(name="Backlog quota", told="none")]


def quota_words(quota: Quota) -> str:
    """How much may wait, and what happens then."""
    limits = [format_size(quota.bytes)] if quota.bytes > 0 and quota.kind != BY_AGE else []
    limits += [format_duration(quota.seconds)] if quota.seconds > 0 and quota.kind != BY_SIZE else []
    if not limits:
        return "none"
    return f"{' or '.join(limits)}; beyond that {QUOTA_POLICIES.get(quota.policy, quota.policy)}"


def retention_words(retention: Retention) -> str:
    """How long acknowledged events are kept: the broker keeps them while both limits allow it."""
    if FOR_EVER in (retention.minutes, retention.megabytes) and retention.minutes == retention.megabytes:
        return "for ever"
    if 0 in (retention.minutes, retention.megabytes):
        return "none: an event goes once every subscription has acknowledged it"
    limits = [format_duration(60 * retention.minutes)] if retention.minutes > 0 else []
    limits += [f"{retention.megabytes:,} MB"] if retention.megabytes > 0 else []
    return f"{' and '.join(limits)} after acknowledgement"


def _after(seconds: int) -> str:
    return f"unacknowledged events expire after {format_duration(seconds)}"


def cluster_lines(links: Sequence[Link]) -> Sequence[ClusterLine]:
    """The links of all partitions, by cluster."""
    found = []
    for cluster in sorted({link.cluster for link in links}):
        of_cluster = [link for link in links if link.cluster == cluster]
        lag = max(link.lag for link in of_cluster)
        found.append(
            ClusterLine(
                cluster=cluster,
                links=len(of_cluster),
                connected=sum(link.connected for link in of_cluster),
                backlog=sum(link.backlog for link in of_cluster),
                lag=format_duration(lag) if lag else "none",
            )
        )
    return found


def function_line(one: Function, profile: AccessProfile) -> FunctionLine:
    errors = [display_value(error.text, "function_error", profile) for error in one.errors]
    return FunctionLine(function=one, errors=errors)


urls = [path("topics/<segment:topic>/details/", topic_details, name="topic_details")]
