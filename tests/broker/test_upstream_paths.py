"""Whatever a name contains, it reaches the admin API as one part of its path, at the configured host."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import httpx
import pytest

from eventstore.drivers.pulsar import admin_http
from eventstore.drivers.pulsar.access.credentials import AccessSettings, Credentials
from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import EventStoreError, StoreRefused, StoreUnreachable

TOKEN = "a-secret-of-the-broker"
TRICKS = [
    "..",
    ".",
    "../../clusters",
    "//elsewhere.example/",
    "http://elsewhere.example/",
    "a/../../../brokers",
    "%2e%2e%2f%2e%2e%2fclusters",
    "%2F..%2F..",
    "a%252Fb",
    "x?authoritative=true",
    "x#fragment",
    "user@elsewhere.example",
    "back\\..\\slash",
    "semi;colon=1",
    "nul\x00",
    "line\nHost: elsewhere.example",
    "line\r\n\r\nGET / HTTP/1.1",
    "emoji-🦊",
    "..;/",
    "＃／full-width",
]


class Recorder(ThreadingHTTPServer):
    """An admin API that records the requests and responds as configured."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.authorizations: list[str] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b'{"partitions": 0}')
        self.pause = 0.0
        """Seconds before each response."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def _any(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append(self.path)
        self.server.authorizations.append(self.headers.get("authorization", ""))
        time.sleep(self.server.pause)
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = _any

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the requests are in ``asked``."""


POLL = 0.01
"""Seconds within which such a server ends."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def storage(recorder: Recorder) -> Iterator[PulsarStorage]:
    one = PulsarStorage(service_url="pulsar://127.0.0.1:9", admin_url=recorder.url, access=AccessSettings(token=TOKEN))
    yield one
    one.close()


def parts_of(path: str) -> list[str]:
    return path.removeprefix("/admin/v2/").split("/")


def test_a_topics_name_stays_one_part_of_the_path(recorder: Recorder, storage: PulsarStorage) -> None:
    for trick in TRICKS:
        recorder.asked.clear()
        check_one_part(recorder, storage, trick)


def check_one_part(recorder: Recorder, storage: PulsarStorage, trick: str) -> None:
    for name in (trick, f"public/default/{trick}", f"persistent://public/default/{trick}"):
        try:
            storage.log.topic(name)
        except EventStoreError as refused:
            assert TOKEN not in str(refused)
    for path in recorder.asked:
        kind, tenant, namespace, local, what = parts_of(path)
        assert (kind, tenant, namespace, what) == ("persistent", "public", "default", "partitions")
        assert unquote(local).endswith(trick)
        assert not set(local) & set("?#\\\n\r\0 ;")


def test_a_tenant_or_namespace_out_of_a_url_goes_nowhere_else(recorder: Recorder, storage: PulsarStorage) -> None:
    for trick in TRICKS:
        for name in (f"{trick}/default/x", f"public/{trick}/x"):
            with pytest.raises(EventStoreError):
                storage.log.topic(name)
                pytest.fail(name)
    assert recorder.asked == [], "only watched namespaces are asked for"


def test_a_subscriptions_name_stays_one_part_of_the_path(recorder: Recorder) -> None:
    admin = Admin(url=recorder.url, credentials=Credentials())
    topic = TopicName(tenant="public", namespace="default", local="documents")
    for trick in TRICKS:
        if "\x00" in trick:
            continue
        recorder.asked.clear()
        admin.reset_cursor(topic, trick, "earliest")
        admin.create_subscription(topic, trick, "latest")
        assert len(recorder.asked) == 2, trick
        for path in recorder.asked:
            kind, tenant, namespace, local, word, name, *rest = parts_of(path)
            assert (kind, tenant, namespace, local, word) == ("persistent", "public", "default", "documents", "subscription")
            assert unquote(unquote(name)) == trick, "the broker decodes twice"
            assert rest in ([], ["resetcursor"])
    admin.close()


@pytest.mark.parametrize(
    "place", ["/admin/v2/clusters", "https://127.0.0.1/admin/v2/persistent/public/default/x/partitions", ""]
)
def test_a_redirection_to_another_path_is_not_followed(recorder: Recorder, storage: PulsarStorage, place: str) -> None:
    recorder.answer = (307, {"location": place}, b"")
    with pytest.raises(StoreRefused, match="redirects"):
        storage.log.topic("public/default/x")
    assert all(path.startswith("/admin/v2/persistent/public/default/x/partitions") for path in recorder.asked)


def test_a_redirection_to_a_sister_broker_is_followed(recorder: Recorder, storage: PulsarStorage) -> None:
    with Recorder() as sister:
        threading.Thread(target=sister.serve_forever, args=(POLL,), daemon=True).start()
        path = "/admin/v2/persistent/public/default/x/partitions"
        recorder.answer = (307, {"location": f"{sister.url}{path}?authoritative=true"}, b"")
        sister.answer = (200, {}, b'{"partitions": 7}')
        assert storage.log.topic("public/default/x").partitions == 7
        assert sister.asked == [f"{path}?authoritative=true"]
        assert sister.authorizations == recorder.authorizations[:1] == [f"Bearer {TOKEN}"]
        sister.shutdown()


@pytest.mark.parametrize("status", [401, 403, 500])
def test_no_refusal_tells_the_token(recorder: Recorder, storage: PulsarStorage, status: int) -> None:
    recorder.answer = (status, {}, b'{"reason": "no"}')
    with pytest.raises(StoreRefused) as refused:
        storage.log.topics()
    assert TOKEN not in str(refused.value) + repr(storage) + repr(refused.value.__cause__)


def test_an_answer_that_is_no_json_is_an_error_with_a_sentence(recorder: Recorder, storage: PulsarStorage) -> None:
    recorder.answer = (200, {}, b"<html>a proxy's own page</html>")
    with pytest.raises(StoreRefused, match="PULSAR_ADMIN_URL"):
        storage.log.topics()


def test_a_reset_is_given_more_time_than_a_question(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_http, "TIMEOUT", httpx.Timeout(0.2))
    topic = TopicName(tenant="public", namespace="default", local="documents")
    admin = Admin(url=recorder.url, credentials=Credentials())
    admin.partitions(topic)
    recorder.pause = 1.0
    with pytest.raises(StoreUnreachable):
        admin.partitions(topic)
    admin.reset_cursor(topic, "s", "earliest")
    assert recorder.asked[-1].endswith("/resetcursor")
    admin.close()
