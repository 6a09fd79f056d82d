"""The processes that tests start end with them, also if a start fails or the test run is killed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.ports import port_is_free
from tests.contract.helpers import eventually
from tests.desk_process import ROOT, Desk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


class BrokenDesk(Desk):
    """One whose web server ends as it starts."""

    application = "tests.nothing:application"


def test_a_desk_whose_web_server_does_not_start_leaves_no_indexer_behind(tmp_path: Path) -> None:
    desk = BrokenDesk(tmp_path)
    desk.begin = subprocess.Popen  # its processes are told by their environment
    with pytest.raises(AssertionError, match="does not answer"), desk:
        pytest.fail("it has started")
    assert desk.processes == {}
    assert _processes_in(tmp_path) == []


def _processes_in(data: Path) -> list[str]:
    """The numbers of the processes whose data directory this is."""
    wanted = f"EVENTDESK_DATA={data}".encode()
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (directory / "environ").read_bytes().split(b"\0"):
                found.append(directory.name)
        except OSError:
            continue  # it has ended, or is another user's
    return found


START = """
import time
from scripts.local_postgres import LocalPostgres
with LocalPostgres() as server:
    print(server.port, server.folder, flush=True)
    time.sleep(600)
"""


@pytest.mark.postgres
def test_a_postgresql_ends_with_the_process_that_started_it(postgres_server: object) -> None:
    with subprocess.Popen([sys.executable, "-c", START], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        port, folder = owner.stdout.readline().decode().split()
        assert not port_is_free(int(port))
        owner.kill()
    assert eventually(lambda: port_is_free(int(port)))
    shutil.rmtree(folder, ignore_errors=True)
