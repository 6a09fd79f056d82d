"""The only place that builds the gateway: storage, configuration, and the two things it needs of people."""

import threading

from django.conf import settings

from dashboard.access.policy import may
from dashboard.auditing.chain import DatabaseRecord
from eventstore.desk import Gateway
from eventstore.drivers import open_storage
from eventstore.scanning import Scans
from eventstore.tail import Hub

_lock = threading.Lock()
_gateway: Gateway | None = None
_hub: Hub | None = None
_scans: Scans | None = None


def gateway() -> Gateway:
    """This process's gateway, built on first use: after any fork, as Pulsar's client needs it."""
    global _gateway  # noqa: PLW0603
    with _lock:
        if _gateway is None:
            storage = open_storage(
                settings.EVENTSTORE_URL,
                admin_url=settings.PULSAR_ADMIN_URL,
                namespaces=settings.EVENTSTORE_NAMESPACES,
                kinds=settings.EVENTDESK.topics,
            )
            _gateway = Gateway(
                storage=storage,
                config=settings.EVENTDESK,
                record=DatabaseRecord(),
                may=may,
                hash_key=settings.EVENTDESK_HASH_KEY,
            )
        return _gateway


def hub() -> Hub:
    """This process's tails, built on first use."""
    global _hub  # noqa: PLW0603
    current = gateway()
    with _lock:
        if _hub is None:
            _hub = Hub(storage=current.storage, read=current.read)
        return _hub


def scans() -> Scans:
    """This process's searches over topics."""
    global _scans  # noqa: PLW0603
    with _lock:
        if _scans is None:
            _scans = Scans()
        return _scans


def close() -> None:
    """Let go of the store, the tails and the searches; the next use builds them anew."""
    global _gateway, _hub, _scans  # noqa: PLW0603
    with _lock:
        if _scans is not None:
            _scans.close()
        if _hub is not None:
            _hub.close()
        if _gateway is not None:
            _gateway.close()
        _gateway = _hub = _scans = None
