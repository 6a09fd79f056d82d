"""What a viewer that comes back gets, where publishers' clocks disagree."""

from datetime import UTC, datetime, timedelta

import pytest

from eventstore.config import Config
from eventstore.drivers.database.models import MessageRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.envelope import read_event
from eventstore.events import NewMessage
from eventstore.tail import Hub

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_a_partitions_order_stands_whatever_the_publish_times_say() -> None:
    storage = DatabaseStorage()
    topic = storage.create_topic("documents")
    storage.append("documents", [NewMessage(payload=str(number).encode(), key="k") for number in range(4)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number, minute in enumerate((11, 13, 12, 14)):
        MessageRow.objects.filter(number=number).update(published=start + timedelta(minutes=minute))
    hub = Hub(storage=storage, read=lambda message: read_event(message, Config().mappings))
    viewer = hub.open(topic, {0: ""}, lambda: None)
    try:
        assert [entry.event.message.payload for entry in viewer.take(10).entries] == [b"0", b"1", b"2", b"3"]
    finally:
        hub.close()
