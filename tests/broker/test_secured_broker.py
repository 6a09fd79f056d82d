"""A broker that asks who one is, and what one may do: roles by token, each with the permissions of its namespace."""

from collections.abc import Iterator

import httpx
import pytest

from eventstore.drivers.pulsar.connection import NO_PERMISSION
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import StoreRefused
from eventstore.model.events import NewMessage
from scripts.local_pulsar import LocalPulsar
from tests.broker.conftest import storage_of
from tests.broker_fixture import started

pytestmark = [pytest.mark.broker, pytest.mark.soak]

TOPIC = "public/default/documents"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    broker = started(tmp_path_factory.mktemp("secured"), secured=True)
    with as_role(broker, "admin") as admin:
        admin.post("namespaces/public/default/permissions/reader", json=["consume"]).raise_for_status()
        admin.post("namespaces/public/default/permissions/service", json=["produce", "consume"]).raise_for_status()
        admin.put(f"persistent/{TOPIC}").raise_for_status()
        admin.put(f"persistent/{TOPIC}/subscription/app-timeline", json="earliest").raise_for_status()
    yield broker
    broker.kill()


def as_role(broker: LocalPulsar, role: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {broker.token(role)}"}
    return httpx.Client(base_url=f"{broker.admin_url}/admin/v2/", timeout=10, headers=headers)


@pytest.fixture
def storage(secured: LocalPulsar, request: pytest.FixtureRequest) -> Iterator[PulsarStorage]:
    """As the role that the parameter names."""
    one = storage_of(secured, token=secured.token(request.param))
    yield one
    one.close()


@pytest.mark.parametrize("storage", ["reader"], indirect=True)
def test_a_reader_is_told_figures_and_why_the_rest_is_not_told(storage: PulsarStorage) -> None:
    assert [one.name for one in storage.subscriptions.of_topic(TOPIC)] == ["app-timeline"]
    told = storage.details.of(TOPIC)
    assert told.traffic.value is not None
    assert told.ledgers.value is not None
    policies = told.policies
    refused = {name: getattr(policies, name).problem for name in ("retention", "ttl", "quotas", "deduplication", "clusters")}
    assert set(refused.values()) == {NO_PERMISSION}


@pytest.mark.parametrize("storage", ["service"], indirect=True)
def test_who_may_publish_publishes(storage: PulsarStorage) -> None:
    storage.log.append(TOPIC, [NewMessage(payload=b"{}", key="4711")])
    assert storage.log.read_backward(TOPIC, 0, limit=1)


@pytest.mark.parametrize("storage", ["stranger"], indirect=True)
def test_a_stranger_is_refused_with_what_to_check(storage: PulsarStorage) -> None:
    for ask in (lambda: storage.subscriptions.of_topic(TOPIC), lambda: storage.details.of(TOPIC), storage.log.topics):
        with pytest.raises(StoreRefused, match="check the token or certificate, and its permissions"):
            ask()
