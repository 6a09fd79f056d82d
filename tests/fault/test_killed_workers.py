"""Workers that are killed and stopped while they run jobs: each job is finished by another, once, and on the record."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests import forked
from tests.desk_template import ROOT, copy_databases, plain_environment

JOBS, WORKERS = 3, 2
PIECE = 20
"""Numbers that each job may count between two kills. No job can end before the last one."""
SECONDS = 120.0
PROGRAM = [sys.executable, "-m", "tests.fault.counting_worker"]
SOAK, POSTGRES = pytest.mark.soak, pytest.mark.postgres
FEW, MANY = 3, 20


@pytest.fixture
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """An installation of its own; the database of jobs and record is SQLite or PostgreSQL."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    copy_databases(data)
    made = plain_environment(data)
    if request.param == "postgres":
        made["DATABASE_URL"] = request.getfixturevalue("postgres_server").create_database(f"jobs_{uuid4().hex[:8]}")
        command = [sys.executable, "manage.py", "migrate", "--skip-checks", "-v", "0"]
        migrated = forked.run(command, cwd=ROOT, env=made, text=True)
        assert migrated.returncode == 0, migrated.stderr
    return made


def done_by(environment: dict[str, str], *arguments: str) -> Any:
    done = forked.run([*PROGRAM, *arguments], cwd=ROOT, env=environment, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def worker(environment: dict[str, str]) -> "subprocess.Popen[Any]":
    return forked.start([*PROGRAM, "work"], cwd=ROOT, env=environment, stdout=subprocess.PIPE)


@contextmanager
def workers(environment: dict[str, str]) -> Iterator[list["subprocess.Popen[Any]"]]:
    running = [worker(environment) for _ in range(WORKERS)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def limit(folder: Path, number: int) -> None:
    """No job counts further than this."""
    new = folder / "limit.new"
    new.write_text(str(number))
    new.rename(folder / "limit")


def counted(folder: Path) -> int:
    return sum(len(path.read_bytes().splitlines()) for path in folder.glob("*.txt"))


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("environment", "kills"),
    [
        ("sqlite", FEW),
        pytest.param("postgres", FEW, marks=POSTGRES),
        pytest.param("sqlite", MANY, marks=SOAK),
        pytest.param("postgres", MANY, marks=[POSTGRES, SOAK]),
    ],
    indirect=["environment"],
)
def test_jobs_whose_workers_are_killed_are_finished_once_by_others(
    environment: dict[str, str], tmp_path: Path, kills: int
) -> None:
    """All but one of the kills are SIGKILL; one is a graceful stop."""
    total = PIECE * (kills + 1)
    limit(tmp_path, 0)
    done_by(environment, "ask", str(tmp_path), str(total), str(JOBS))
    with workers(environment) as running:
        for kill in range(kills):
            victim = running[0]
            assert victim.stdout is not None
            assert victim.stdout.readline().strip().endswith(b"is running")
            before = counted(tmp_path)
            limit(tmp_path, PIECE * (kill + 1))
            until(lambda before=before: counted(tmp_path) > before, "the workers get on")  # type: ignore[misc]
            time.sleep(random.random() * 0.05)
            victim.send_signal(signal.SIGTERM if kill == 1 else signal.SIGKILL)
            assert victim.wait(timeout=SECONDS) == (0 if kill == 1 else -signal.SIGKILL)
            running[:] = [*running[1:], worker(environment)]
        limit(tmp_path, total)
        until(lambda: counted(tmp_path) == JOBS * total, "everything is counted")
        until(lambda: all(job[0] == "succeeded" for job in done_by(environment, "show")["jobs"]), "every job has ended")
    numbers = [str(number).encode() for number in range(1, total + 1)]
    assert all((tmp_path / f"{place}.txt").read_bytes().splitlines() == numbers for place in range(JOBS))
    shown = done_by(environment, "show")
    assert shown["jobs"] == [["succeeded", total, ""]] * JOBS
    assert shown["acts"] == [["anna", "done", total]] * JOBS
    assert (shown["entries"], shown["chain"], shown["workers"]) == (2 * JOBS, "None", 0)
    assert shown["epochs"] >= JOBS + kills, "each of them had a job"
