"""What the broker permits a role, and what somebody without a permission is told: the one that is missing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from eventstore.drivers.pulsar.access import needs
from eventstore.drivers.pulsar.access.needs import Deed
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import NotPermitted
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.secured import Secured, settles

pytestmark = pytest.mark.broker

ONE = [NewMessage(payload=b"{}", key="4711")]
Call = Callable[[PulsarStorage, str], object]
CALLS: dict[str, tuple[Deed, Call]] = {
    "topics": (needs.LIST, lambda storage, topic: storage.log.topics()),
    "topic": (needs.LOOK, lambda storage, topic: storage.log.topic(topic)),
    "subscriptions": (needs.LOOK, lambda storage, topic: storage.subscriptions.of_topic(topic)),
    "read": (needs.READ, lambda storage, topic: storage.log.read_forward(topic, 0, limit=1)),
    "follow": (needs.READ, lambda storage, topic: storage.log.open_reader(topic, 0, after=Edge.EARLIEST).close()),
    "consume": (
        needs.READ,
        lambda storage, topic: storage.subscriptions.consume(topic, "own", type=SubscriptionType.SHARED, consumer="c").close(),
    ),
    "append": (needs.PUBLISH, lambda storage, topic: storage.log.append(topic, ONE)),
    "copy": (
        needs.PUBLISH,
        lambda storage, topic: storage.copying.open_publisher(
            topic, partitions=[0], mark=("desk", uuid4().hex), schemas={"": None}
        ).close(),
    ),
    "reset": (
        needs.SUBSCRIBE,
        lambda storage, topic: storage.subscriptions.reset_cursor(topic, "mailer", {0: Edge.EARLIEST}),
    ),
    "create": (needs.CREATE, lambda storage, topic: storage.log.create_topic(f"{topic}-{uuid4().hex}")),
    "time": (needs.PEEK, lambda storage, topic: storage._cluster.admin.entry_since(storage._cluster.known(topic).name, 1)),
}
PERMISSIONS = {"nothing": [], "consume": ["consume"], "produce": ["produce"], "both": ["consume", "produce"]}
GIVES = {
    "nothing": (),
    "consume": (needs.CONSUME, needs.EITHER),
    "produce": (needs.PRODUCE, needs.EITHER),
    "both": (needs.CONSUME, needs.PRODUCE, needs.EITHER),
}


@pytest.fixture(scope="module")
def place(secured: Secured) -> tuple[str, str]:
    """A namespace and a topic in it, with one event."""
    namespace = secured.namespace()
    for role, permissions in PERMISSIONS.items():
        if permissions:
            secured.grant(namespace, role, permissions)
    return namespace, secured.topic(namespace)


@pytest.fixture(scope="module")
def stores(
    secured: Secured, place: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, PulsarStorage]]:
    """As each role, by its name."""
    folder = tmp_path_factory.mktemp("tokens")
    with ExitStack() as open_ones:
        found = {}
        for role in (*PERMISSIONS, "admin"):
            found[role] = secured.with_token(secured.write_token(folder / role, role), place[0])
            open_ones.callback(found[role].close)
        found["admin"].log.append(place[1], ONE)
        yield found


@pytest.mark.parametrize("role", PERMISSIONS)
@pytest.mark.parametrize("name", CALLS)
def test_a_role_may_do_what_its_permissions_give_and_is_told_what_is_missing(
    stores: dict[str, PulsarStorage], place: tuple[str, str], role: str, name: str
) -> None:
    namespace, topic = place
    deed, call = CALLS[name]
    if deed.permission in GIVES[role] and (role != "produce" or deed is not needs.READ):
        call(stores[role], topic)
        return
    with pytest.raises(NotPermitted) as raised:
        call(stores[role], topic)
    said = str(raised.value)
    assert f"does not let Eventdesk ({role})" in said
    if role != "nothing":  # who may do nothing is stopped by the first question of several
        tenant = namespace.partition("/")[0]
        assert f"it needs {deed.permission.format(namespace=namespace, tenant=tenant)}." in said
        assert namespace in said


def test_an_admin_of_everything_may_do_it_all(stores: dict[str, PulsarStorage], place: tuple[str, str]) -> None:
    for _, call in CALLS.values():
        call(stores["admin"], place[1])


def test_a_reader_is_told_figures_and_which_permission_the_rest_needs(
    stores: dict[str, PulsarStorage], place: tuple[str, str]
) -> None:
    told = stores["consume"].details.of(place[1])
    assert told.traffic.value is not None
    assert told.ledgers.value is not None
    policies = ("retention", "ttl", "quotas", "deduplication", "clusters")
    for name in policies:
        assert "look at the policies of" in getattr(told.policies, name).problem
        assert "it needs the role of an admin of the tenant public." in getattr(told.policies, name).problem


def test_patterns_of_namespaces_need_an_admin_of_the_tenant(secured: Secured, tmp_path: Path) -> None:
    for pattern, missing in (("public/*", needs.NAMESPACES), ("pub*/x", needs.TENANTS)):
        storage = secured.with_token(secured.write_token(tmp_path / "token", "nothing"), pattern)
        with pytest.raises(NotPermitted, match=missing.permission.format(tenant="public")):
            storage.log.topics()
        storage.close()


def test_what_is_granted_later_works_at_once_and_what_is_taken_away_is_told(secured: Secured, tmp_path: Path) -> None:
    namespace = secured.namespace()
    topic = secured.topic(namespace)
    role = f"role-{uuid4().hex}"
    storage = secured.with_token(secured.write_token(tmp_path / "token", role), namespace)
    with pytest.raises(NotPermitted, match="list the topics of"):
        storage.log.topics()
    secured.grant(namespace, role, ["consume"])
    assert settles(lambda: [one.name for one in storage.log.topics()] == [topic])
    reader = storage.log.open_reader(topic, 0, after=Edge.EARLIEST)
    secured.revoke(namespace, role)
    with pytest.raises(NotPermitted, match=rf"look at {topic}|read {topic}"):
        for _ in range(100):
            reader.read(limit=1, timeout=0.2)
    secured.grant(namespace, role, ["consume"])
    assert settles(lambda: storage.log.read_forward(topic, 0, limit=1) == [])
    assert settles(lambda: list(reader.read(limit=1, timeout=0.2)) == [])
    reader.close()
    storage.close()
