"""A frame is given to the system at once, as much as it takes, and never before what waits already."""

import random
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from twisted.internet import tcp

from dashboard.sockets import texts_in_parts
from dashboard.sockets.texts_in_parts import _give, _header, _without_first


class Reactor:
    """Notes who wants to write."""

    def __init__(self) -> None:
        self.writers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        """Reads are not tried here."""

    removeReader = addReader

    def addWriter(self, writer: Any) -> None:
        self.writers.append(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers = [other for other in self.writers if other is not writer]


class Connected:
    """A transport of twisted's, and what its peer has received."""

    def __init__(self, listening: socket.socket) -> None:
        self.peer = socket.create_connection(listening.getsockname())
        accepted, address = listening.accept()
        accepted.setblocking(False)
        self.reactor = Reactor()
        nothing: Any = None
        reactor: Any = self.reactor
        self.transport: Any = tcp.Server(accepted, nothing, address, nothing, 1, reactor)
        self.received = b""

    def receive(self, size: int) -> bytes:
        """Receive so many bytes, while the transport writes what waits."""
        self.peer.settimeout(0.05)
        while len(self.received) < size:
            if self.reactor.writers:
                assert self.transport.doWrite() is None
            try:
                self.received += self.peer.recv(1_000_000)
            except TimeoutError:
                assert self.reactor.writers, "nothing waits, and something is missing"
        return self.received


@pytest.fixture
def connected() -> Iterator[Connected]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        made = Connected(listening)
        with closing(made.peer), closing(made.transport.socket):
            yield made


def test_a_frame_that_the_system_takes_is_gone_at_once(connected: Connected) -> None:
    assert _give(connected.transport, [_header(6), b"abc", b"", b"def"])
    assert not connected.reactor.writers
    assert connected.receive(8) == _header(6) + b"abcdef"


def test_the_rest_of_a_frame_follows_however_large_it_is(connected: Connected) -> None:
    parts = [random.Random(number).randbytes(700_000) for number in range(20)]
    assert not _give(connected.transport, parts), "a rest waits"
    assert connected.reactor.writers, "nobody reads so much at once"
    _give(connected.transport, [b"the next"])
    whole = b"".join(parts) + b"the next"
    assert connected.receive(len(whole)) == whole
    assert not connected.reactor.writers


def test_what_waits_goes_before(connected: Connected) -> None:
    connected.transport.write(b"first, ")
    _give(connected.transport, [b"second"])
    assert connected.receive(13) == b"first, second"


def test_more_parts_than_the_system_takes_at_a_time_are_given(connected: Connected) -> None:
    parts = [str(number).encode() for number in range(3 * texts_in_parts.MOST_AT_ONCE)]
    _give(connected.transport, parts)
    assert connected.receive(len(b"".join(parts))) == b"".join(parts)


def test_a_connection_that_was_reset_is_left_to_the_transport(connected: Connected) -> None:
    connected.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connected.peer.close()
    _give(connected.transport, [b"x"])
    _give(connected.transport, [b"y"])
    assert connected.transport.doWrite() is not None, "it says that the connection is lost"


@pytest.mark.parametrize("name", ["disconnecting", "disconnected", "_writeDisconnected", "_writeDisconnecting", "TLS"])
def test_a_connection_that_ends_or_is_encrypted_is_left_to_the_transport(
    connected: Connected, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    setattr(connected.transport, name, True)
    written: list[bytes] = []
    monkeypatch.setattr(connected.transport, "writeSequence", written.extend)
    _give(connected.transport, [b"x"])
    assert written == [b"x"]


@pytest.mark.parametrize("count", range(8))
def test_what_is_left_begins_behind_what_was_given(count: int) -> None:
    assert b"".join(_without_first([b"ab", b"", b"cde", b"fg"], count)) == b"abcdefg"[count:]
