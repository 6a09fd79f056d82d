"""Events of transactions: what is published while one is open is held back from everybody, and nobody is to blame."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.log import Edge, Reader
from eventstore.model.subscriptions import Cursor, SubscriptionType
from tests.broker.conftest import MakeTopic
from tests.broker_fixture import started
from tests.contract.helpers import eventually
from tests.java_transactions import Order, publishing
from tests.namespaces import Broker

pytestmark = pytest.mark.broker

LONGEST_WAIT = 20.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with transactions; the run's have none."""
    one = started(tmp_path_factory.mktemp("transactions"), transactions=True)
    yield one.setup
    one.kill()


@pytest.fixture
def name(storage: PulsarStorage, topic: MakeTopic) -> str:
    return topic()


@pytest.fixture(scope="module")
def publisher(broker: Broker) -> Iterator[Order]:
    with publishing(broker.service_url, in_batch=3) as one:
        yield one


@pytest.fixture
def order(publisher: Order, name: str) -> Order:
    publisher(f"topic persistent://{name}")
    return publisher


def read(reader: Reader, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count and (more := reader.read(limit=100, timeout=LONGEST_WAIT)):
        found += [message.payload for message in more]
    return found


def cursor_of(storage: PulsarStorage, name: str) -> Cursor:
    [cursor] = storage.subscriptions.named(name, "mailer").cursors
    return cursor


def test_what_an_open_transaction_holds_back_is_said_and_comes_to_a_tail_that_began_meanwhile(
    storage: PulsarStorage, name: str, order: Order
) -> None:
    storage.subscriptions.create(name, "mailer", type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    order("ordinary first")
    before = cursor_of(storage, name)
    assert before.behind is None
    order("begin")
    order("batch a b c")
    assert cursor_of(storage, name).behind is None, "the first event waits as well, and it can be delivered"
    with storage.subscriptions.consume(name, "mailer", type=SubscriptionType.SHARED, consumer="c") as consumer:
        [first] = consumer.receive(limit=10, timeout=LONGEST_WAIT)
        consumer.acknowledge(first.position)
        assert eventually(lambda: cursor_of(storage, name).behind is not None)
    opened = cursor_of(storage, name).behind
    assert opened is not None
    assert opened.since is not None
    assert timedelta() <= datetime.now(UTC) - opened.since < timedelta(minutes=2)

    at_a_batch = storage.log.ends(name)[0].last
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as behind_a_batch:
        order("ordinary held")
        at_a_plain_entry = storage.log.ends(name)[0].last
        assert at_a_batch == at_a_plain_entry == first.position, "the last event that can be read"
        with storage.log.open_reader(name, 0, after=Edge.LATEST) as behind_a_plain_entry:
            order("commit")
            for reader in (behind_a_batch, behind_a_plain_entry):
                assert read(reader, 4) == [b"a", b"b", b"c", b"held"]
    assert cursor_of(storage, name).behind is None


def test_of_an_aborted_transaction_nothing_comes_and_the_end_is_what_can_be_read(
    storage: PulsarStorage, name: str, order: Order
) -> None:
    order("ordinary first")
    order("begin")
    order("single never")
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:
        order("abort")
        [end] = storage.log.ends(name)
        assert end.last == end.first
        with storage.log.open_reader(name, 0, after=Edge.LATEST) as later:
            order("ordinary second")
            assert read(reader, 1) == read(later, 1) == [b"second"]
