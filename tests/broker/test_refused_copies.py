"""A replay of which the broker finally refuses copies: what it had confirmed before is counted all the same."""

import time

import httpx
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.copying import Copying
from eventstore.model.errors import EventStoreError
from eventstore.model.events import NewMessage
from eventstore.model.storage import copying_of
from tests.broker.conftest import MakeTopic
from tests.redriving import Notes, Over, Stepping, messages_in
from tests.replaying import order_of, run

pytestmark = pytest.mark.broker


def test_a_window_that_is_confirmed_is_counted_though_the_one_behind_it_is_refused(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay topic is terminated when the first window has arrived, before the second one is sent behind it."""
    monkeypatch.setattr("eventstore.replays.sending.sending.MOST_MESSAGES", 4)
    source, target = topic(), topic()
    storage.log.append(source, [NewMessage(payload=b"%d" % number, key="k") for number in range(12)])
    order, notes, sent = order_of(storage, [source], target), Notes(), list[str]()

    def terminate_before_the_second(step: str) -> None:
        sent.append(step)
        if sent.count("before sending") == 2 and step == "before sending":
            deadline = time.monotonic() + 20
            while len(messages_in(storage, target)) < 4:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            admin.post(f"persistent/{target}/terminate").raise_for_status()

    copying: Copying = copying_of(storage)
    with pytest.raises(EventStoreError):
        run(Over(storage, Stepping(copying, terminate_before_the_second)), order, notes)
    assert len(messages_in(storage, target)) == 4
    assert (notes.progress.done, notes.checkpoint["tidy"]) == (4, False)
