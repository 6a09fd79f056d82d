"""The commands for people at a shell: what they print, record, and refuse, and their exit status."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dashboard import gateway
from dashboard.access.command_actions import account
from dashboard.auditing.acts import acts
from dashboard.auditing.verification import verify
from dashboard.models import Person, State
from eventstore.actions import topic_resource
from eventstore.model.errors import StoreRefused
from eventstore.samples.health import health_history
from tests import people

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, **options: Any) -> tuple[int, str, str]:
    """Run a command in this process. Returns the exit status, stdout, and stderr."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err, **options)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture
def store(desk_databases: dict[str, str]) -> Iterator[dict[str, str]]:
    gateway.close()
    yield desk_databases
    gateway.close()


def a_file(directory: Path, lines: list[bytes], name: str = "patients.ndjson") -> str:
    path = directory / name
    text = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return str(path)


def events(count: int) -> list[bytes]:
    made = (json.dumps(event).encode() for event in health_history(seed=7, patients=200))
    return [next(made) for _ in range(count)]


def held(topic: str) -> list[bytes]:
    storage = gateway.desk().store
    return [
        m.payload for p in range(storage.log.topic(topic).partitions) for m in storage.log.read_forward(topic, p, limit=10_000)
    ]


# -- create_user


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "support", "approver", "admin"])
def test_a_person_is_made_with_a_password_that_is_shown_once(role: str) -> None:
    status, out, _ = run("create_user", "anna", "--role", role)
    password = out.split("Password: ")[1].strip()
    person = Person.objects.get(username="anna")
    assert (status, person.role, person.is_superuser) == (0, role, False)
    assert person.check_password(password)
    (act,) = acts()
    assert (act.action, act.resource, act.state) == ("manage_people", account("anna"), State.DONE)
    assert act.details == {"role": role}
    assert act.actor.endswith("(command line)")
    assert password not in str(act)


@pytest.mark.django_db
def test_a_password_from_standard_input_is_used_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\nanother line\n"))
    _, out, _ = run("create_user", "anna", "--role", "viewer", "--password-stdin")
    assert Person.objects.get(username="anna").check_password("correct horse battery")
    assert "correct" not in out


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["", "short", "password123", "anna-anna-anna"])
def test_a_weak_password_is_refused_and_nobody_is_made(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    with pytest.raises(CommandError, match="password"):
        run("create_user", "anna-anna-anna", "--role", "viewer", "--password-stdin")
    assert not Person.objects.exists()


@pytest.mark.django_db
def test_somebody_who_is_there_already_is_not_changed() -> None:
    before = people.person("viewer", "anna")
    with pytest.raises(CommandError, match="already"):
        run("create_user", "anna", "--role", "admin")
    after = Person.objects.get(username="anna")
    assert (after.role, after.password) == ("viewer", before.password)
    assert acts() == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "two words", "root (command line)", "a/b", "<script>", "a\0b", "x" * 151])
def test_a_name_that_no_account_may_have_is_refused(name: str) -> None:
    with pytest.raises(CommandError):
        run("create_user", name, "--role", "viewer")
    assert not Person.objects.exists()


@pytest.mark.django_db
def test_only_an_admin_makes_people_in_their_own_name() -> None:
    people.support()
    people.admin()
    with pytest.raises(CommandError, match="support may not"):
        run("create_user", "anna", "--role", "admin", "--as", "support")
    with pytest.raises(CommandError, match="no active person"):
        run("create_user", "anna", "--role", "admin", "--as", "stranger")
    assert not Person.objects.filter(username="anna").exists()
    run("create_user", "anna", "--role", "viewer", "--as", "admin")
    assert [act.actor for act in acts()] == ["admin"]


# -- import_events


@pytest.mark.parametrize("name", ["patients.ndjson", "patients.ndjson.gz"])
def test_a_file_goes_in_whole_into_the_topic_of_its_name(store: dict[str, str], tmp_path: Path, name: str) -> None:
    gateway.desk().log.create_topic("patients")
    status, out, err = run("import_events", a_file(tmp_path, events(1200), name))
    assert (status, err) == (0, "")
    assert "1200 events of" in out
    assert len(held("patients")) == 1200
    (act,) = acts()
    assert (act.action, act.resource, act.state) == ("publish", topic_resource("patients"), State.DONE)
    assert act.outcome == {"imported": 1200, "already_there": 0, "rejected": 0, "stopped": False}
    assert verify() is None


def test_an_import_that_is_run_twice_says_what_was_already_there(store: dict[str, str], tmp_path: Path) -> None:
    file = a_file(tmp_path, events(20))
    run("import_events", file, "--topic", "patients")
    status, out, _ = run("import_events", file)
    assert status == 0
    assert "0 events" in out
    assert "20 were already there" in out
    assert len(held("patients")) == 20


