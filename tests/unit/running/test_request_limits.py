"""A request that dribbles in is ended; one that is answered, or that comes after another, has its time anew."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from daphne.http_protocol import WebRequest
from twisted.internet.testing import StringTransport
from twisted.web.http import HTTPChannel

from dashboard.running import request_limits


class Connection(StringTransport):
    """Twisted's own for tests cannot be closed in one direction."""

    def loseWriteConnection(self) -> None:
        self.loseConnection()  # type: ignore[no-untyped-call]


SLOW = 50.0
"""Seconds between two pieces. Twisted itself disconnects who sends nothing for 60."""


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(request_limits, "time", clock)
    return clock


@pytest.fixture
def channel(clock: Clock) -> Iterator[Any]:
    """A connection as daphne makes one, before its requests reach the application."""
    kept = [(WebRequest, name, getattr(WebRequest, name)) for name in ("gotLength", "handleContentChunk", "process")]
    kept += [(HTTPChannel, name, getattr(HTTPChannel, name)) for name in ("dataReceived", "allContentReceived")]
    request_limits.limit_requests()
    WebRequest.process = lambda request: request.finish()
    one: Any = HTTPChannel()  # type: ignore[no-untyped-call]
    one.requestFactory = WebRequest
    server = SimpleNamespace(protocol_connected=lambda protocol: None, protocol_disconnected=lambda protocol: None)
    one.factory = SimpleNamespace(server=server, log=lambda request: None)
    one.timeOut = None
    one.makeConnection(Connection())  # type: ignore[no-untyped-call]
    yield one
    one.setTimeout(None)
    for owner, name, value in kept:
        setattr(owner, name, value)


def sent(channel: Any) -> bytes:
    return bytes(channel.transport.value())


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"]
)
def test_a_request_that_dribbles_in_is_answered_and_ended(channel: Any, clock: Clock, begun: bytes) -> None:
    channel.dataReceived(begun)
    clock.now += SLOW
    channel.dataReceived(b"a")
    assert sent(channel) == b""
    clock.now += SLOW
    channel.dataReceived(b"a")
    assert sent(channel).startswith(b"HTTP/1.1 408 ")
    assert b"This request took too long" in sent(channel)
    channel.dataReceived(b"aaaaaaaaa\r\n\r\n")
    assert sent(channel).count(b"HTTP/1.1") == 1


def test_each_request_of_a_connection_has_its_time_anew(channel: Any, clock: Clock) -> None:
    for _ in range(3):
        channel.dataReceived(b"GET / HTTP/1.1\r\n")
        clock.now += SLOW
        channel.dataReceived(b"Host: a\r\n\r\n")
        clock.now += SLOW
    assert sent(channel).count(b"HTTP/1.1 200") == 3
