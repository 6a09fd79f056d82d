"""A subscription that the broker keeps for another move: a 412, as 4.0.8 gave it when four moved one cursor at once."""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from eventstore.drivers.pulsar import admin as admin_module
from eventstore.drivers.pulsar.access.answers import BUSY, refused
from eventstore.drivers.pulsar.access.credentials import Credentials
from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import StoreRefused

FENCED = b'{"reason":"Failed for Subscription Busy: Failed to fence subscription"}'
LOG = TopicName(tenant="public", namespace="default", local="t")


class Broker:
    """Refuses so many requests, and then does what it is asked."""

    def __init__(self) -> None:
        self.refusals, self.asked = 0, 0
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                told.asked += 1
                is_refused = told.asked <= told.refusals
                self.send_response(412 if is_refused else 204)
                self.send_header("Content-Length", str(len(FENCED) if is_refused else 0))
                self.end_headers()
                self.wfile.write(FENCED if is_refused else b"")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.admin = Admin(url=f"http://127.0.0.1:{self.server.server_port}", credentials=Credentials())


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    thread = threading.Thread(target=one.server.serve_forever, args=[0.01])
    thread.start()
    yield one
    one.admin.close()
    one.server.shutdown()
    thread.join()
    one.server.server_close()


def test_a_move_waits_for_another_one_that_ends_soon(broker: Broker) -> None:
    broker.refusals = 2
    broker.admin.reset_cursor(LOG, "s", "earliest")
    assert broker.asked == 3


def test_one_that_does_not_end_is_told_with_what_to_do(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_module, "FENCED_SECONDS", 0.0)
    broker.refusals = 1_000
    moves: Sequence[Callable[[], None]] = (
        partial(broker.admin.reset_cursor, LOG, "s", (5, 6)),
        partial(broker.admin.skip_to, LOG, "s", 5, 6),
    )
    for move in moves:
        with pytest.raises(StoreRefused) as told:
            move()
        assert str(told.value) == f"{BUSY} The broker says: Failed for Subscription Busy: Failed to fence subscription"


@pytest.mark.parametrize(
    ("status", "reason", "is_busy"),
    [
        (412, "Failed for Subscription Busy: Failed to fence subscription", True),
        (412, "Subscription is fenced", True),
        (412, "Topic has active producers/subscriptions", False),
        (409, "Subscription Busy", False),
    ],
)
def test_other_refusals_are_told_as_they_are(status: int, reason: str, is_busy: bool) -> None:
    told = str(refused(httpx.Response(status, json={"reason": reason})))
    assert reason in told
    assert told.startswith(BUSY) == is_busy
