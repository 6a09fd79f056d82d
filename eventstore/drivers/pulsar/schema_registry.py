"""Pulsar's schema registry. Every broker has one."""

from eventstore.drivers.pulsar.cluster import Cluster
from eventstore.drivers.pulsar.names import full_name
from eventstore.model.schema_registry import Schema


class PulsarSchemas:
    """Fulfils ``eventstore.model.schema_registry.SchemaRegistry``."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def schema(self, topic: str, version: str) -> Schema | None:
        self._cluster.check_open()
        return self._cluster.admin.schema(full_name(topic) or self._cluster.known(topic).name, version)
