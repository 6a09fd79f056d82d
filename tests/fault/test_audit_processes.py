"""Several processes write into the audit record in parallel, on either database. Its chain never forks, and it keeps what was
reported as written, whoever crashes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from scripts.local_postgres import LocalPostgres, PostgresAddress
from tests import forked

ROOT = Path(__file__).resolve().parents[2]


def hammering(environment: dict[str, str], told: Path, *, threads: int, acts: int) -> "subprocess.Popen[bytes]":
    """A process that writes so many acts, of two entries each, and tells in a file what is written."""
    command = [sys.executable, "-m", "tests.fault.audit_hammer", str(threads), str(acts)]
    with told.open("wb") as file:
        return forked.start(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.PIPE)


def hammer(environment: dict[str, str], folder: Path, *, processes: int, threads: int, acts: int) -> None:
    started = [hammering(environment, folder / f"told-{number}", threads=threads, acts=acts) for number in range(processes)]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()


VERIFY = """
from dashboard.auditing.verification import verify; from dashboard.models import AuditEntry
print(verify(), AuditEntry.objects.count(), AuditEntry.objects.values("previous").distinct().count())
"""
SHOW = """
from dashboard.auditing.verification import rows, verify
print(verify(), *(f"{row.state} {row.act}" for row in rows()), sep="\\n")
"""


def whole_chain(environment: dict[str, str], script: str = VERIFY) -> str:
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", script]
    done = forked.run(command, cwd=ROOT, env=environment, text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


def test_processes_never_fork_the_chain_on_sqlite(tmp_path: Path) -> None:
    environment = os.environ | {"EVENTDESK_DATA": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/desk.sqlite3"}
    migrate(environment)
    hammer(environment, tmp_path, processes=3, threads=4, acts=30)
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
    hammer(environment, tmp_path, processes=8, threads=1, acts=entries // 16)
    assert whole_chain(environment) == f"None {entries} {entries}"


HOSTILE = r"""
from dashboard.auditing.chain import DatabaseRecord; from dashboard.auditing.verification import rows, verify
from eventstore.actions import Actor, Ending, Outcome, topic_resource
record, name = DatabaseRecord(), 'Zo\u00eb \U0001f600 \x00 \ud800 "quoted" \\u0041 \u202e %s {} $a$' + "x" * 600
for again in range(2):
    act = record.intended(Actor(name=name), "look", topic_resource(name), {"reason": name, "ticket": name, name: [name, None]})
    record.ended(act, Outcome(ending=Ending.DONE, facts={name: name}))
    record.ended(act, Outcome(ending=Ending.DONE, facts={name: name}))
    record.ended(act, Outcome(ending=Ending.FAILED, reason=name))
print(verify(), *(row.state for row in rows()))
"""

AT_ONE_MOMENT = r"""
import time; from threading import Thread
from django.db import connection
from dashboard.auditing.chain import DatabaseRecord; from dashboard.auditing.one_call import LOCK
from dashboard.models import AuditEntry
from eventstore.actions import Actor, Ending, Outcome, topic_resource
record = DatabaseRecord(); act = record.intended(Actor(name="anna"), "look", topic_resource("patients"), {})
connection.ensure_connection()
def end():
    record.ended(act, Outcome(ending=Ending.DONE)); connection.close()
other = connection.copy(); other.set_autocommit(False); cursor = other.cursor()
cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
threads, waiting = [Thread(target=end) for _ in range(8)], 0
for thread in threads: thread.start()
while waiting < 8:
    time.sleep(0.01); cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    [waiting] = cursor.fetchone()
