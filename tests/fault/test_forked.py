"""Processes that tests fork from one that has imported everything are like processes of an interpreter of their own.

So are the workers that run the tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import forked
from tests.contract.helpers import eventually
from tests.examples import examples
from tests.forked import ROOT

IMPORTED_BY = os.getpid()
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the processes are forked on Linux only")


def told(code: str, *arguments: str, **options: Any) -> str:
    done = forked.run([sys.executable, "-c", code, *arguments], text=True, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return str(done.stdout)


def test_it_has_its_own_environment_folder_arguments_and_input(tmp_path: Path) -> None:
    code = "import os, sys; print(sorted(os.environ.items()), os.getcwd(), sys.argv, sys.stdin.read())"
    seen = told(code, "a", "b", env={"TZ": "Asia/Tokyo", "ONE": "1"}, cwd=tmp_path, input="given")
    assert seen == f"{[('ONE', '1'), ('TZ', 'Asia/Tokyo')]} {tmp_path} {['-c', 'a', 'b']} given\n"


def test_it_begins_without_settings_threads_or_an_event_loop() -> None:
    code = (
        "import os, sys; from django.conf import settings\n"
        "alone = os.listdir('/proc/self/task') == [str(os.getpid())]\n"
        "print(settings.configured, 'twisted.internet.reactor' in sys.modules, alone)"
    )
    assert told(code, env={}) == "False False True\n"


def test_it_reads_the_settings_of_its_own_environment_and_uses_their_databases(tmp_path: Path) -> None:
    code = (
        "import django; django.setup(); from django.conf import settings; from django.db import connections\n"
        "names = [connections[alias].settings_dict['NAME'] for alias in ('default', 'index', 'store')]\n"
        "print(settings.DATA_DIR, settings.DEMO, settings.PROXIES, *names)"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "EVENTDESK_DATA": str(tmp_path),
        "EVENTDESK_DEMO": "1",
        "EVENTDESK_PROXIES": "3",
        "INDEX_DATABASE_URL": f"sqlite:///{tmp_path}/elsewhere",
    }
    names = [f"{tmp_path}/{name}" for name in ("desk.sqlite3", "elsewhere", "store.sqlite3")]
    assert told(code, env=environment) == f"{tmp_path} True 3 {' '.join(names)}\n"


def test_it_is_a_child_of_this_process_with_its_exit_code_and_its_signals() -> None:
    pipe = subprocess.PIPE
    waiting = [sys.executable, "-c", "import os, sys; print(os.getppid(), flush=True); sys.stdin.read(); sys.exit(7)"]
    with forked.start(waiting, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == f"{os.getpid()}\n"
        assert process.poll() is None
        assert os.getpgid(process.pid) == os.getpgrp()
        process.communicate("")
    assert process.returncode == 7
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with forked.start(waiting, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:
            assert process.stdout
            process.stdout.readline()
            os.killpg(process.pid, number)
            _, errors = process.communicate()
        assert process.returncode == -number
        assert (b"KeyboardInterrupt" in errors) == (number == signal.SIGINT)


def test_its_command_line_is_to_be_seen() -> None:
    code = "from pathlib import Path; print(Path('/proc/self/cmdline').read_text().rstrip(chr(0)).split(chr(0)))"
    assert told(code, "one", "two words") == f"{[sys.executable, '-c', code, 'one', 'two words']}\n"


def test_one_that_is_bound_ends_with_this_process() -> None:
    owner = (
        "import sys; from tests import forked\n"
        "bound = forked.start([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)'], bound=True)\n"
        "print(bound.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", owner], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        [number] = {process.stdout.readline(), process.stdout.readline()} - {b"1\n"}
        process.kill()
    assert eventually(lambda: not Path(f"/proc/{int(number)}").exists())


def test_what_it_wrote_and_registered_is_done_at_its_end() -> None:
    assert told("import atexit; atexit.register(print, 'last'); print('first')") == "first\nlast\n"
    ended = forked.run([sys.executable, "-c", "import sys; sys.exit('it is away')"], text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "it is away\n")
    failed = forked.run([sys.executable, "-m", "tests.nothing"], cwd=ROOT, text=True)
    assert failed.returncode == 1
    assert "No module named tests.nothing" in failed.stderr


def test_the_server_ends_with_the_process_that_has_it() -> None:
    owner = (
        "import sys; from tests import forked\n"
        "forked.start([sys.executable, '-c', 'import os; print(os.getpgrp(), flush=True)']).wait()\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", owner]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        assert process.stdout
        group = int(process.stdout.readline())
        process.kill()
    assert group == process.pid
    assert eventually(lambda: _is_gone(group))


def _is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_worker_is_forked_with_the_tests_and_like_one_that_was_started(worker_id: str) -> None:
    if worker_id == "master":
        pytest.skip("there are no workers")
    assert os.getpid() != IMPORTED_BY
    assert type(sys.modules[__name__].__loader__).__name__ == "AssertionRewritingHook"
    assert "pytest" in Path(f"/proc/{os.getppid()}/cmdline").read_text()
    assert "worker_server" not in Path(f"/proc/{os.getppid()}/cmdline").read_text()
    assert not hasattr(sys.modules["__main__"], "__file__"), "multiprocessing would import it again"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@given(st.integers())
def a_property(number: int) -> None:
    assert number < number + 1


def test_a_property_has_the_settings_of_the_project_also_where_it_was_imported_before_a_worker_was_forked() -> None:
    used = a_property._hypothesis_internal_use_settings  # type: ignore[attr-defined]
    assert (used.deadline, used.max_examples, used.derandomize) == (None, examples(), os.environ.get("CI") == "true")
