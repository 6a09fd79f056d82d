"""A topic that is followed can be deleted, and stays away: no reader of ours is in the way, and none creates it anew."""

import time
from contextlib import ExitStack, closing
from functools import partial

import httpx
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import UnknownTopic
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge, Reader
from tests.broker.conftest import MakeTopic, storage_of
from tests.contract.helpers import eventually, read_until
from tests.namespaces import Broker

pytestmark = pytest.mark.broker

PARTITIONS = 3
LOOKS = 20
"""Looks at what is listed, over some seconds: the client would connect again after 0.1 second."""


def path(name: str, partitions: int) -> str:
    return f"persistent/{name}/partitions" if partitions > 1 else f"persistent/{name}"


def logs_of(admin: httpx.Client, name: str) -> list[str]:
    """The topic's logs that the broker lists, and the topic itself if it is listed as partitioned."""
    namespace, _, local = name.rpartition("/")
    listed = [one for where in ("", "/partitioned") for one in admin.get(f"persistent/{namespace}{where}").json()]
    return sorted(one for one in listed if one.rpartition("/")[2].partition("-partition-")[0] == local)


def is_watched(admin: httpx.Client, name: str, partitions: int) -> bool:
    """Whether a reader of ours is connected to the topic."""
    logs = [f"{name}-partition-{number}" for number in range(partitions)] if partitions > 1 else [name]
    return any(admin.get(f"persistent/{log}/stats").json().get("subscriptions") for log in logs)


def follow(storage: PulsarStorage, name: str, partition: int) -> Reader:
    """A reader that has read the whole partition."""
    reader = storage.log.open_reader(name, partition, after=Edge.EARLIEST)
    last = storage.log.ends(name)[partition].last
    while last is not None and read_until(reader, 1)[-1].position != last:
        continue
    return reader


def is_gone(reader: Reader) -> bool:
    try:
        reader.read(limit=10, timeout=0.1)
    except UnknownTopic:
        return True
    return False


@pytest.mark.parametrize("partitions", [1, PARTITIONS])
@pytest.mark.parametrize("force", [False, True])
def test_a_followed_topic_is_deleted_at_the_first_try_and_stays_away(
    broker: Broker, storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, partitions: int, force: bool
) -> None:
    """Without force once the readers have nothing more to do; with force while they are connected."""
    name = topic(partitions=partitions)
    with ExitStack() as stack:
        publisher = stack.enter_context(closing(storage_of(broker)))
        publisher.log.append(name, [NewMessage(payload=str(n).encode(), key=str(n)) for n in range(20)])
        publisher.close()
        readers = [stack.enter_context(follow(storage, name, partition)) for partition in range(partitions)]
        assert is_watched(admin, name, partitions)

        def all_have_left() -> bool:
            nothing_came = not any(reader.read(limit=9, timeout=0.05) for reader in readers)
            return nothing_came and not is_watched(admin, name, partitions)

        assert force or eventually(all_have_left)
        answer = admin.delete(path(name, partitions), params={"force": str(force).lower()})
        assert answer.status_code == 204, answer.text
        for reader in readers:
            assert eventually(partial(is_gone, reader))
        for _ in range(LOOKS):
            assert all(is_gone(reader) for reader in readers)
            assert logs_of(admin, name) == []
            with pytest.raises(UnknownTopic):
                storage.log.read_forward(name, 0, limit=1)
            time.sleep(0.1)
