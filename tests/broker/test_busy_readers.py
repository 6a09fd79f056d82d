"""A reader that a slow broker counts as connected already: it is tried again, and refuses nobody's work."""

from typing import Any

import pulsar
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from tests.broker.conftest import MakeTopic

pytestmark = pytest.mark.broker


def test_a_reader_of_which_the_broker_says_that_it_is_connected_already_is_tried_again(
    storage: PulsarStorage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker says so if it has just made the reader's subscription for a try that its client has given up."""
    name = topic()
    storage.log.append(name, [NewMessage(payload=b"1", key="k")])

    def busy(*given: Any, **more: Any) -> Any:
        raise pulsar.ConsumerBusy

    with monkeypatch.context() as patched:
        patched.setattr(pulsar.Client, "create_reader", busy)
        with pytest.raises(StoreUnreachable, match="does not answer"):
            storage.log.read_forward(name, 0, limit=1)
    assert [one.payload for one in storage.log.read_forward(name, 0, limit=1)] == [b"1"]
