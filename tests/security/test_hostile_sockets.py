"""No handshake and no frame makes a websocket fail: it is refused, answered, or closed, and no exception is logged."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

import hypothesis
import pytest
from asgiref.sync import async_to_sync
from channels.routing import URLRouter
from channels.testing import ApplicationCommunicator
from django.conf import settings
from hypothesis import strategies as st

from dashboard.rendering.url_segments import segment
from dashboard.sockets.handshake import with_origin_or_token
from dashboard.sockets.routing import no_such_socket, urlpatterns
from tests import hostile
from tests.examples import examples
from tests.security.requests import FILTERS, HEADERS, NUMBERS, TIMES, queries
from tests.security.test_hostile_requests import SEED, People, faults
from tests.web.desk import TOPIC, Desk
from tests.web.walk.planted import furnished

MANY = 600
WORDS = ("begin", "ack", "mark", "filter", "from", "topics", "aggregate", "last", "position", "time", "places", "type", "id")
SENT = (HEADERS["origin"], HEADERS["authorization"], HEADERS["cookie"], HEADERS["host"])


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with furnished() as opened:
        yield opened


@cache
def frames() -> st.SearchStrategy[str | bytes]:
    leaf = st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        st.sampled_from((*NUMBERS, *TIMES, *FILTERS, *hostile.NAMES, TOPIC)),
    )
    name = st.sampled_from(WORDS) | st.text(max_size=8)
    value = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(name, inner, max_size=3), max_leaves=8
    )
    meant = st.fixed_dictionaries({"begin": st.dictionaries(st.sampled_from(WORDS[4:]), value, max_size=4)})
    written = st.one_of(meant, meant, st.dictionaries(name, value, max_size=3), value).map(json.dumps)
    odd = st.sampled_from(
        ("[" * 5_000, '{"begin":' * 500, "", "null", "\ud800".encode("utf-8", "surrogatepass"), b"\xff", "9" * 500)
    )
    return st.one_of(written, written, written, odd, st.text(max_size=40), st.binary(max_size=20))


@cache
def handshakes() -> st.SearchStrategy[tuple[str, str, str, Sequence[tuple[str, str]], list[str]]]:
    """Who, the path as it is sent, the query, headers, and the subprotocols."""
    topic = st.one_of(st.just(TOPIC), st.sampled_from(hostile.NAMES), st.text(max_size=9)).map(segment)
    tail = topic.map("/topics/{}/tail/live/".format)
    path = st.one_of(
        tail, tail, st.sampled_from(("/tail/live/", "/reveals/live/", "/tail/live/%00", "/topics/%ff/tail/live/"))
    )
    names = ("origin", "authorization", "cookie", "host")
    odd = st.one_of(*(st.tuples(st.just(name), st.sampled_from(known)) for name, known in zip(names, SENT, strict=True)))
    who = st.sampled_from(("support", "viewer", "admin", "", "nobody"))
    return st.tuples(who, path, queries(), st.lists(odd, max_size=1), st.sampled_from(([], ["eventdesk.json"], ["x", ""])))


@async_to_sync
async def spoken(scope: dict[str, Any], sent: Sequence[str | bytes]) -> bool:
    """Connect, say all this if that is accepted, which is returned, and disconnect. Raises what gets out."""
    socket = ApplicationCommunicator(with_origin_or_token(URLRouter([*urlpatterns, no_such_socket])), scope)
    await socket.send_input({"type": "websocket.connect"})
    answer = await socket.receive_output(20)
    accepted = bool(answer["type"] == "websocket.accept")
    if accepted:
        for frame in sent:
            content = {"text": frame} if isinstance(frame, str) else {"bytes": frame}
            await socket.send_input({"type": "websocket.receive", **content})
        await asyncio.sleep(0)
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(20)
    return accepted


def test_no_handshake_and_no_frame_makes_a_socket_fail(desk: Desk) -> None:
    people, accepted = People(), list[str]()

    @hypothesis.seed(SEED)
    @hypothesis.settings(max_examples=examples(MANY), database=None, derandomize=False)
    @hypothesis.given(handshakes(), st.lists(frames(), max_size=4))
    def each(handshake: tuple[str, str, str, Sequence[tuple[str, str]], list[str]], sent: list[str | bytes]) -> None:
        who, path, query, odd, subprotocols = handshake
        cookies = people.cookies(who)
        key = cookies.get(settings.SESSION_COOKIE_NAME, "")
        usual = {"host": "testserver", "origin": "http://testserver", "cookie": f"{settings.SESSION_COOKIE_NAME}={key}"}
        scope = {
            "type": "websocket",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "ws",
            "query_string": query.encode(),
            "subprotocols": subprotocols,
            "server": ["127.0.0.1", 1],
            "client": ["::1", 1],
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in {**usual, **dict(odd)}.items()],
        }
        with faults() as found:
            if spoken(scope, sent):
                accepted.append(path)
        assert not found, (SEED, found)

    each()
    assert len(accepted) > 10, "the handshakes have lost their way"
