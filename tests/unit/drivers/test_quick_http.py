"""The quick way to the admin API: it answers the plain case, and leaves everything else to the usual way."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eventstore.drivers.pulsar import admin_http
from eventstore.drivers.pulsar.access.credentials import AccessSettings, Credentials
from eventstore.drivers.pulsar.admin_http import AdminHttp
from eventstore.model.errors import StoreRefused, StoreUnreachable, UnknownTopic

MISSING = UnknownTopic("no such topic")


class Broker:
    """Answers each path as ``answers`` says: status, body, headers. ``None``: never. ``asked`` has path and connection."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, dict[str, str]] | None] = {}
        self.asked: list[tuple[str, int]] = []
        self.close_after = False
        self.over = threading.Event()
        broker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                broker.asked.append((self.path, self.client_address[1]))
                answer = broker.answers.get(self.path.rpartition("/")[2].partition("?")[0])
                if answer is None:
                    broker.over.wait(60)
                    return
                status, body, headers = answer
                with suppress(OSError):
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                self.close_connection = broker.close_after  # without having said so

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    threading.Thread(target=one.server.serve_forever, args=[0.01], daemon=True).start()
    yield one
    one.over.set()
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def admin(broker: Broker) -> Iterator[AdminHttp]:
    one = AdminHttp(url=broker.url, credentials=Credentials(AccessSettings(token="t")))
    yield one
    one.close()


def asked(admin: AdminHttp, name: str, **query: str) -> object:
    return admin.get_json(f"persistent/{name}", query=query, missing=MISSING)


def test_a_plain_answer_comes_over_one_kept_connection(broker: Broker, admin: AdminHttp) -> None:
    broker.answers["stats"] = (200, b'{"a": 1}', {})
    assert [asked(admin, "stats", precise="true") for _ in range(3)] == [{"a": 1}] * 3
    assert [path for path, _ in broker.asked] == ["/admin/v2/persistent/stats?precise=true"] * 3
    assert len({connection for _, connection in broker.asked}) == 1


def test_an_answer_that_is_asked_for_many_times_a_second_comes_as_quickly(broker: Broker, admin: AdminHttp) -> None:
    broker.answers["stats"] = (200, b"[1]", {})
    broker.answers["gone"] = (404, b"", {})
    assert [admin.get_bytes("persistent/stats", query={"a": "b"}, missing=MISSING) for _ in range(2)] == [b"[1]"] * 2
    assert [path for path, _ in broker.asked] == ["/admin/v2/persistent/stats?a=b"] * 2
    assert len({connection for _, connection in broker.asked}) == 1
    with pytest.raises(UnknownTopic):
        admin.get_bytes("persistent/gone", query={}, missing=MISSING)


def test_a_kept_connection_that_the_broker_has_closed_is_replaced(broker: Broker, admin: AdminHttp) -> None:
    broker.close_after = True
    broker.answers["stats"] = (200, b"[]", {})
    assert [asked(admin, "stats") for _ in range(3)] == [[]] * 3
    assert len({connection for _, connection in broker.asked}) == 3


def test_refusals_redirections_and_numbers_that_are_none_are_read_in_the_usual_way(broker: Broker, admin: AdminHttp) -> None:
    broker.answers["gone"] = (404, b"", {})
    broker.answers["forbidden"] = (403, b"", {})
    broker.answers["here"] = (307, b"", {"Location": "/admin/v2/persistent/there"})
    broker.answers["nan"] = (200, b'{"rate": NaN}', {})
    broker.answers["page"] = (200, b"<html>", {})
    with pytest.raises(UnknownTopic):
        asked(admin, "gone")
    with pytest.raises(StoreRefused, match="permission"):
        asked(admin, "forbidden")
    with pytest.raises(StoreRefused, match="redirects to another path"):
        asked(admin, "here")
    with pytest.raises(StoreRefused, match="not Pulsar's admin API"):
        asked(admin, "page")
    assert str(asked(admin, "nan")) == "{'rate': nan}"


def test_a_broker_that_is_silent_or_away_is_unreachable(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_http, "READ_SECONDS", 0.2)
    broker.answers["version"] = (200, b"4", {})
    silent = AdminHttp(url=broker.url, credentials=Credentials())
    away = AdminHttp(url="http://127.0.0.1:9", credentials=Credentials())
    for one in (silent, away):
        with pytest.raises(StoreUnreachable):
            asked(one, "stats")
        one.close()
    assert [path for path, _ in broker.asked] == ["/admin/v2/persistent/stats", "/admin/v2/brokers/version"]
