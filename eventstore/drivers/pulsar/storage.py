"""``PulsarStorage``: one Pulsar cluster as a log, its schema registry and its subscriptions."""

from collections.abc import Sequence

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.cluster import Cluster
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.copying.pulsar_copying import PulsarCopying
from eventstore.drivers.pulsar.details.pulsar_details import PulsarDetails
from eventstore.drivers.pulsar.log import PulsarLog
from eventstore.drivers.pulsar.schema_registry import PulsarSchemas
from eventstore.drivers.pulsar.subscriptions.pulsar_subscriptions import PulsarSubscriptions
from eventstore.drivers.unfolding import UnfoldedLog


class PulsarStorage:
    """Fulfils ``eventstore.model.storage.Storage``. Nothing is contacted before the first call, and each process has
    connections of its own.

    ``namespaces`` are ``tenant/namespace`` patterns (``*``, ``?``, ``[…]``); ``tls_…`` are paths of PEM files.
    """

    def __init__(
        self,
        *,
        service_url: str,
        admin_url: str,
        namespaces: Sequence[str] = ("public/default",),
        kinds: TopicKinds = BY_NAME,
        token: str = "",
        tls_trust_certs: str = "",
        tls_certificate: str = "",
        tls_key: str = "",
    ) -> None:
        credentials = {"token": token, "trust_certs": tls_trust_certs, "certificate": tls_certificate, "key": tls_key}
        self._cluster = Cluster(
            connection=BrokerConnection(service_url=service_url, **credentials),
            admin=Admin(url=admin_url, **credentials),
            namespaces=namespaces,
            kinds=kinds,
        )
        messages = PulsarLog(self._cluster)
        self.log = UnfoldedLog(messages)
        self.copying = PulsarCopying(self._cluster, messages)
        self.schemas = PulsarSchemas(self._cluster)
        self.subscriptions = PulsarSubscriptions(self._cluster)
        self.details = PulsarDetails(self._cluster)

    def __repr__(self) -> str:
        return f"PulsarStorage({self._cluster.connection.where})"

    def close(self) -> None:
        self._cluster.close()
