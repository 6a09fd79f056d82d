"""Commands that cannot do anything yet print one clear sentence and set an exit status. They never print a traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.local_postgres import PostgresAddress
from tests import forked
from tests.desk_process import ROOT

WRONG_STORES = {
    "no admin address": ({"EVENTSTORE_URL": "pulsar://127.0.0.1:1"}, "PULSAR_ADMIN_URL is missing"),
    "no such store": ({"EVENTSTORE_URL": "kafka://127.0.0.1:9092"}, "EVENTSTORE_URL must begin with"),
    "no such namespaces": (
        {
            "EVENTSTORE_URL": "pulsar://127.0.0.1:1",
            "PULSAR_ADMIN_URL": "http://127.0.0.1:1",
            "EVENTSTORE_NAMESPACES": "public",
        },
        "EVENTSTORE_NAMESPACES takes",
    ),
}


def ended(data: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command on an empty data directory. Returns the exit status, and standard error."""
    return ended_of(forked.start, data, *arguments, **environment)


def ended_of(
    start: Callable[..., "subprocess.Popen[str]"], data: Path, *arguments: str, **environment: str
) -> tuple[int, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "manage.py", *arguments]
    own, pipe = {**kept, "EVENTDESK_DATA": str(data), **environment}, subprocess.PIPE
    with start(command, cwd=ROOT, env=own, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        _, said = process.communicate("a-long-test-password\n", timeout=60)
    return process.returncode, said


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("create_user", "anna", "--role", "admin"), 2),
        (("create_user", "anna", "--role", "admin", "--password-stdin"), 2),
        (("import_events", "-", "--topic", "patients"), 2),
        (("create_token", "script", "--role", "viewer", "--days", "1"), 2),
        (("list_tokens",), 2),
        (("revoke_token", "script"), 2),
        (("run_index", "--until-caught-up"), 1),
        (("check_index",), 2),
        (("rebuild_index",), 2),
        (("check_running",), 1),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else "",
)
def test_without_tables_a_command_names_what_makes_them(tmp_path: Path, arguments: tuple[str, ...], status: int) -> None:
    as_people_do = arguments[0] == "run_index"  # one of them: the others are the same but for their imports
    ended_with, said = ended_of(subprocess.Popen if as_people_do else forked.start, tmp_path, *arguments)
    assert ended_with == status, said
    assert "manage.py migrate --database" in said
    assert said.count("\n") == 1, said


@pytest.mark.parametrize("wrong", WRONG_STORES)
@pytest.mark.parametrize("command", ["run_index", "check_index", "rebuild_index"])
def test_an_address_that_cannot_be_used_ends_a_command_of_the_index(tmp_path: Path, command: str, wrong: str) -> None:
    environment, expected = WRONG_STORES[wrong]
    status, said = ended(tmp_path, command, **environment)
    assert status in (1, 2)
    assert expected in said
    assert said.count("\n") == 1, said


@pytest.mark.postgres
def test_postgresql_without_tables_is_told_from_one_that_is_away(
    tmp_path: Path, postgres_server: PostgresAddress, worker_id: str
) -> None:
    empty = {name: postgres_server.create_database(f"{name}-{worker_id}") for name in ("DATABASE_URL", "INDEX_DATABASE_URL")}
    assert ended(tmp_path, "migrate", "--database", "store")[0] == 0
    for arguments in (("list_tokens",), ("run_index", "--until-caught-up")):
        assert "manage.py migrate --database" in ended(tmp_path, *arguments, **empty)[1]
    nowhere = {"INDEX_DATABASE_URL": postgres_server.url("nowhere")}
    status, said = ended(tmp_path, "run_index", "--until-caught-up", **nowhere)
    assert (status, "migrate" in said) == (1, False)
    assert "The index's database did not do this" in said
