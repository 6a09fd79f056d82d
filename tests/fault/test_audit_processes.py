"""Several processes write into the audit record in parallel, on either database. Its chain never forks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.local_postgres import PostgresAddress
from tests import forked

ROOT = Path(__file__).resolve().parents[2]


def hammer(environment: dict[str, str], *, processes: int, threads: int, acts: int) -> None:
    """Let each of these processes write so many acts, of two entries each, from its threads."""
    command = [sys.executable, "-m", "tests.fault.audit_hammer", str(threads), str(acts)]
    started = [forked.start(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE) for _ in range(processes)]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()


VERIFY = """
from dashboard.auditing.verification import verify; from dashboard.models import AuditEntry
print(verify(), AuditEntry.objects.count(), AuditEntry.objects.values("previous").distinct().count())
"""


def whole_chain(environment: dict[str, str]) -> str:
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", VERIFY]
    done = forked.run(command, cwd=ROOT, env=environment, text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


def test_processes_never_fork_the_chain_on_sqlite(tmp_path: Path) -> None:
    environment = os.environ | {"EVENTDESK_DATA": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/desk.sqlite3"}
    migrate(environment)
    hammer(environment, processes=3, threads=4, acts=30)
    assert whole_chain(environment) == "None 180 180"


def migrate(environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "migrate", "--database", "default", "--skip-checks", "-v", "0"]
    done = forked.run(command, cwd=ROOT, env=environment, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.postgres
@pytest.mark.parametrize("entries", [2_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_what_eight_processes_append_is_one_chain_on_postgresql(
    postgres_server: PostgresAddress, worker_id: str, tmp_path: Path, entries: int
) -> None:
    url = postgres_server.create_database(f"audit-{entries}-{worker_id}")
    environment = os.environ | {"EVENTDESK_DATA": str(tmp_path), "DATABASE_URL": url}
    migrate(environment)
    hammer(environment, processes=8, threads=1, acts=entries // 16)
    assert whole_chain(environment) == f"None {entries} {entries}"
