"""Opens a storage from an environment, in the test itself and in the processes that it starts."""

import os
from collections.abc import Mapping

from eventstore.model.storage import Storage


def storage_from(environment: Mapping[str, str]) -> Storage:
    """Open the driver that ``EVENTSTORE_URL`` of this environment names; the embedded store if there is none."""
    url = environment.get("EVENTSTORE_URL", "database://")
    if url.startswith("pulsar"):
        from eventstore.drivers.pulsar.storage import PulsarStorage

        namespaces = (environment.get("EVENTSTORE_NAMESPACES", "public/default"),)
        return PulsarStorage(service_url=url, admin_url=environment["PULSAR_ADMIN_URL"], namespaces=namespaces)
    from eventstore.drivers.database.storage import DatabaseStorage

    return DatabaseStorage()


def storage_of_this_process() -> Storage:
    """As ``storage_from``, in a process that has not set up Django yet."""
    import django

    django.setup()
    return storage_from(os.environ)
