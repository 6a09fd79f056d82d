"""An admin address with a user name and password: they are sent, and neither a log nor an error has them."""

import logging
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eventstore.drivers.pulsar.access.credentials import METHOD, AccessSettings, Credentials
from eventstore.drivers.pulsar.admin_http import AdminHttp
from eventstore.model.errors import StoreUnreachable

Broker = tuple[ThreadingHTTPServer, list[str]]


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A server that answers everything, and the authorizations that it was sent."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(" ".join(self.headers.get(name, "") for name in ("Authorization", METHOD)).strip())
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server, seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("user", "sent"),
    [("adm:s3cret@", b"adm:s3cret"), ("adm:s3%40cret@", b"adm:s3@cret"), ("adm@", b"adm:"), ("@", b""), ("", b"")],
)
def test_a_user_name_and_password_are_sent_and_not_logged(
    broker: Broker, caplog: pytest.LogCaptureFixture, user: str, sent: bytes
) -> None:
    server, seen = broker
    http = admin(f"http://{user}127.0.0.1:{server.server_port}/pulsar/")
    with caplog.at_level(logging.INFO):
        http.send("GET", "clusters")
    http.close()
    assert seen == ([f"Basic {b64encode(sent).decode()}"] if sent else [""])
    assert f"http://127.0.0.1:{server.server_port}/pulsar/admin/v2/clusters" in caplog.text
    assert "s3" not in caplog.text


def test_a_token_for_the_other_protocol_does_not_name_another_kind(broker: Broker) -> None:
    server, seen = broker
    url = f"http://adm:s3cret@127.0.0.1:{server.server_port}"
    http = AdminHttp(url=url, credentials=Credentials(AccessSettings(token="t")))
    http.send("GET", "clusters")
    http.get_json("clusters", query={}, missing=LookupError())
    assert http._answers()
    http.close()
    assert seen == [f"Basic {b64encode(b'adm:s3cret').decode()}"] * 3


def test_an_error_names_the_broker_without_the_password() -> None:
    http = admin("http://adm:s3cret@127.0.0.1:1")
    with pytest.raises(StoreUnreachable, match=r"at 127\.0\.0\.1:1 does not answer"):
        http.send("GET", "clusters")
    http.close()


def admin(url: str) -> AdminHttp:
    return AdminHttp(url=url, credentials=Credentials())
