"""Topics that are deleted and made anew under the same name: what was known of the old one does not hold for the new one."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import MadeAnew
from eventstore.model.events import Message
from eventstore.model.log import Edge
from eventstore.schemas import Schemas
from tests.broker.conftest import MakeTopic, roll_over
from tests.broker.made_anew import delete, publish

pytestmark = pytest.mark.broker


def read(schemas: Schemas, messages: list[Message]) -> list[bytes]:
    return [found[0] for message in messages if (found := schemas.decoded(message)) is not None]


def test_a_topic_made_anew_is_another_incarnation_and_is_read_by_its_own_schema(
    storage: PulsarStorage, client: Any, admin: httpx.Client
) -> None:
    """Also right after it was made: nothing of the old one is remembered for any time."""
    name = f"public/default/anew-{uuid4().hex}"
    schemas = Schemas(storage.schemas)
    publish(client, name, "customer")
    old = storage.log.incarnation(name, 0)
    assert read(schemas, list(storage.log.read_forward(name, 0, limit=10))) == [b'{"customer":"Ada","n":1}']
    delete(admin, name)
    publish(client, name, "mother")
    found = storage.log.read_forward(name, 0, limit=10)
    assert read(schemas, list(found)) == [b'{"mother":"Ada","n":1}']
    assert found[0].incarnation not in ("", old)


def test_unloading_keeps_the_incarnation_and_a_partition_without_events_has_one(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic(partitions=2)
    first = [storage.log.incarnation(name, number) for number in (0, 1)]
    assert all(first)
    publish(client, name, "customer", events=3)
    roll_over(admin, name)
    publish(client, name, "customer", events=3)
    assert [storage.log.incarnation(name, number) for number in (0, 1)] == first
    read = [message for number in (0, 1) for message in storage.log.read_forward(name, number, limit=10)]
    assert {message.incarnation for message in read} <= set(first)


def test_a_reader_never_goes_on_in_a_topic_that_was_made_anew(
    storage: PulsarStorage, client: Any, admin: httpx.Client
) -> None:
    name = f"public/default/anew-{uuid4().hex}"
    publish(client, name, "customer", events=2)
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST) as reader:
        assert len(reader.read(limit=10, timeout=5)) == 2
        delete(admin, name)
        publish(client, name, "mother", events=2)
        with pytest.raises(MadeAnew):
            for _ in range(20):
                assert reader.read(limit=10, timeout=1) == []
