"""A broker that takes tokens of a real OpenID provider, and a desk that gets its own there by client credentials."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from eventstore.drivers.pulsar.access.credentials import AccessSettings
from eventstore.drivers.pulsar.access.oauth2 import OAuth2Settings
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import NotLetIn, NotPermitted
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from scripts.local_keycloak import KeycloakAddress
from scripts.local_pulsar import LocalPulsar
from scripts.pulsar_configuration import AUDIENCE
from tests.broker_fixture import started
from tests.contract.helpers import payloads

pytestmark = [pytest.mark.broker, pytest.mark.soak]

REALM = f"broker-{uuid4().hex[:8]}"
LASTS = 6
"""Seconds that a token lasts."""


@pytest.fixture(scope="module")
def realm(keycloak: KeycloakAddress) -> str:
    keycloak.import_realm({"realm": REALM, "enabled": True, "accessTokenLifespan": LASTS})
    audience = {"included.custom.audience": AUDIENCE, "access.token.claim": "true"}
    mapper = {"name": "a", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": audience}
    for name, lasts in (("desk", LASTS), ("admin", 3600)):
        client = {
            "clientId": name,
            "secret": "one",
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "protocolMappers": [mapper],
            "attributes": {"access.token.lifespan": str(lasts)},
        }
        keycloak.request("POST", f"/{REALM}/clients", client)
    return keycloak.issuer(REALM)


@pytest.fixture(scope="module")
def administrators(realm: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": "admin", "client_secret": "one"}
    return str(httpx.post(f"{realm}/protocol/openid-connect/token", data=form).raise_for_status().json()["access_token"])


@pytest.fixture(scope="module")
def broker(realm: str, administrators: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    key = httpx.get(realm).raise_for_status().json()["public_key"]
    one = started(tmp_path_factory.mktemp("issued"), secured=True, issuers_key=key, issued=administrators, refresh_seconds=2)
    yield one
    one.kill()


def desk(broker: LocalPulsar, realm: str, folder: Path, secret: str) -> PulsarStorage:
    key = folder / "key.json"
    key.write_text(json.dumps({"client_id": "desk", "client_secret": secret}))
    access = AccessSettings(oauth2=OAuth2Settings(issuer_url=realm, key_file=str(key), audience=AUDIENCE))
    return PulsarStorage(service_url=broker.service_url, admin_url=broker.admin_url, access=access)


def test_a_client_of_a_real_provider_lives_on_while_its_tokens_end(
    broker: LocalPulsar, realm: str, administrators: str, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {administrators}"}
    storage = desk(broker, realm, tmp_path, "one")
    with httpx.Client(base_url=f"{broker.admin_url}/admin/v2/", headers=headers, timeout=10) as admin:
        admin.put("persistent/public/default/issued").raise_for_status()
        with pytest.raises(NotPermitted, match="list the topics of public/default"):
            storage.log.topics()
        admin.post("namespaces/public/default/permissions/desk", json=["produce", "consume"]).raise_for_status()
    until, number, found = time.monotonic() + 3 * LASTS, 0, list[bytes]()
    with storage.log.open_reader("public/default/issued", 0, after=Edge.EARLIEST) as reader:
        while time.monotonic() < until or len(found) < number:
            if time.monotonic() < until:
                storage.log.append("public/default/issued", [NewMessage(payload=b"%d" % number, key="k")])
                number += 1
            found += payloads(reader.read(limit=9, timeout=0.5))
    assert found == [b"%d" % each for each in range(number)]
    storage.close()


def test_a_client_with_a_wrong_secret_is_told_that_the_issuer_gives_it_nothing(
    broker: LocalPulsar, realm: str, tmp_path: Path
) -> None:
    storage = desk(broker, realm, tmp_path, "another")
    with pytest.raises(NotLetIn, match=r"does not give Eventdesk one \(401, (invalid|unauthorized)_client\)"):
        storage.log.topics()
    storage.close()
