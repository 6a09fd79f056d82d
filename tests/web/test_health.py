"""The health checks for machines: alive, and ready for requests."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from eventstore.model.errors import StoreUnreachable
from tests.web.desk import Desk, opened_desk


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def away(*_: object, **__: object) -> Any:
    raise StoreUnreachable("Pulsar at broker.internal does not answer.")


def test_alive_asks_nothing_of_anybody() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_no_answer_is_to_be_listed_by_search_engines_and_they_may_read_that() -> None:
    robots = Client().get("/robots.txt")
    assert (robots.status_code, robots.headers["Content-Type"]) == (200, "text/plain")
    assert b"Disallow:\n" in robots.content
    for path in ("/login/", "/", "/nowhere/", "/healthz", "/robots.txt"):
        assert Client().get(path).headers["X-Robots-Tag"] == "noindex, nofollow"


def test_ready_names_databases_and_store(desk: Desk) -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "default": "ok", "index": "ok", "store": "ok"}


def test_a_store_that_is_away_makes_it_unready_and_is_not_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(desk.log), "ping", away)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "default": "ok", "index": "ok", "store": "does not answer"}
    assert b"broker.internal" not in answer.content


@pytest.mark.parametrize("url", ["/healthz", "/readyz"])
def test_machines_may_only_ask(url: str) -> None:
    assert Client().post(url).status_code == 405