other.rollback(); other.close()
for thread in threads: thread.join()
print(*AuditEntry.objects.filter(act=act).order_by("number").values_list("state", flat=True))
"""
NAMES_IN_ALERTS = r"""
from datetime import UTC, datetime
from dashboard.models import Alert; from dashboard.observing.alerts.conditions import Condition, Seen
from dashboard.observing.alerts.standing import note; from eventstore.config import About
names = ["nul\0", "half \ud800", "long" * 1000]
wrong = [Condition(kind=About.STUCK, words="", path="/", topic=name, subscription=name) for name in names]
note(Seen(wrong=wrong, there=set(), kinds={About.STUCK}), datetime.now(UTC))
print(Alert.objects.count())
"""


@pytest.mark.postgres
def test_on_postgresql_names_of_every_kind_are_chained_and_an_end_that_is_told_again_is_written_once(
    postgres_server: PostgresAddress, worker_id: str, tmp_path: Path
) -> None:
    url = postgres_server.create_database(f"audit-names-{worker_id}")
    environment = os.environ | {"EVENTDESK_DATA": str(tmp_path), "DATABASE_URL": url}
    migrate(environment)
    assert whole_chain(environment, HOSTILE) == f"None {' '.join(['intended', 'done', 'failed'] * 2)}"
    assert whole_chain(environment, AT_ONE_MOMENT) == "intended done", "however many tell it at one moment"
    assert whole_chain(environment, NAMES_IN_ALERTS) == "3"


def on_a_server_that_writes_late(server: LocalPostgres, folder: Path) -> dict[str, str]:
    """It writes what it need not only every ten seconds, so that a crash loses that."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        connection.execute("SELECT pg_reload_conf()")
    url = server.address.create_database("audit")
    environment = os.environ | {"EVENTDESK_DATA": str(folder), "DATABASE_URL": url}
    migrate(environment)
    return environment


@pytest.mark.postgres
def test_whoever_crashes_the_chain_is_whole_and_has_all_that_was_reported_as_written(
    own_postgres_server: LocalPostgres, tmp_path: Path
) -> None:
    environment = on_a_server_that_writes_late(own_postgres_server, tmp_path)
    told: list[Path] = []
    for crashed in range(2):
        files = [tmp_path / f"told-{crashed}-{number}" for number in range(4)]
        told += files
        processes = [hammering(environment, file, threads=2, acts=1_000_000) for file in files]
        until_told(files, 40)
        processes[0].send_signal(signal.SIGKILL)
        until_told(files[1:], 120)
        own_postgres_server.crash()
        for process in processes:
            process.communicate(timeout=60)
            assert process.returncode != 0
        own_postgres_server.start()
    verified, *entries = whole_chain(environment, SHOW).splitlines()
    assert verified == "None"
    reported = {line for file in told for line in file.read_text().splitlines()}
    assert len(reported) > 800
    assert reported <= set(entries)


def until_told(files: list[Path], lines: int) -> None:
    """Wait until each process has written so many entries."""
    deadline = time.monotonic() + 120
    while any(file.read_bytes().count(b"\n") < lines for file in files):
        assert time.monotonic() < deadline, "nothing is written"
        time.sleep(0.01)


SEAL = """
from uuid import uuid4
from django.core.management import call_command; from django.db import connection, transaction
from dashboard.auditing.chain import locked_head, write_next; from dashboard.auditing.entries import columns_of
from eventstore.actions import topic_resource
said = {"state": "done", "begins": True, "actor": "anna", "via": "", "action": "look", "details": "{}"}
for number in range(50):
    with transaction.atomic():
        connection.cursor().execute("SET LOCAL synchronous_commit = off")
        write_next(locked_head(), act=uuid4(), **said, **columns_of(topic_resource("patients")))
call_command("seal_record")
"""


@pytest.mark.postgres
def test_a_seal_counts_nothing_that_a_crash_of_the_database_could_lose(
    own_postgres_server: LocalPostgres, tmp_path: Path
) -> None:
    environment = on_a_server_that_writes_late(own_postgres_server, tmp_path)
    environment |= {"EVENTDESK_SEAL_KEY": f"{tmp_path}/seal.key", "EVENTDESK_SEALS": f"{tmp_path}/record.seals"}
    made = [sys.executable, "manage.py", "make_seal_key", f"{tmp_path}/seal.key", "--record", "desk.example.org/record"]
    assert forked.run(made, cwd=ROOT, env=environment).returncode == 0
    assert "Sealed 50 entries" in whole_chain(environment, SEAL)
    own_postgres_server.crash()
    own_postgres_server.start()
    verified = forked.run([sys.executable, "manage.py", "verify_record"], cwd=ROOT, env=environment, text=True)
    assert (verified.returncode, "All 1 seals hold" in verified.stdout) == (0, True), verified.stderr
