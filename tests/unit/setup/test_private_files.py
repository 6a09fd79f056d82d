"""What the desk keeps on disk is its owner's alone, also what an older version has left."""

import sqlite3
import stat
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db.backends.signals import connection_created

from dashboard.setup.private_files import make_private
from tests.desk_template import ROOT, plain_environment
from tests.forked import run


def modes(folder: Path) -> Mapping[str, str]:
    return {path.name: stat.filemode(path.stat().st_mode) for path in folder.glob("*.sqlite3*")}


@pytest.mark.slow
def test_what_migrate_makes_in_a_folder_that_others_may_read_is_its_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    made = run(
        [sys.executable, "manage.py", "migrate", "--database", "index"], cwd=ROOT, env=plain_environment(tmp_path), timeout=120
    )
    assert made.returncode == 0, made.stderr.decode()
    assert set(modes(tmp_path).values()) == {"-rw-------"}


def test_files_that_others_may_read_lose_that_when_they_are_opened_with_those_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA journal_mode=WAL")
        old.execute("CREATE TABLE t (a)")
        for part in ("", "-wal", "-shm"):
            path.with_name(path.name + part).chmod(0o644)
        opened = SimpleNamespace(vendor="sqlite", settings_dict={"NAME": path})
        connection_created.send(sender=type(opened), connection=opened)
        assert modes(tmp_path) == dict.fromkeys(["desk.sqlite3", "desk.sqlite3-wal", "desk.sqlite3-shm"], "-rw-------")


def test_what_cannot_be_changed_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "desk.sqlite3"
    path.touch()
    path.chmod(0o644)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    for _ in range(3):
        make_private(path)
    assert caplog.text.count("Others may read") == 1
    assert "chmod 600" in caplog.text
