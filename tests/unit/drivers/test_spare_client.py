"""A connection that was made ready for somebody, and is not used."""

import threading
from typing import Any, Self, cast

import pytest

from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.copying import connected_once
from eventstore.drivers.pulsar.copying.connected_once import SpareClient
from eventstore.model import StoreUnreachable

SECONDS = 20.0


class Client:
    """Stands in for a ``ConnectedOnce``, which has a broker."""

    def __init__(self, made: list["Client"]) -> None:
        self.closed = threading.Event()
        made.append(self)

    def connect(self, uri: str) -> Self:
        if uri == "away":
            raise StoreUnreachable("away")
        return self

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """The clients that are made, in order."""
    found: list[Client] = []
    monkeypatch.setattr(connected_once, "ConnectedOnce", lambda connection: Client(found))
    return found


def spare_client() -> SpareClient:
    return SpareClient(cast(BrokerConnection, None))


def test_whoever_takes_it_has_it_alone_and_the_next_one_gets_another(made: list[Client]) -> None:
    spare = spare_client()
    spare.get_ready("there")
    spare.get_ready("there")
    taken: Any = spare.take()
    assert made == [taken]
    assert cast(Any, spare.take()) is made[1]
    spare.close()
    assert not any(client.closed.is_set() for client in made)


def test_what_nobody_takes_is_closed_and_not_kept_for_a_later_job(made: list[Client], monkeypatch: Any) -> None:
    monkeypatch.setattr(connected_once, "SPARE_SECONDS", 0.02)
    spare = spare_client()
    spare.get_ready("there")
    assert made[0].closed.wait(SECONDS)
    assert cast(Any, spare.take()) is made[1]


def test_one_that_could_not_connect_does_not_block_the_next_for_long(made: list[Client], monkeypatch: Any) -> None:
    monkeypatch.setattr(connected_once, "SPARE_SECONDS", 0.02)
    spare, deadline = spare_client(), threading.Event()
    spare.get_ready("away")
    while len(made) < 2 and not deadline.wait(0.02):
        spare.get_ready("there")
    assert cast(Any, spare.take()) in made[1:]
