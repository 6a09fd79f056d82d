"""A broker that accepts connections and answers nothing: the first call that finds out spares all others the wait.

A call that must end without an answer has a short timeout, and is one that is never answered. All others have a long one, so
that a busy machine changes nothing.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from eventstore.drivers import silence
from eventstore.drivers.pulsar import admin_http
from eventstore.drivers.pulsar.access.credentials import Credentials
from eventstore.drivers.pulsar.admin_http import AdminHttp
from eventstore.model.errors import StoreUnreachable

LONG = httpx.Timeout(60.0)
SHORT = httpx.Timeout(60.0, read=0.2)
NO_CONNECTION = httpx.Timeout(60.0, pool=0.05)


class Broker:
    """Counts the requests by the last part of their path. It holds the answers to those in ``silent`` until ``release``."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self._asked: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._released = threading.Event()
        broker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                if broker._note(name):
                    broker._released.wait()
                with suppress(OSError):  # who asked has gone
                    self.send_response(200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"[]")

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _note(self, name: str) -> bool:
        with self._changed:
            self._asked[name] += 1
            self._changed.notify_all()
            return name in self.silent

    def was_asked(self, **times: int) -> bool:
        """Wait for so many requests of these names, and return whether there were exactly these."""
        with self._changed:
            return self._changed.wait_for(lambda: self._asked >= Counter(times), 60) and self._asked == Counter(times)

    def release(self) -> None:
        self.silent = set()
        self._released.set()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    for name in ("TIMEOUT", "PROBE"):
        monkeypatch.setattr(admin_http, name, LONG)
    monkeypatch.setattr(silence, "ASK_AGAIN", float("inf"))
    one = Broker()
    thread = threading.Thread(target=one.server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    yield one
    one.release()
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def admin(broker: Broker) -> Iterator[AdminHttp]:
    one = AdminHttp(url=broker.url, credentials=Credentials())
    yield one
    one.close()


@pytest.fixture
def silent(broker: Broker, admin: AdminHttp, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """The broker, of which ``admin`` has found out that it answers nothing."""
    broker.silent = {"tenants", "version"}
    monkeypatch.setattr(admin_http, "PROBE", SHORT)
    refused(admin)
    monkeypatch.setattr(admin_http, "PROBE", LONG)
    assert broker.was_asked(tenants=1, version=1)
    return broker


def refused(admin: AdminHttp, name: str = "tenants", timeout: httpx.Timeout = SHORT) -> str:
    with pytest.raises(StoreUnreachable) as raised:
        admin.send("GET", name, timeout=timeout)
    return str(raised.value)


def call(admin: AdminHttp, name: str = "tenants") -> threading.Thread:
    """Make the call in a thread of its own."""
    thread = threading.Thread(target=admin.send, args=["GET", name])
    thread.start()
    return thread


def test_the_first_call_waits_and_the_others_are_told_at_once(silent: Broker, admin: AdminHttp) -> None:
    assert all("does not answer. Nothing is lost" in refused(admin, timeout=LONG) for _ in range(20))
    assert silent.was_asked(tenants=1, version=1)


def test_a_silent_broker_is_told_in_the_same_words_each_time(
    broker: Broker, admin: AdminHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The indexer logs a partition's trouble again when its words change."""
    broker.silent = {"tenants", "version"}
    monkeypatch.setattr(admin_http, "PROBE", SHORT)
    assert len({refused(admin) for _ in range(3)}) == 1


def test_one_at_a_time_asks_again_and_an_answer_lets_all_go_on(
    silent: Broker, admin: AdminHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "ASK_AGAIN", 0.0)
    asking = call(admin)
    assert silent.was_asked(tenants=1, version=2)
    refused(admin, timeout=LONG)
    assert silent.was_asked(tenants=1, version=2), "while another asks, nobody else does"
    silent.release()
    asking.join()
    assert silent.was_asked(tenants=2, version=2)
    assert admin.send("GET", "tenants").status_code == 200
    assert silent.was_asked(tenants=3, version=2)


def test_a_broker_that_is_slow_with_one_question_alone_is_not_silent(broker: Broker, admin: AdminHttp) -> None:
    broker.silent = {"tenants"}
    refused(admin)
    assert admin.send("GET", "clusters").status_code == 200


def test_a_broker_is_not_silent_because_all_connections_are_in_use(
    broker: Broker, admin: AdminHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, limits=httpx.Limits(max_connections=1)))
    monkeypatch.setattr(admin_http, "PROBE", NO_CONNECTION)
    broker.silent = {"tenants"}
    busy = call(admin)
    assert broker.was_asked(tenants=1)
    refused(admin, "clusters", NO_CONNECTION)
    assert admin._answers(), "what could not be asked proves nothing"
    broker.release()
    busy.join()
    assert admin.send("GET", "clusters").status_code == 200


def test_a_forked_child_asks_for_itself(silent: Broker, admin: AdminHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent's thread that asks the broker is not in the child: what it found out would be waited for without end."""
    monkeypatch.setattr(silence, "ASK_AGAIN", 0.0)
    asking = call(admin)
    assert silent.was_asked(tenants=1, version=2)
    child = os.fork()
    if not child:
        signal.alarm(60)
        with suppress(Exception):
            os._exit(0 if admin.send("GET", "clusters").is_success else 1)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    silent.release()
    asking.join()
