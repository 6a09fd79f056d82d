"""A reader that has nothing to read is not connected, and misses nothing."""

from typing import Any

import httpx
import pytest

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import StoreRefused
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge, Reader
from tests.broker.conftest import MakeTopic, publish_batch
from tests.contract.helpers import eventually, payloads, read_until

pytestmark = pytest.mark.broker


def connected(admin: httpx.Client, name: str) -> list[str]:
    return list(admin.get(f"persistent/{name}/stats").json()["subscriptions"])


def wait_until_it_leaves(reader: Reader, admin: httpx.Client, name: str) -> None:
    assert eventually(lambda: not reader.read(limit=9, timeout=0.05) and not connected(admin, name))


def test_an_idle_reader_leaves_and_gets_what_comes_later(
    storage: PulsarStorage, client: Any, topic: MakeTopic, admin: httpx.Client
) -> None:
    """Event after event, each after the reader has left: a single one, a batch, one in pieces."""
    name = topic()
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:
        assert connected(admin, name) == []
        for number in range(2):
            storage.log.append(name, [NewMessage(payload=b"%d" % number)])
            assert payloads(read_until(reader, 1)) == [b"%d" % number]
            wait_until_it_leaves(reader, admin, name)
        publish_batch(client, name, [b"a", b"b", b"c"])
        assert payloads(read_until(reader, 3)) == [b"a", b"b", b"c"]
        wait_until_it_leaves(reader, admin, name)
        storage.log.append(name, [NewMessage(payload=b"x" * 6_000_000)])
        assert len(read_until(reader, 1)[0].payload) == 6_000_000
        wait_until_it_leaves(reader, admin, name)


def test_no_reader_is_kept_on_a_terminated_topic_and_the_others_keep_their_connection(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client
) -> None:
    """A reader at the end of a terminated topic makes the client drop its connection; if it is empty, again and again."""
    empty, full, other = topic(), topic(), topic()
    storage.log.append(full, [NewMessage(payload=b"%d" % number) for number in range(50)])
    for name in (empty, full):
        admin.post(f"persistent/{name}/terminate").raise_for_status()
    with (
        storage.log.open_reader(empty, 0, after=Edge.EARLIEST) as of_empty,
        storage.log.open_reader(full, 0, after=Edge.EARLIEST) as of_full,
        storage.log.open_reader(other, 0, after=Edge.EARLIEST) as of_other,
    ):
        assert payloads(read_until(of_full, 50)) == [b"%d" % number for number in range(50)]
        wait_until_it_leaves(of_full, admin, full)
        assert not of_empty.read(limit=9, timeout=0.3)
        assert connected(admin, empty) == []
        storage.log.append(other, [NewMessage(payload=b"1")])
        assert payloads(read_until(of_other, 1)) == [b"1"]
        [since] = [one["consumers"][0]["connectedSince"] for one in subscriptions(admin, other)]
        for _ in range(3):
            assert not [*of_empty.read(limit=9, timeout=0.2), *of_full.read(limit=9, timeout=0.2)]
            storage.log.append(other, [NewMessage(payload=b"1")])
            assert payloads(read_until(of_other, 1)) == [b"1"]
        assert [one["consumers"][0]["connectedSince"] for one in subscriptions(admin, other)] == [since]


def subscriptions(admin: httpx.Client, name: str) -> list[dict[str, Any]]:
    return list(admin.get(f"persistent/{name}/stats").json()["subscriptions"].values())


def test_many_idle_partitions_cost_one_question_for_all(
    storage: PulsarStorage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    internals = Admin.internals

    def noted(self: Admin, name: Any, partitions: int) -> Any:
        asked.append(str(name))
        return internals(self, name, partitions)

    monkeypatch.setattr(Admin, "internals", noted)
    name = topic(partitions=20)
    readers = [storage.log.open_reader(name, partition, after=Edge.LATEST) for partition in range(20)]
    monkeypatch.setattr(Admin, "log_internals", lambda *given: pytest.fail("asked for a partition alone"))
    for _ in range(3):
        assert not any(reader.read(limit=9, timeout=0.0) for reader in readers)
    assert not readers[0].read(limit=9, timeout=0.5)
    assert set(asked) <= {name}
    assert len(asked) < 10
    for reader in readers:
        reader.close()


def test_what_the_broker_refuses_is_told_to_a_reader_that_waits(
    storage: PulsarStorage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic()
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:

        def refused(*given: object) -> Any:
            raise StoreRefused("no")

        with monkeypatch.context() as patched:
            patched.setattr(Admin, "internals", refused)
            with pytest.raises(StoreRefused, match="no"):
                reader.read(limit=9, timeout=5)
        storage.log.append(name, [NewMessage(payload=b"1")])

        def goes_on() -> bool:
            try:
                return payloads(reader.read(limit=9, timeout=1)) == [b"1"]
            except StoreRefused:
                return False

        assert eventually(goes_on)
