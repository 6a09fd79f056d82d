"""No request of anybody makes the desk fail: no answer of status 5xx, and no exception in the log.

400 requests in ``make test``, 10,000 in ``make soak``. ``EVENTDESK_HOSTILE_SEED`` repeats those of a run that failed.
"""

import logging
import os
import random
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

import hypothesis
import pytest
from django.conf import settings
from django.test import Client

from tests.people import person
from tests.security.requests import NOBODY, TOKEN, WHO, Request, answered, parameters, requests, shown
from tests.web.desk import Desk
from tests.web.walk.pages import ROUTES
from tests.web.walk.planted import furnished

SEED = int(os.environ.get("EVENTDESK_HOSTILE_SEED") or (4711 if os.environ.get("CI") == "true" else random.randrange(2**32)))
FEW, MANY = 400, 10_000
_Session = import_module(settings.SESSION_ENGINE).SessionStore
QUIET = "django.security"
"""Django reports what it refused here as errors; the desk's log has a line of each without a traceback."""


class Faults(logging.Handler):
    """What was logged as an error, or with an exception. A request that Django refuses is none."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        refused = record.name == "django.request" and record.levelno < logging.ERROR
        if (record.exc_info or record.levelno >= logging.ERROR) and not refused and not record.name.startswith(QUIET):
            where = traceback.format_exception(*record.exc_info)[-3:] if record.exc_info else [record.getMessage()]
            self.found.append("".join(where))


@contextmanager
def faults() -> Iterator[list[str]]:
    handler = Faults()
    listened = [logging.getLogger(), *(logging.getLogger(name) for name in ("django", "daphne"))]
    for logger in listened:
        logger.addHandler(handler)
    try:
        yield handler.found
    finally:
        for logger in listened:
            logger.removeHandler(handler)


class People:
    """Someone of each role, logged in: again where a request has ended the login."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}

    def cookies(self, who: str) -> Mapping[str, str]:
        token = {settings.CSRF_COOKIE_NAME: TOKEN}
        if who == NOBODY:
            return token
        if not _Session().exists(self.keys.get(who, "")):
            client = Client()
            client.force_login(person(who))
            self.keys[who] = client.cookies[settings.SESSION_COOKIE_NAME].value
        return {**token, settings.SESSION_COOKIE_NAME: self.keys[who]}


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with furnished() as opened:
        yield opened


def attempt(most: int) -> tuple[dict[str, str], int]:
    """Send so many requests. Returns what failed, by the end of its traceback, each with the first request; and how many were
    answered by a page or a file."""
    people, failed, fine = People(), dict[str, str](), [0]

    @hypothesis.seed(SEED)
    @hypothesis.settings(max_examples=most, database=None, derandomize=False, phases=[hypothesis.Phase.generate])
    @hypothesis.given(requests())
    def each(request: Request) -> None:
        with faults() as found:
            try:
                status = answered(request, people.cookies(request.who)).status
            except Exception:  # noqa: BLE001 - whatever gets out is what is looked for
                status = 500
                found.append(traceback.format_exc()[-600:])
        fine[0] += status == 200
        if status >= 500 or found:
            failed.setdefault(found[0] if found else f"status {status}", f"{status} to {shown(request)}")

    each()
    return failed, fine[0]


def test_the_requests_know_the_names_that_views_ask_for() -> None:
    assert {"filter", "digest", "reason", "ticket", "username", "since"} <= set(parameters())
    assert len(WHO) > 7
    assert len(ROUTES) > 60


@pytest.mark.parametrize("most", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
def test_no_request_makes_the_desk_fail(desk: Desk, most: int) -> None:
    failed, fine = attempt(most)
    assert not failed, "\n\n".join(f"seed {SEED}: {request}\n{said}" for said, request in failed.items())
    assert fine > most / 20, "the requests have lost their way"
