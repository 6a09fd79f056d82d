"""A broker that accepts connections and answers nothing: the first call that finds out spares all others the wait."""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from eventstore.drivers.pulsar import admin_http
from eventstore.drivers.pulsar.admin_http import AdminHttp
from eventstore.model.errors import StoreUnreachable

SHORT = httpx.Timeout(0.3)


class Broker:
    """Counts the requests by the last part of their path. It answers none of those in ``silent``."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.silent: set[str] = set()
        self.over = threading.Event()
        broker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                broker.asked[name] += 1
                if name in broker.silent:
                    broker.over.wait(30)
                    return
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"[]")

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    for name in ("TIMEOUT", "PROBE"):
        monkeypatch.setattr(admin_http, name, SHORT)
    monkeypatch.setattr(admin_http, "ASK_AGAIN", float("inf"))
    one = Broker()
    thread = threading.Thread(target=one.server.serve_forever, daemon=True)
    thread.start()
    yield one
    one.over.set()
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def admin(broker: Broker) -> Iterator[AdminHttp]:
    one = AdminHttp(url=broker.url, token="", trust_certs="", certificate="", key="")
    yield one
    one.close()


def refused(admin: AdminHttp) -> str:
    with pytest.raises(StoreUnreachable) as raised:
        admin.send("GET", "tenants")
    return str(raised.value)


def test_the_first_call_waits_and_the_others_are_told_at_once(broker: Broker, admin: AdminHttp) -> None:
    broker.silent = {"tenants", "version"}
    assert "does not answer. Nothing is lost" in refused(admin)
    assert broker.asked == {"tenants": 1, "version": 1}
    assert all("does not answer (asked 0 s ago). Nothing is lost" in refused(admin) for _ in range(20))
    assert broker.asked == {"tenants": 1, "version": 1}


def test_one_at_a_time_asks_again_and_an_answer_lets_all_go_on(
    broker: Broker, admin: AdminHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.silent = {"tenants", "version"}
    refused(admin)
    monkeypatch.setattr(admin_http, "ASK_AGAIN", 0.0)
    asking = threading.Thread(target=refused, args=[admin])
    asking.start()
    while broker.asked["version"] < 2:
        assert asking.is_alive()
    assert "asked" in refused(admin), "while another asks, nobody else does"
    assert broker.asked["version"] == 2
    asking.join()
    broker.silent = set()
    assert admin.send("GET", "tenants").status_code == 200
    asked = broker.asked["version"]
    assert admin.send("GET", "tenants").status_code == 200
    assert broker.asked["version"] == asked


def test_a_broker_that_is_slow_with_one_question_alone_is_not_silent(broker: Broker, admin: AdminHttp) -> None:
    broker.silent = {"tenants"}
    refused(admin)
    assert admin.send("GET", "clusters").status_code == 200
