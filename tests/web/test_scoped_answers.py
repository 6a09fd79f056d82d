"""What lies outside of a scope is answered like what does not exist, at every route; and a scope costs only who has one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern

from dashboard import gateway
from dashboard.rendering.url_segments import segment
from dashboard.scoping import current
from tests.web.desk import NAME, TOPIC, Desk, opened_desk
from tests.web.walk import outside
from tests.web.walk.markers import Markers
from tests.web.walk.outside import HIDDEN, LIMITED, partly_hidden
from tests.web.walk.pages import ROUTES, asked
from tests.web.walk.planted import PATIENT
from tests.web.walk.roles import logged_in

ABSENT = Markers(HIDDEN.seed + 1)
"""Words like the hidden ones, of which nothing is called so."""
for _meaning in HIDDEN.words:
    ABSENT.word(_meaning)
MOMENTS = r'value="\w{64}"|\d+(?:\.\d+)? (?:milli)?seconds?|data-fine="[.\d]*"|\d{4}-\d\d-\d\d[T ]|\d\d:\d\d:\d\d(?:\.\d+)?'
"""What differs between two answers of the same: tokens of forms, and times."""
POSITION = f"0000000000000000@0@{outside.ELSEWHERE}"
NAMED: Sequence[Mapping[str, str]] = (
    {"topic": outside.ELSEWHERE, "name": outside.READER},
    {"topic": outside.LETTERS, "name": NAME},
    {"topic": TOPIC, "name": outside.READER},
    {"type": outside.TYPE, "id": outside.OF_TYPE},
    {"type": "patient", "id": outside.IN_TOPIC, "patient": outside.IN_TOPIC},
    {"topic": TOPIC, "name": outside.PROJECTION, "generation": f"{outside.READER}-v2", "id": outside.EVENT_OF_TYPE},
    {"topic": TOPIC, "name": f"{outside.ELSEWHERE}/{outside.READER}", "id": f"{outside.EVENT}-1"},
    *({"id": job} for job in outside.JOBS.values()),
)
"""What stands for the parts of addresses: always something that is hidden."""
OTHERWISE = {"topic": TOPIC, "name": NAME, "type": "patient", "id": PATIENT, "kind": "unreadable", "patient": PATIENT} | {
    "generation": f"{NAME}-v2"
}
QUERIES = (
    f"/aggregates/?q={outside.OF_TYPE}",
    f"/aggregates/?q={outside.TYPE} {outside.OF_TYPE}",
    f"/aggregates/?q={outside.IN_TOPIC}",
    f"/aggregates/?q={outside.EVENT}",
    f"/aggregates/?q={outside.EVENT_OF_TYPE}-0@example.org",
    f"/aggregates/?q={outside.ELSEWHERE}",
    f"/aggregates/?q={outside.EVENT_TYPE}",
    f"/aggregates/?q={outside.READER}",
    f"/aggregates/?q={POSITION}",
    f"/aggregates/?q={outside.ELSEWHERE}-0 0",
    f"/aggregates/patient/?q={outside.IN_TOPIC}",
    f"/events/event-0/?at={POSITION}",
    f"/aggregates/patient/{PATIENT}/?event={POSITION}",
    f"/tail/?topic={TOPIC}&topic={outside.ELSEWHERE}",
    f"/tail/?aggregate_type={outside.TYPE}&aggregate_id={outside.OF_TYPE}",
    f"/topics/{TOPIC}/subscriptions/{NAME}/?aggregate={outside.OF_TYPE}",
    f"/topics/{TOPIC}/subscriptions/{NAME}/dead-letters/?of={outside.LETTERS}",
    f"/replays/new/?projection={outside.PROJECTION}",
    f"/replays/new/?type={outside.TYPE}&id={outside.OF_TYPE}",
    f"/reveals/new/?aggregate_type={outside.TYPE}&aggregate_id={outside.OF_TYPE}",
    f"/reveals/new/?event={outside.EVENT}&at={POSITION}",
    f"/anomalies/unreadable/?type={outside.TYPE}&id={outside.OF_TYPE}",
    f"/audit/?on={outside.ELSEWHERE}",
    f"/audit/?on={outside.TYPE} {outside.OF_TYPE}",
    f"/audit/?text={outside.ELSEWHERE}",
    f"/masking/?topic={outside.ELSEWHERE}",
)


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with partly_hidden() as opened:
        yield opened


def answered(client: Client, address: str) -> str:
    """The answer without what differs from one request to the next, and with the words that were asked for made alike."""
    answer = asked(client, address)
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        answer = asked(client, address, "post")
    body = re.sub(MOMENTS, "…", answer.body)
    for meaning, word in HIDDEN.words.items():
        body = body.replace(word, f"<{meaning}>").replace(ABSENT.words[meaning], f"<{meaning}>")
    return f"{answer.status} {answer.location} {body}".replace(HIDDEN.prefix, "…").replace(ABSENT.prefix, "…")


def like_absent(text: str) -> str:
    for meaning, word in HIDDEN.words.items():
        text = text.replace(word, ABSENT.words[meaning])
    return text


def address(route: URLPattern, parts: Mapping[str, str]) -> str:
    known = {**OTHERWISE, **parts}
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: segment(known[found[1]]), str(route.pattern))


def hidden_addresses() -> Iterator[str]:
    for route in ROUTES:
        for parts in NAMED:
            if set(route.pattern.converters) & set(parts) and not any("<int:" in str(route.pattern) for _ in parts):
                yield address(route, parts)


@pytest.mark.soak
def test_what_is_outside_is_answered_like_what_does_not_exist(desk: Desk) -> None:
    client = logged_in(LIMITED)
    different, tried = [], 0
    for hidden in dict.fromkeys((*hidden_addresses(), *QUERIES)):
        absent = like_absent(hidden)
        for job in outside.JOBS.values():
            absent = absent.replace(job, "dd" * 6)
        if absent == hidden:
            continue
        tried += 1
        given, expected = (answered(client, each) for each in (hidden, absent))
        if given.replace(hidden, "") != expected.replace(absent, ""):
            different.append(hidden)
    assert different == []
    assert tried > 100


def test_who_sees_everything_pays_nothing(desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a scope in the configuration, no page asks the databases for anything more."""
    with opened_desk() as desk:
        desk.publish(3)
        desk.subscribe()
        pages = ["/", "/topics/", f"/topics/{TOPIC}/", "/aggregates/", "/aggregates/patient/4711/", "/events/e-0/", "/audit/"]
        with_scopes = {page: statements(desk, page) for page in pages}
        monkeypatch.setattr(gateway, "viewer_now", lambda: None)
        monkeypatch.setattr(current, "viewer_now", lambda: None)
        assert {page: statements(desk, page) for page in pages} == with_scopes


def statements(desk: Desk, page: str) -> int:
    desk.get(page)
    captured = {alias: CaptureQueriesContext(connections[alias]) for alias in ("default", "index")}
    with captured["default"], captured["index"]:
        assert desk.client().get(page).status_code == 200
    return sum(len(each.captured_queries) for each in captured.values())
