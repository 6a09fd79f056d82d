"""A broker that asks who one is and what one may do: with tokens and certificates, in the clear and with TLS.

The files that use it run in one worker (``scheduling.TOGETHER``), which starts it once.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from eventstore.drivers.pulsar.access.credentials import AccessSettings
from eventstore.drivers.pulsar.access.tls import TlsFiles
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import EventStoreError
from scripts.local_pulsar import LocalPulsar
from scripts.ports import LOOPBACK
from tests.broker_fixture import started
from tests.certificates import Authority, replace
from tests.contract.helpers import eventually
from tests.scheduling import group

REFRESH_SECONDS = 2
"""How often the broker looks whether what a connection came with has ended."""
SECURED = pytest.StashKey["Secured"]()


class Secured:
    """The broker, and the authority that it trusts and that has signed its certificate for 127.0.0.1 alone."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "tls")
        self.authority.issue("broker", "broker", address="127.0.0.1")
        self.broker: LocalPulsar = started(
            folder / "pulsar", secured=True, certificates=folder / "tls", refresh_seconds=REFRESH_SECONDS
        )
        self.admin = httpx.Client(
            base_url=f"{self.broker.admin_url}/admin/v2/",
            timeout=10,
            headers={"Authorization": f"Bearer {self.broker.token('admin')}"},
        )

    @property
    def trust(self) -> str:
        return str(self.authority.certificate)

    def as_admin(self) -> AccessSettings:
        return AccessSettings(token=self.broker.token("admin"))

    def namespace(self) -> str:
        """Make a namespace in a tenant that nobody is an admin of."""
        name = f"public/n-{uuid4().hex}"
        self.admin.put(f"namespaces/{name}").raise_for_status()
        return name

    def grant(self, namespace: str, role: str, permissions: Sequence[str]) -> None:
        self.admin.post(f"namespaces/{namespace}/permissions/{role}", json=list(permissions)).raise_for_status()

    def revoke(self, namespace: str, role: str) -> None:
        self.admin.delete(f"namespaces/{namespace}/permissions/{role}").raise_for_status()

    def topic(self, namespace: str, *, subscription: str = "mailer") -> str:
        """Make a topic with a subscription at its beginning, and return its name."""
        name = f"{namespace}/documents"
        self.admin.put(f"persistent/{name}").raise_for_status()
        self.admin.put(f"persistent/{name}/subscription/{subscription}", json="earliest").raise_for_status()
        return name

    def write_token(self, path: Path, role: str, *, lasts: float | None = None) -> Path:
        """Put a token of this role in place of the file's content; ``lasts`` is in seconds."""
        replace(path, self.broker.token(role, ends=None if lasts is None else time.time() + lasts).encode())
        return path

    def with_token(self, path: Path, namespace: str) -> PulsarStorage:
        """Open the store with the token of this file."""
        return self.open(AccessSettings(token_file=str(path), tls=TlsFiles(trust_certs=self.trust)), namespace)

    def with_certificate(self, files: tuple[Path, Path], namespace: str) -> PulsarStorage:
        tls = TlsFiles(trust_certs=self.trust, certificate=str(files[0]), key=str(files[1]))
        return self.open(AccessSettings(tls=tls), namespace)

    def open(self, access: AccessSettings, namespace: str, *, host: str = LOOPBACK) -> PulsarStorage:
        """Open the store with TLS. Its certificate is for 127.0.0.1 alone."""
        setup = self.broker.setup
        service, admin = (url.replace(LOOPBACK, host) for url in (setup.tls_service_url, setup.tls_admin_url))
        return PulsarStorage(service_url=service, admin_url=admin, namespaces=[namespace], access=access)


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Secured]:
    one = Secured(tmp_path_factory.mktemp("secured"))
    pytestconfig.stash[SECURED] = one
    yield one
    one.broker.kill()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End it after the last of the files that share it."""
    if SECURED in item.config.stash and (nextitem is None or group(nextitem.nodeid) != group(item.nodeid)):
        item.config.stash[SECURED].broker.kill()


def settles(holds: Callable[[], bool]) -> bool:
    """Return whether this becomes true, whatever the store says before: a broker keeps permissions in memory for a moment."""

    def without_errors() -> bool:
        try:
            return holds()
        except EventStoreError:
            return False

    return eventually(without_errors)
