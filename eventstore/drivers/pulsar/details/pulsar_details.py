"""Asks the broker for everything around a topic: nine requests, and two for each of ten functions, six at a time.

Each request is refused by itself: a role may be allowed to see a topic's figures and not its policies.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.cluster import Cluster
from eventstore.drivers.pulsar.details import answers
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.errors import EventStoreError, StoreClosed, StoreUnreachable
from eventstore.model.topic_details import Function, Functions, Policies, Told, TopicDetails

SIDE_BY_SIDE = 6
MOST_FUNCTIONS = 10
"""Functions of a namespace whose configuration and status are asked for: two requests each."""


class PulsarDetails:
    """Fulfils ``eventstore.model.topic_details.TopicDetailsSource``."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def of(self, topic: str) -> TopicDetails:
        known = self._cluster.known(topic)
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="details") as pool:
            return _gathered(self._cluster.admin, known, pool)


def _gathered(admin: Admin, known: KnownTopic, pool: ThreadPoolExecutor) -> TopicDetails:
    name, shards = known.name, known.shards
    stats = pool.submit(lambda: answers.traffic(admin.statistics(name, shards, producers=True)))
    inside = pool.submit(lambda: answers.ledgers(admin.internals(name, shards)))
    retention = pool.submit(lambda: answers.retention(admin.policy(name, "retention")))
    ttl = pool.submit(lambda: int(admin.policy(name, "messageTTL") or 0))
    quotas = pool.submit(lambda: answers.quotas(admin.policy(name, "backlogQuotaMap")))
    deduplication = pool.submit(lambda: bool(admin.policy(name, "deduplicationEnabled")))
    clusters = pool.submit(lambda: [str(one) for one in admin.policy(name, "replication") or ()])
    schemas = pool.submit(lambda: answers.schema_versions(admin.schema_versions(name)))
    names = pool.submit(lambda: admin.functions(name.watched_as))
    try:
        traffic = Told(value=stats.result())
    except StoreUnreachable:
        raise
    except EventStoreError as error:
        traffic = Told(problem=str(error))
    return TopicDetails(
        traffic=traffic,
        ledgers=_told(inside),
        policies=Policies(
            retention=_told(retention),
            ttl=_told(ttl),
            quotas=_told(quotas),
            deduplication=_told(deduplication),
            clusters=_told(clusters),
        ),
        schemas=_told(schemas),
        functions=_functions(admin, known, _told(names), pool),
    )


def _functions(admin: Admin, known: KnownTopic, names: Told[Sequence[str]], pool: ThreadPoolExecutor) -> Told[Functions]:
    if names.value is None:
        return Told(problem=names.problem)
    asked = [pool.submit(_function, admin, known, name) for name in names.value[:MOST_FUNCTIONS]]
    found = [one.result() for one in asked]
    return Told(value=Functions(functions=found, more=len(names.value) - len(found)))


def _function(admin: Admin, known: KnownTopic, name: str) -> Function:
    try:
        config = admin.function(known.name.watched_as, name)
        return answers.function(name, known.name.uri, config, admin.function(known.name.watched_as, name, "status"))
    except StoreClosed:
        raise
    except EventStoreError as error:
        return Function(name=name, reads_this=False, writes_this=False, problem=str(error))


def _told(asked: "Future[Any]") -> Told[Any]:
    try:
        return Told(value=asked.result())
    except StoreClosed:
        raise
    except EventStoreError as error:
        return Told(problem=str(error))
