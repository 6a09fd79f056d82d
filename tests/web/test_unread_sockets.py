"""Clients that send over a tail's websocket and do not read it."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.desk_process import Desk
from tests.logging_in import cookie_of
from tests.people import PASSWORD
from tests.publisher import Publisher

PATIENCE = 60.0
TEXT, PING, PONG = 0x81, 0x89, 0x8A


class ImpatientDesk(Desk):
    """Pings each client every second, and waits a second for its answer."""

    def spawn(self, name: str, *command: str, **more: object) -> object:  # type: ignore[override]
        pings = ("--ping-interval", "1", "--ping-timeout", "1") if name == "web" else ()
        return super().spawn(name, *command[:2], *pings, *command[2:], **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with ImpatientDesk(tmp_path_factory.mktemp("desk"), people=["support"], indexed=False) as opened:
        Publisher(opened).publish("documents", 0)
        yield opened


def opened(desk: Desk) -> socket.socket:
    """A socket to the tail that has begun, as bare bytes."""
    connection = socket.create_connection(("127.0.0.1", desk.port), timeout=PATIENCE)
    own = f"127.0.0.1:{desk.port}"
    lines = [
        "GET /topics/documents/tail/live/ HTTP/1.1",
        f"Host: {own}",
        f"Origin: http://{own}",
        f"Cookie: {cookie_of(desk, 'support', PASSWORD)}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    assert connection.recv(1024).startswith(b"HTTP/1.1 101")
    connection.sendall(frame(TEXT, json.dumps({"begin": {}}).encode()))
    return connection


def frame(kind: int, payload: bytes) -> bytes:
    """A client's frame of less than 126 bytes, masked with zeros."""
    return bytes([kind, 0x80 | len(payload)]) + bytes(4) + payload


def test_one_that_sends_and_never_reads_is_closed(desk: Desk) -> None:
    with closing(opened(desk)) as connection, pytest.raises(OSError):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            connection.sendall(frame(TEXT, b'{"filter":""}'))
            time.sleep(0.1)


def test_one_that_floods_it_with_pings_is_cut_off(desk: Desk) -> None:
    with closing(opened(desk)) as connection:
        connection.sendall(frame(PING, b"x" * 100) * 300)
        got = b""
        try:
            while more := connection.recv(65_536):
                got += more
        except ConnectionResetError:
            pass
    assert got.count(bytes([PONG, 100])) <= 100
