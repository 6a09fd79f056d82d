"""Several web processes reset cursors at the same moment, on the real stores: nobody waits, and nobody resets twice."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests import forked
from tests.fault.reset_hammer import EVENTS, PEOPLE

ROOT = Path(__file__).resolve().parents[2]
HAMMER = [sys.executable, "-m", "tests.fault.reset_hammer"]
PATIENCE = 240
"""Seconds after which a process is taken to hang."""
HELD = "held"
HOLD = """
import select, sys
from dashboard.auditing.resource_locks import DatabaseLocks
from eventstore.actions import Actor, subscription_resource
lease = DatabaseLocks().acquire(subscription_resource(TOPIC, "held"), Actor(name="nobody"), "is being reset")
print("held", flush=True)
while not select.select([sys.stdin], [], [], 5)[0]:
    lease.renew()
lease.release()
"""


@pytest.fixture(
    params=[
        pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.soak]),
        pytest.param("pulsar", marks=pytest.mark.broker),
    ]
)
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """An installation of its own: everything on PostgreSQL, or a broker with SQLite beside it. Its databases are empty."""
    variables = {"DATABASE_URL": "desk", "INDEX_DATABASE_URL": "index", "STORE_DATABASE_URL": "store"}
    found = {variable: f"sqlite:///{tmp_path}/{name}.sqlite3" for variable, name in variables.items()}
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        mine = uuid4().hex[:8]
        found |= {variable: server.create_database(f"{name}_{mine}") for variable, name in variables.items()}
    if request.param == "pulsar":
        broker = request.getfixturevalue("pulsar_broker")
        found |= {"EVENTSTORE_URL": broker.service_url, "PULSAR_ADMIN_URL": broker.admin_url}
    made = {name: value for name, value in os.environ.items() if name != "EVENTDESK_DEMO"}
    made |= {"EVENTDESK_DATA": str(tmp_path), **found}
    for alias in ("default", "index", "store"):
        command = [sys.executable, "manage.py", "migrate", "--database", alias, "--skip-checks", "-v", "0"]
        done = forked.run(command, cwd=ROOT, env=made, text=True)
        assert done.returncode == 0, done.stderr
    return made


def hammer(environment: dict[str, str], *arguments: str) -> Any:
    done = forked.run([*HAMMER, *arguments], cwd=ROOT, env=environment, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def start(environment: dict[str, str], command: Sequence[str]) -> "subprocess.Popen[str]":
    """A process that has said that it is ready, and waits for a line."""
    pipe = subprocess.PIPE
    process = forked.start(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout
    if not process.stdout.readline():
        raise AssertionError(process.communicate()[1])
    return process


def end(process: "subprocess.Popen[str]") -> str:
    """Let it go, and return what it printed."""
    out, errors = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0, errors
    return out


def pressed_at_once(environment: dict[str, str], topic: str, names: Sequence[Sequence[str]]) -> list[Any]:
    """Each person's answers by subscription: they press the buttons of these subscriptions, and all have looked at every
    preview before the first button is pressed."""
    people = zip(PEOPLE, names, strict=False)
    processes = [start(environment, [*HAMMER, "reset", topic, person, *mine]) for person, mine in people]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    return [json.loads(end(process).splitlines()[-1]) for process in processes]


def quarter(names: Sequence[str], place: int) -> list[str]:
    """A process's own ten, and two that the next process has as well."""
    return [*names[place::4], *names[(place + 1) % 4 :: 4][:2]]


def canonical(environment: dict[str, str], topic: str) -> str:
    return f"public/default/{topic}" if "EVENTSTORE_URL" in environment else topic


def test_four_processes_reset_forty_subscriptions_and_none_waits_for_another(environment: dict[str, str]) -> None:
    topic = f"patients-{uuid4().hex[:8]}"
    names = [f"s-{number}" for number in range(40)]
    hammer(environment, "prepare", topic, HELD, *names)
    script = HOLD.replace("TOPIC", repr(canonical(environment, topic)))
    holder = start(environment, [sys.executable, "manage.py", "shell", "--no-imports", "-c", script])
    try:
        answers = pressed_at_once(environment, topic, [[HELD, *quarter(names, place)] for place in range(4)])
    finally:
        end(holder)
    for name in names:
        first, *others = sorted(answer[name] for answer in answers if name in answer)
        assert (first, set(others) <= {409}) == (302, True), name
    assert sum(name in answer for name in names for answer in answers) == 48, "eight were wanted by two"
    assert [answer[HELD] for answer in answers] == [409] * 4, "somebody was at it all the time, and nobody waited for that"
    shown = hammer(environment, "check", topic, HELD, *names)
    assert shown["acts"] == sorted([name, "done"] for name in names)
    assert shown["backlogs"] == {HELD: 0, **dict.fromkeys(names, EVENTS)}
    assert (shown["chain"], shown["locks"]) == ("None", [])


def test_of_two_processes_at_one_subscription_exactly_one_resets_it(environment: dict[str, str]) -> None:
    topic = f"patients-{uuid4().hex[:8]}"
    hammer(environment, "prepare", topic, "mailer")
    answers = pressed_at_once(environment, topic, [["mailer"], ["mailer"]])
    assert sorted(answer["mailer"] for answer in answers) == [302, 409]
    shown = hammer(environment, "check", topic, "mailer")
    assert shown["acts"] == [["mailer", "done"]]
    assert (shown["backlogs"], shown["chain"], shown["locks"]) == ({"mailer": EVENTS}, "None", [])