def test_bad_lines_are_told_by_number_and_the_rest_goes_in(
    store: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [*events(3), b"{broken secret", b"[]", b'{"specversion": "1.0"}', b"\xff\xfe", *events(6)[3:]]
    status, out, _ = run("import_events", a_file(tmp_path, lines), "--topic", "patients")
    said = capsys.readouterr().err
    assert status == 1
    assert [line.split(":")[0] for line in said.splitlines()] == ["line 4", "line 5", "line 6", "line 7"]
    assert "secret" not in said
    assert "6 events" in out
    assert "4 lines were rejected" in out
    assert len(held("patients")) == 6


def test_an_empty_file_is_imported_as_nothing(store: dict[str, str], tmp_path: Path) -> None:
    arguments = (a_file(tmp_path, []), "--topic", "patients")
    assert run("import_events", *arguments)[:2] == (0, "0 events imported into patients.\n")


def test_what_cannot_be_begun_ends_with_two_and_a_sentence(store: dict[str, str], tmp_path: Path) -> None:
    people.support()
    file = a_file(tmp_path, events(2))
    for arguments, said in {
        (str(tmp_path / "none.ndjson"),): "cannot be read",
        (str(tmp_path),): "cannot be read",
        ("-",): "--topic",
        (file,): "There is no topic 'patients', and none is made .* import_events .*patients.ndjson --topic patients",
        (file, "--topic", "patients", "--as", "support"): "support may not",
        (file, "--topic", "patients", "--as", "stranger"): "no active person",
        (file, "--topic", "a\0b"): "NUL|character|name",
    }.items():
        with pytest.raises(CommandError, match=said) as refused:
            run("import_events", *arguments)
        assert refused.value.returncode == 2
    assert [topic.name for topic in gateway.desk().log.topics()] == []


def failing_after(batches: int, error: Exception) -> Callable[..., Any]:
    """A store's ``append`` that works so many times."""
    append, left = gateway.desk().log.append, [None] * batches

    def appended(*arguments: Any, **options: Any) -> Any:
        if not left:
            raise error
        left.pop()
        return append(*arguments, **options)

    return appended


@pytest.mark.parametrize(
    ("batches", "state", "parts"),
    [
        (2, State.PARTLY_DONE, [("the first 1000 events", "done"), ("the batch after that", "unknown")]),
        (0, State.UNKNOWN, [("the batch after that", "unknown")]),
    ],
)
def test_an_import_that_the_store_ends_is_recorded_with_what_was_imported_before(
    store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int, state: State, parts: Any
) -> None:
    monkeypatch.setattr(gateway.desk().log, "append", failing_after(batches, StoreRefused("The disk is full.")))
    with pytest.raises(CommandError, match=f"The disk is full. {500 * batches} events were imported before that."):
        run("import_events", a_file(tmp_path, events(1200)), "--topic", "patients")
    (act,) = acts()
    assert act.state == state
    assert act.outcome.get("imported", 0) == 500 * batches == len(held("patients"))
    assert [(part["name"], part["outcome"]) for part in act.outcome["parts"]] == parts


def process(databases: dict[str, str], tmp_path: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | databases | {"EVENTDESK_DATA": str(tmp_path / "var")}
    command = [sys.executable, "manage.py", "import_events", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)


def test_standard_input_is_read_to_its_end(store: dict[str, str], tmp_path: Path) -> None:
    with process(store, tmp_path, "-", "--topic", "patients") as importing:
        out, err = importing.communicate(gzip.compress(b"\n".join(events(30))), timeout=60)
    assert (importing.returncode, err) == (0, b"")
    assert b"30 events" in out
    assert len(held("patients")) == 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_an_import_cleanly_and_says_how_far_it_came(
    store: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    with process(store, tmp_path, "-", "--topic", "patients") as importing:
        assert importing.stdin
        importing.stdin.write(b"\n".join(events(1300)) + b"\n")
        importing.stdin.flush()
        while not acts() or len(_held_or_none()) < 1000:
            assert importing.poll() is None
        importing.send_signal(number)
        out, err = importing.communicate(timeout=60)
    assert importing.returncode == 128 + number
    assert err == b""
    there = len(held("patients"))
    assert out.startswith(f"Stopped after {there} lines. {there} events".encode())
    assert 1000 <= there <= 1300
    (act,) = acts()
    assert (act.state, act.outcome["imported"], act.outcome["stopped"]) == (State.DONE, there, True)


def _held_or_none() -> list[bytes]:
    if not gateway.desk().log.topics():
        return []
    return held("patients")
