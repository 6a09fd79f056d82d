"""A namespace of the shared broker for one test, so that only its own topics are watched and indexed."""

from typing import Protocol
from uuid import uuid4

import httpx


class Broker(Protocol):
    @property
    def service_url(self) -> str: ...
    @property
    def admin_url(self) -> str: ...


def own_namespace(broker: Broker) -> dict[str, str]:
    """Create a namespace, and return the environment of a desk that watches only this namespace."""
    namespace = f"public/test-{uuid4().hex[:12]}"
    httpx.put(f"{broker.admin_url}/admin/v2/namespaces/{namespace}", timeout=20, verify=False).raise_for_status()
    return {
        "EVENTSTORE_URL": broker.service_url,
        "PULSAR_ADMIN_URL": broker.admin_url,
        "EVENTSTORE_NAMESPACES": namespace,
    }
