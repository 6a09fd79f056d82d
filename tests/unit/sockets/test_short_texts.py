"""A short text that comes whole is taken as autobahn would take it, and everything else is left to autobahn."""

import random
from typing import Any

import pytest
from daphne.ws_protocol import WebSocketProtocol

from dashboard.sockets import short_texts
from tests.unit.sockets.connections import MASK, frame, open_connection


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An open connection that keeps the messages in ``heard``, and what autobahn was given of them in ``left``."""
    left: list[bytes] = []
    usual = WebSocketProtocol.dataReceived

    def noted(protocol: Any, data: bytes) -> None:
        left.append(data)
        usual(protocol, data)

    monkeypatch.setattr(WebSocketProtocol, "dataReceived", noted)
    short_texts.take_short_texts()
    made = open_connection(largest=1_000)
    made.heard, made.left = [], left
    made.onMessage = lambda payload, is_binary: made.heard.append((payload, is_binary))
    return made


@pytest.mark.parametrize("text", [b"x", b'{"ack":7,"mark":"abc"}', "ü€😀".encode(), b"y" * 125])
def test_a_short_text_is_taken_at_once(connection: Any, text: bytes) -> None:
    connection.dataReceived(frame(text))
    assert (connection.heard, connection.left) == ([(text, False)], [])


def test_who_is_offered_a_connections_short_texts_may_leave_them_to_all_others(connection: Any) -> None:
    offered: list[bytes] = []

    def take(text: bytes) -> bool:
        offered.append(text)
        return text == b"mine"

    short_texts.offer_to(connection, take)
    for text in (b"mine", b"not mine"):
        connection.dataReceived(frame(text))
    assert (offered, connection.heard) == ([b"mine", b"not mine"], [(b"not mine", False)])


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (frame(b""), [(b"", False)]),
        (frame(b"a") + frame(b"b"), [(b"a", False), (b"b", False)]),
        (frame(b"a", first=0x82), [(b"a", True)]),
        (frame(b"a", first=0x01) + frame(b"b", first=0x80), [(b"ab", False)]),
        (b"\x81\xfe\x00\x7e" + MASK + frame(b"z" * 125)[6:] + bytes([ord("z") ^ MASK[1]]), [(b"z" * 126, False)]),
        (frame(b"ping", first=0x89), []),
        (frame("ü".encode()[:1]), []),
        (bytes([0x81, 1]) + b"a", []),
        (frame(b"a", first=0xC1), []),
    ],
    ids=["empty", "two", "binary", "in pieces", "long", "ping", "not UTF-8", "not masked", "reserved bits"],
)
def test_anything_else_is_left_to_autobahn(connection: Any, data: bytes, heard: list[tuple[bytes, bool]]) -> None:
    connection.dataReceived(data)
    assert (connection.heard, connection.left) == (heard, [data])


@pytest.mark.parametrize("cut", [1, 5, 6, 7])
def test_what_comes_in_the_midst_of_a_frame_is_left_to_autobahn_too(connection: Any, cut: int) -> None:
    whole = frame(frame(b"x")[:8])  # its text looks like a frame
    connection.dataReceived(whole[:cut])
    connection.dataReceived(whole[cut:])
    assert connection.heard == [] and connection.failedByMe, "the text is no UTF-8"
    assert connection.left == [whole[:cut], whole[cut:]]


def test_a_text_that_looks_whole_within_a_message_of_several_frames_is_refused_as_before(connection: Any) -> None:
    connection.dataReceived(frame(b"a", first=0x01))
    connection.dataReceived(frame(b"b"))
    assert (connection.heard, connection.failedByMe) == ([], True)


def test_nothing_is_heard_on_a_connection_that_was_failed(connection: Any) -> None:
    connection.failedByMe = True
    connection.dataReceived(frame(b"a"))
    assert connection.heard == []


@pytest.mark.parametrize("seed", range(3))
def test_however_frames_are_cut_the_same_is_heard(connection: Any, seed: int) -> None:
    chance = random.Random(seed)
    texts = [bytes(chance.choices(b"abc{}", k=chance.choice([1, 2, 30, 125]))) for _ in range(200)]
    whole = [frame(text, mask=chance.randbytes(4)) for text in texts]
    pieces: list[bytes] = []
    while whole:
        together = b"".join(whole.pop(0) for _ in range(min(len(whole), chance.choice([1, 1, 1, 2]))))
        cut = chance.choice([0, 0, 0, chance.randrange(len(together))])
        pieces += [piece for piece in (together[:cut], together[cut:]) if piece]
    for piece in pieces:
        connection.dataReceived(piece)
    assert connection.heard == [(text, False) for text in texts]
    assert 0 < len(connection.left) < len(pieces)
