"""A publish that fails after a part of it was sent: the error says so, and that part is not sent again."""

import io

import pytest

from eventstore.drivers.pulsar.client import publishing
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.importing import import_messages, parse_lines
from eventstore.model.errors import StoreRefused
from eventstore.model.events import NewMessage
from tests.broker.conftest import MakeTopic
from tests.contract.helpers import payloads, whole_log
from tests.unit.messages import DOCUMENT, lines

pytestmark = pytest.mark.broker

OVERSIZED = 6_000_000
"""Bytes, above the broker's limit of 5 MiB for an entry."""


@pytest.fixture(autouse=True)
def in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends nothing in chunks, so that the client itself refuses what is too large while the rest is already under way."""
    monkeypatch.setattr(publishing, "CHUNKED_FROM", 2 * OVERSIZED)


@pytest.mark.parametrize("keys", [1, 2], ids=["in a batch", "singly"])
def test_what_is_refused_on_its_way_is_counted_and_never_called_unwritten(
    storage: PulsarStorage, topic: MakeTopic, keys: int
) -> None:
    name = topic()
    messages = [NewMessage(payload=str(number).encode(), key=f"k{number % keys}") for number in range(6)]
    messages.insert(3, NewMessage(payload=b"x" * OVERSIZED, key="k0"))
    with pytest.raises(StoreRefused, match=r"larger than the broker takes.* Of 7 messages \d are confirmed") as refused:
        storage.log.append(name, messages)
    there = payloads(whole_log(storage, name))
    assert there, "the others had been handed over"
    assert f" {len(there)} are confirmed" in str(refused.value)


def test_an_import_doubles_nothing_where_the_broker_refuses_one_of_a_batch(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic()
    events = [DOCUMENT | {"id": f"e-{number}"} for number in range(7)]
    events[3] |= {"data": "x" * OVERSIZED}
    with pytest.raises(StoreRefused, match="confirmed"):
        import_messages(storage.log, name, parse_lines(io.BytesIO(lines(*events))))
    ids = [message.properties["ce_id"] for message in whole_log(storage, name)]
    assert ids
    assert len(ids) == len(set(ids))
