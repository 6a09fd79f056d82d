"""Chooses the driver by ``EVENTSTORE_URL``."""

import os
from urllib.parse import SplitResult, urlsplit

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.model.errors import InvalidConfiguration
from eventstore.model.storage import Storage


def open_storage(url: str, *, admin_url: str = "", namespaces: str = "public/default", kinds: TopicKinds = BY_NAME) -> Storage:
    """Open the storage at this URL: ``database://``, ``pulsar://host:port`` or ``pulsar+ssl://host:port``.

    ``namespaces`` are patterns, separated by commas. ``kinds`` tells what each topic is for. Credentials for Pulsar
    come from the environment (``drivers.pulsar.access.environment``).

    Raises ``InvalidConfiguration`` for anything else. Nothing is contacted yet.
    """
    scheme = _parts(url, "EVENTSTORE_URL").scheme
    if scheme == "database":
        from eventstore.drivers.database.storage import DatabaseStorage

        return DatabaseStorage(kinds)
    if scheme in ("pulsar", "pulsar+ssl"):
        return _open_pulsar(url, admin_url, namespaces, kinds)
    raise InvalidConfiguration(
        "EVENTSTORE_URL must begin with database://, pulsar:// or pulsar+ssl://. Leave it out for the embedded store."
    )


def _open_pulsar(url: str, admin_url: str, namespaces: str, kinds: TopicKinds) -> Storage:
    from eventstore.drivers.pulsar.access.environment import settings_of
    from eventstore.drivers.pulsar.storage import PulsarStorage

    broker = _parts(url, "EVENTSTORE_URL").netloc
    if not broker:
        raise InvalidConfiguration("EVENTSTORE_URL names no broker: write pulsar://host:6650 or pulsar+ssl://host:6651.")
    if "@" in broker:  # pulsar-client 3.13: ValueError, invalid hostname
        raise InvalidConfiguration(
            "EVENTSTORE_URL holds a user name, which Pulsar's client does not take: write it without, and give PULSAR_TOKEN."
        )
    if not admin_url:
        raise InvalidConfiguration(
            "PULSAR_ADMIN_URL is missing: give the address of Pulsar's admin REST API, such as http://127.0.0.1:8080."
        )
    admin = _parts(admin_url, "PULSAR_ADMIN_URL")
    if admin.scheme not in ("http", "https") or not admin.netloc:
        raise InvalidConfiguration("PULSAR_ADMIN_URL must begin with http:// or https:// and name a host.")
    patterns = [pattern.strip() for pattern in namespaces.split(",") if pattern.strip()]
    if not patterns or not all(_is_namespace(pattern) for pattern in patterns):
        raise InvalidConfiguration(
            "EVENTSTORE_NAMESPACES takes tenant/namespace patterns, separated by commas, such as public/default."
        )
    return PulsarStorage(
        service_url=url,
        admin_url=admin_url,
        namespaces=patterns,
        kinds=kinds,
        access=settings_of(os.environ),
    )


def _parts(address: str, variable: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise InvalidConfiguration(f"{variable} is not an address: write it as in docs/point-at-your-pulsar.md.") from error


def _is_namespace(pattern: str) -> bool:
    tenant, _, namespace = pattern.partition("/")
    return bool(tenant and namespace) and "/" not in namespace
