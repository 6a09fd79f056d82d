"""The last event of a partition, asked for repeatedly while it moves: exact, and cheap if entries are plain."""

from typing import Any

import pytest

from eventstore.drivers.pulsar.client import partition_log, raw_readers
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.events import NewMessage
from tests.admin_calls import noted_calls
from tests.broker.conftest import MakeTopic, publish_batch

pytestmark = pytest.mark.broker


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The readers that were opened for a moment."""
    found: list[str] = []
    open_raw = raw_readers.open_raw

    def noted(connection: Any, log: Any, *given: Any, **more: Any) -> Any:
        found.append(str(log))
        return open_raw(connection, log, *given, **more)

    monkeypatch.setattr(partition_log, "open_raw", noted)
    return found


def last_of(storage: PulsarStorage, name: str) -> Any:
    return storage.log.ends(name)[0].last


def test_of_plain_entries_it_is_known_without_a_reader(storage: PulsarStorage, topic: MakeTopic, opened: list[str]) -> None:
    name = topic()
    for payload, properties in ((b"1", {}), (b"", {}), (b"3" * 5_000, {"a": "ü" * 100, "b\n": "c\r\n"})):
        [position] = storage.log.append(name, [NewMessage(payload=payload, key="k", properties=properties)])
        asked = last_of(storage, name)
        assert (asked, asked.token, asked.label) == (position, position.token, position.label)
    assert len(opened) == 1, "for the first event, once"


def test_an_end_that_has_not_moved_costs_one_question(
    storage: PulsarStorage, topic: MakeTopic, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic()
    storage.log.append(name, [NewMessage(payload=b"1")])
    storage.log.ends(name)
    with noted_calls(monkeypatch) as asked:
        storage.log.ends(name)
    assert [path.rpartition("/")[2] for path in asked if "internalStats" in path or "entry" in path] == ["internalStats"]
    assert len(opened) == 1


def test_a_batch_large_properties_and_a_message_in_pieces_are_exact_too(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    name = topic()
    publish_batch(client, name, [b"1", b"2", b"3"])
    assert last_of(storage, name) == storage.log.read_backward(name, 0, limit=1)[0].position
    for new in (NewMessage(payload=b"4", properties={"large": "x" * 20_000}), NewMessage(payload=b"5" * 6_000_000)):
        [position] = storage.log.append(name, [new])
        assert last_of(storage, name) == position
    publish_batch(client, name, [b"6"])
    assert last_of(storage, name) == storage.log.read_backward(name, 0, limit=1)[0].position
