"""A live tail, of a page and of a script with a token, is sent nothing that lies outside of the scope."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from dashboard import gateway
from dashboard.access.scopes import scope_of
from dashboard.models import ApiToken
from dashboard.rendering.url_segments import segment
from dashboard.scoping.special import limited as limited_to
from dashboard.sockets.tail import opening, threads
from tests.people import person
from tests.web.desk import TOPIC, Desk
from tests.web.test_scoped_answers import like_absent
from tests.web.walk import outside
from tests.web.walk.outside import HIDDEN, LIMITED, UNLIMITED, partly_hidden
from tests.web.walk.planted import PATIENT
from tests.web.walk.roles import logged_in
from tests.web.walk.sockets import ROUTES, cookie_of, heard, said_to

ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    (f"/topics/{segment(outside.ELSEWHERE)}/tail/live/", {"from": {"last": 5}}),
    (f"/topics/{segment(outside.LETTERS)}/tail/live/", {"from": "now"}),
    ("/tail/live/", {"topics": [TOPIC, outside.ELSEWHERE], "from": {"last": 5}}),
    ("/tail/live/", {"aggregate": {"type": outside.TYPE, "id": outside.OF_TYPE}, "from": {"last": 5}}),
    ("/tail/live/", {"aggregate": {"type": "patient", "id": outside.IN_TOPIC}, "from": {"last": 5}}),
    ("/tail/live/", {"topics": [TOPIC], "from": {"position": f"0000000000000000@0@{outside.ELSEWHERE}"}}),
)
"""What is asked for outside of the scope."""


@pytest.fixture
def desk(desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with ThreadPoolExecutor(2) as pool, partly_hidden() as opened:
        for name in ("_opening", "_reading"):
            monkeypatch.setattr(threads, name, pool)
        yield opened
        gateway.close()


def said(role: str, *, script: bool) -> str:
    try:
        return "".join(said_to(person(role), cookie_of(logged_in(role)), script=script))
    finally:
        gateway.close()  # the tails' threads end


@pytest.mark.parametrize("script", [False, True])
def test_no_socket_sends_anything_outside_of_the_scope(desk: Desk, script: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = said(LIMITED, script=script)
    assert texts.count('"count":') >= len(ROUTES), "the tails are empty"
    assert HIDDEN.found_in(texts) == []
    assert HIDDEN.found_in(said(UNLIMITED, script=script)), "there is nothing that could be hidden"
    monkeypatch.setattr(opening, "limited", lambda requested, scope: requested)
    monkeypatch.setattr("dashboard.scoping.special.limited", lambda requested, scope: requested)
    assert HIDDEN.found_in(said(LIMITED, script=script)), "a tail that forgets the scope is not caught"


@pytest.mark.parametrize("script", [False, True])
def test_a_tail_of_what_is_outside_ends_like_one_of_what_does_not_exist(desk: Desk, script: bool) -> None:
    somebody, cookie = person(LIMITED), cookie_of(logged_in(LIMITED))
    for path, begin in ASKED:
        absent = json.loads(like_absent(json.dumps(begin)))
        hidden = async_to_sync(heard)(somebody, cookie, path, begin, script=script)
        expected = async_to_sync(heard)(somebody, cookie, like_absent(path), absent, script=script)
        assert [like_absent(text) for text in hidden] == expected, (path, begin)
        assert any("websocket.close" in text for text in hidden)


def test_a_customer_is_followed_in_the_topics_of_the_scope(desk: Desk) -> None:
    begin = {"aggregate": {"type": "patient", "id": PATIENT}, "from": {"last": 50}}
    texts = "".join(async_to_sync(heard)(person(LIMITED), cookie_of(logged_in(LIMITED)), "/tail/live/", begin, script=True))
    assert re.search(r'\\?"count\\?": ?\d', texts)
    assert HIDDEN.found_in(texts) == []


def test_a_tokens_own_scope_limits_its_tail() -> None:
    token = ApiToken(name="t", role=UNLIMITED, topics=[TOPIC], aggregate_types=["patient"])
    limited = limited_to(None, scope_of(token))
    assert limited is not None
    assert not limited.empty
    assert limited_to(limited, scope_of(token)) is limited
