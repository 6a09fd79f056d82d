"""Migrated databases with people in them, each made once a run and copied for every desk: ``python -m tests.desk_template``.

Django takes more than a second to start. A desk that migrated its databases and created its people by commands would start it
seven times. Those with people in them begin as a copy of the one without.
"""

import atexit
import fcntl
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.forked import INHERITED, ROOT, run

__all__ = ["FILES", "ROOT", "RUN_FOLDER", "copy_databases", "plain_environment"]
FILES = {"default": "desk.sqlite3", "index": "index.sqlite3", "store": "store.sqlite3"}
"""Alias → file in a data directory."""
RUN_FOLDER = "EVENTDESK_TEST_RUN"
"""The environment variable that holds the folder which all processes of a test run share."""


def plain_environment(data: Path) -> dict[str, str]:
    """The environment of a desk's processes: an embedded store, and everything in this folder."""
    return {
        **{name: value for name, value in os.environ.items() if name in INHERITED},
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "EVENTDESK_DATA": str(data),
        "EVENTDESK_SECRET_KEY": "only-for-this-test-" + "x" * 40,
        "EVENTDESK_HOSTS": "127.0.0.1",
        "EVENTDESK_TLS": "0",
    }


def copy_databases(to: Path, people: Sequence[str] = ()) -> None:
    """Put the three databases into the folder: migrated, with one person for each of these roles, named after the role.

    The people have the password of ``tests.people``.
    """
    folder = _run_folder() / "-".join(["desk", *people])
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make(folder, people)
    for file in FILES.values():
        shutil.copy(folder / file, to)


def _make(folder: Path, people: Sequence[str]) -> None:
    unfinished = folder.with_name(f"{folder.name}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    if people:
        copy_databases(unfinished)
    command = [sys.executable, "-m", "tests.desk_template", *people]
    environment = plain_environment(unfinished)
    made = run(command, cwd=ROOT, env=environment, timeout=120)
    if made.returncode:
        raise AssertionError(f"the databases were not made: {made.stderr.decode()[-2000:]}")
    unfinished.rename(folder)


def _run_folder() -> Path:
    if RUN_FOLDER not in os.environ:  # outside of pytest
        os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="eventdesk-desks-")
        atexit.register(shutil.rmtree, os.environ[RUN_FOLDER], ignore_errors=True)
    return Path(os.environ[RUN_FOLDER])


def main(people: Sequence[str]) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    from dashboard.setup.databases import migrate

    if not people:
        for alias in FILES:
            migrate(alias)
    from tests.people import PASSWORD

    for role in people:
        sys.stdin = io.StringIO(PASSWORD)
        call_command("create_user", role, role=role, password_stdin=True)


if __name__ == "__main__":
    main(sys.argv[1:])
