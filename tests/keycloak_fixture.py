"""The run's Keycloak for its tests. If it cannot be started, they are skipped with the reason; in CI they fail instead."""

from secrets import token_hex

import pytest

from scripts.local_keycloak import KeycloakAddress
from tests.broker_fixture import left_out
from tests.run_servers import FIND, KEYCLOAK, NotAvailable
from tests.signin.realm import Realm


@pytest.fixture(scope="session")
def keycloak(pytestconfig: pytest.Config) -> KeycloakAddress:
    """The Keycloak of the whole run."""
    try:
        address: KeycloakAddress = pytestconfig.stash[FIND](KEYCLOAK)
    except NotAvailable as problem:
        left_out(str(problem))
    return address


@pytest.fixture(scope="session")
def realm(keycloak: KeycloakAddress, worker_id: str) -> Realm:
    """A realm of this process's own, like that of the documentation's example. Tests make their own people in it."""
    made = Realm.imported(keycloak, f"desk-{worker_id}-{token_hex(3)}")
    made.warm()
    return made
