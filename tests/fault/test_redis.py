"""Hints by a real Redis that goes away, hangs, is full or refuses: nothing waits for it, and all works as without it."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.test.utils import override_settings

from dashboard.access import tokens
from dashboard.hints import carrier, changes, of_process
from dashboard.hints.address import redis_of
from dashboard.hints.standing import Standing
from dashboard.models import Person, Role
from dashboard.running.instruments import process_name
from dashboard.sockets import open_sockets
from dashboard.sockets.open_sockets import OpenSockets, Watched
from scripts.local_redis import LocalRedis
from tests import forked
from tests.desk_template import ROOT, plain_environment
from tests.fault.redis_hints import WITHIN, two, wait
from tests.people import person
from tests.web.desk import opened_desk

REASON = ("--reason", "SUP-1")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are seen sooner than they have to be."""
    monkeypatch.setattr(carrier, "PROBE_EVERY", 0.1)
    monkeypatch.setattr(carrier, "AGAIN_AFTER", 0.1)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "dashboard.hints.standing"]


def test_a_redis_that_is_killed_is_said_once_and_hints_come_again_when_it_is_back(
    redis_server: LocalRedis, caplog: pytest.LogCaptureFixture
) -> None:
    with two(redis_server.url) as both:
        wait(lambda: both.stand(Standing.OK))
        both.hint_comes()
        for _ in range(2):
            redis_server.kill()
            wait(lambda: both.stand(Standing.NO_ANSWER))
            for _ in range(100):
                both.changes.send()
            assert both.changes.finish(WITHIN), "what cannot be sent is given up"
            redis_server.start()
            wait(lambda: both.stand(Standing.OK))
            both.hint_comes()
    of_each = Counter(line.split(" (")[0] for line in told(caplog))
    assert of_each == {"Redis takes no hints": 2 * 2, "Redis takes hints again.": 2 * 2}, "once for each process and outage"
    assert redis_server.password not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_redis_that_hangs_holds_nobody_up(redis_server: LocalRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "ANSWERS_WITHIN", 0.5)
    with two(redis_server.url) as both:
        wait(lambda: both.stand(Standing.OK))
        redis_server.signal(signal.SIGSTOP)
        try:
            for _ in range(1_000):
                both.changes.send()
            assert both.changes.finish(WITHIN)
            wait(lambda: both.stand(Standing.NO_ANSWER))
        finally:
            redis_server.signal(signal.SIGCONT)
        wait(lambda: both.stand(Standing.OK))
        both.hint_comes()


def test_a_redis_without_room_or_with_a_foreign_publisher_still_takes_hints(redis_server: LocalRedis) -> None:
    assert redis_server.ask("CONFIG SET maxmemory 1") == "+OK"
    assert redis_server.ask("SET a b").startswith("-OOM")
    with two(redis_server.url) as both:
        wait(lambda: both.stand(Standing.OK))
        for said in ("nonsense", '"[]"', "\\xff\\x00", "{}" * 10, "[" * 10_000):
            redis_server.ask(f'PUBLISH {carrier.PREFIX}__group__{carrier.GROUP} "{said}"')
        both.hint_comes()
        assert both.stand(Standing.OK)


@pytest.mark.parametrize(
    ("given", "why"), [({"password": "wrong-secret"}, "AuthenticationError"), ({"db": 9999}, "ResponseError")]
)
def test_a_redis_that_refuses_is_named_by_the_class_of_the_error(
    redis_server: LocalRedis, caplog: pytest.LogCaptureFixture, given: dict[str, Any], why: str
) -> None:
    with two(redis_server.url, **given) as both:
        wait(lambda: both.stand(Standing.NO_ANSWER))
        both.changes.send()
        assert both.changes.finish(WITHIN)
        wait(lambda: len(told(caplog)) == 2)
    assert [line.split("(")[1].split(")")[0] for line in told(caplog)] == [why] * 2
    assert "secret" not in caplog.text


def command(databases: dict[str, str], folder: Path, url: str, *arguments: str) -> None:
    """Another process."""
    environment = {**plain_environment(folder), **databases, "EVENTDESK_REDIS": url}
    done = forked.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, timeout=WITHIN)
    assert done.returncode == 0, done.stderr.decode()


def woken_by(act: Callable[[], object], watched: dict[str, Watched]) -> set[str]:
    """Whose sockets are woken by this, apart from the first time, when all are."""
    heard: list[str] = []

    async def work() -> None:
        everybody = OpenSockets()
        for name, each in watched.items():
            everybody.add(each, lambda name=name: heard.append(name))  # type: ignore[misc]
        while len(heard) < len(watched):
            await asyncio.sleep(0.01)
        heard.clear()
        acting = asyncio.create_task(asyncio.to_thread(act))
        while not heard:
            await asyncio.sleep(0.01)
        await acting

    asyncio.run(asyncio.wait_for(work(), WITHIN))
    return set(heard)


def test_a_command_wakes_the_sockets_of_a_web_process_that_would_not_ask_for_an_hour(
    desk_databases: dict[str, str], redis_server: LocalRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 3_600)
    token, _ = tokens.make("export", Role.SUPPORT, 1)
    watched = {
        "export": Watched(("token", token.pk)),
        "anna": Watched(("person", person("support", "anna").pk)),
        "ben": Watched(("person", person("support", "ben").pk)),
    }

    def act(*words: str) -> Callable[[], object]:
        return partial(command, desk_databases, tmp_path, redis_server.url, *words)

    with override_settings(REDIS=redis_of(redis_server.url)):
        changes.listen()
        try:
            wait(lambda: of_process.standing() is Standing.OK)
            assert woken_by(act("revoke_token", "export"), watched) == {"export"}
            assert woken_by(act("change_account", "anna", "--role", "viewer", *REASON), watched) == {"anna"}
            assert woken_by(act("change_account", "ben", "--disable", *REASON), watched) == {"ben"}
        finally:
            of_process.close()


def test_without_its_redis_every_request_and_command_works_and_readyz_and_metrics_say_it(
    desk_databases: dict[str, str], redis_server: LocalRedis, tmp_path: Path
) -> None:
    redis_server.kill()
    with opened_desk(), override_settings(REDIS=redis_of(redis_server.url), BEHIND_TLS=False):
        changes.listen()
        try:
            client = Client()
            wait(lambda: of_process.standing() is Standing.NO_ANSWER)
            client.force_login(person("support", "anna"))
            assert client.get("/").status_code == 200
            assert client.post("/logout/").status_code == 302
            command(desk_databases, tmp_path, redis_server.url, "change_account", "anna", "--disable", *REASON)
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["ready"], ready.json()["redis"]) == (200, True, "does not answer")
            series = f'eventdesk_redis_unavailable{{process="{process_name()}"}} 1.0'
            assert series in client.get("/metrics").content.decode().splitlines()
        finally:
            of_process.close()
    assert not Person.objects.get(username="anna").is_active
