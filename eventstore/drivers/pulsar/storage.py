"""``PulsarStorage``: one Pulsar cluster as a log, its schema registry and its subscriptions."""

from collections.abc import Callable, Sequence
from functools import partial

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.drivers.pulsar.access.credentials import NO_ACCESS_SETTINGS, AccessSettings, Credentials
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

    ``namespaces`` are ``tenant/namespace`` patterns (``*``, ``?``, ``[…]``); ``access``: who Eventdesk is to the broker.
    """

    def __init__(
        self,
        *,
        service_url: str,
        admin_url: str,
        namespaces: Sequence[str] = ("public/default",),
        kinds: TopicKinds = BY_NAME,
        access: AccessSettings = NO_ACCESS_SETTINGS,
    ) -> None:
        self._opener = partial(
            PulsarStorage, service_url=service_url, admin_url=admin_url, namespaces=namespaces, kinds=kinds, access=access
        )
        credentials = Credentials(access)
        admin = Admin(url=admin_url, credentials=credentials)
        self._cluster = Cluster(
            connection=BrokerConnection(service_url=service_url, credentials=credentials, ask=admin.version),
            admin=admin,
            namespaces=namespaces,
            kinds=kinds,
        )
        messages = PulsarLog(self._cluster)
        self.log = UnfoldedLog(messages)
        self.copying = PulsarCopying(self._cluster, messages)
        self.schemas = PulsarSchemas(self._cluster)
        self.subscriptions = PulsarSubscriptions(self._cluster)
        self.details = PulsarDetails(self._cluster)

    def opener(self) -> Callable[[], "PulsarStorage"]:
        """Return what opens the same storage in another process. Can be pickled, and holds the credentials."""
        return self._opener

    def __repr__(self) -> str:
        return f"PulsarStorage({self._cluster.connection.where})"

    def close(self) -> None:
        self.copying.close()
        self._cluster.close()
