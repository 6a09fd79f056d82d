"""A page asks a database for nothing twice: each question costs about as much as a row of its list."""

from collections import Counter

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from tests.web.desk import TOPIC, Desk

ALIASES = ("default", "index")
PAGES = (
    "/aggregates/patient/4711/",
    "/aggregates/patient/4711/?event={at}",
    "/aggregates/patient/4711/?filter=type%3Dx",
    "/events/e-1/",
    "/topics/patients/",
    "/subscriptions/",
    f"/topics/{TOPIC}/subscriptions/mailer/",
)


@pytest.mark.parametrize("role", ["viewer", "support", "admin"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_nothing_twice(desk: Desk, page: str, role: str) -> None:
    (first, *_) = desk.publish(3)
    desk.subscribe(handled=1)
    asked = page.format(at=first.encode())
    desk.get(asked, role)
    captured = {alias: CaptureQueriesContext(connections[alias]) for alias in ALIASES}
    with captured["default"], captured["index"]:
        assert desk.client(role).get(asked).status_code == 200
    for alias, queries in captured.items():
        counts = Counter(query["sql"] for query in queries.captured_queries)
        assert {sql: count for sql, count in counts.items() if count > 1} == {}, alias


def test_another_answer_asks_again(desk: Desk) -> None:
    desk.publish(2)
    assert "2 events since" in desk.get("/aggregates/patient/4711/").content.decode()
    desk.publish(1, start=2)
    assert "3 events since" in desk.get("/aggregates/patient/4711/").content.decode()
