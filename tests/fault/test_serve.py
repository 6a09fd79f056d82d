"""``make run`` and what may happen to it: ended, cut or killed, in any of its processes. No process is left behind."""

import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.ports import free_port
from tests import forked
from tests.browser.conftest import running_chromium
from tests.browser.planted import explain
from tests.desk_template import copy_databases
from tests.fault.serving import ROOT, SECONDS, Serving, demo_environment, members

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
NAMES = ["viewer-1", "support-1", "approver-1", "privacy-1", "auditor-1", "admin-1"]
CHILDREN = ("run_index", "run_jobs", "daphne", "run_demo_traffic")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory, which is empty at first."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def started(data: Path) -> Iterator[list[Serving]]:
    """The running demo for the tests that leave it running: one, or none."""
    running: list[Serving] = []
    yield running
    _end_all(running)


@pytest.fixture
def lasting(data: Path, started: list[Serving]) -> Serving:
    """If a test leaves it running, the next one gets the same."""
    if started and started[0].process.poll() is not None:
        started.pop().__exit__()
    if not started:
        started.append(Serving(demo_environment(data)))
    return started[0].until_ready()


@pytest.fixture
def alone(data: Path, started: list[Serving]) -> Path:
    """The data directory, in which the demo has run and nothing runs."""
    if not started and not (data / "demo-logins").exists():
        started.append(Serving(demo_environment(data)).until_ready())
    _end_all(started)
    return data


@pytest.fixture
def serving(alone: Path) -> Iterator[Serving]:
    """For a test that ends it."""
    with Serving(demo_environment(alone)) as running:
        yield running.until_ready()


def _end_all(running: list[Serving]) -> None:
    while running:
        with running.pop() as serving:
            if serving.process.poll() is None:
                serving.process.send_signal(signal.SIGTERM)
                assert serving.ended() == 0


def manage(data: Path, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    result = forked.run(command, cwd=ROOT, env=demo_environment(data, EVENTDESK_DEMO="1", **environment), text=True)
    assert result.returncode == 0, result.stderr
    return str(result.stdout)


def shell(data: Path, code: str, **environment: str) -> str:
    return manage(data, "shell", "--no-imports", "-c", code, **environment).strip()


COUNT = """
from dashboard.gateway import desk
storage = desk().store
def messages(topic, number):
    last = None
    while found := storage.log.read_forward(topic, number, after=last, limit=500):
        yield from found
        last = found[-1].position
topics = {topic.name: topic.partitions for topic in storage.log.topics()}
print({name: sum(1 for p in range(topics[name]) for _ in messages(name, p)) for name in sorted(topics)})
"""


def test_it_answers_on_loopback_only_and_keeps_its_secrets_to_its_owner(lasting: Serving, data: Path) -> None:
    assert lasting.get("/healthz")[0] == 200
    listening = Path("/proc/net/tcp").read_text()
    assert f"0100007F:{lasting.port:04X}" in listening
    assert f"00000000:{lasting.port:04X}" not in listening
    for name in ("demo-logins", "demo-secret-key"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    assert [login.split()[0] for login in lasting.logins] == NAMES


def test_an_indexer_that_dies_comes_back_and_the_pages_stay(lasting: Serving) -> None:
    before = lasting.child("run_index")
    os.kill(before, signal.SIGKILL)
    lasting.until(lambda: "starting it again" in lasting.output, "it says so")
    lasting.until(lambda: any("run_index" in c for c in members(lasting.process.pid).values()), "the indexer is back")
    assert lasting.child("run_index") != before
    assert lasting.get("/healthz")[0] == 200


def test_another_data_directory_has_other_passwords(lasting: Serving, data: Path, tmp_path: Path) -> None:
    code = "from dashboard import demo\nfor login in demo.ensure_people(): print(login)"
    copy_databases(tmp_path)
    fresh = shell(tmp_path, code, DJANGO_SETTINGS_MODULE="tests.settings").splitlines()
    assert len(fresh) == len(NAMES)
    assert not set(fresh) & set((data / "demo-logins").read_text().splitlines())


def test_a_broker_that_is_somebodys_gets_no_demo_events(tmp_path: Path) -> None:
    nobody = free_port()
    environment = demo_environment(
        tmp_path, EVENTSTORE_URL=f"pulsar://127.0.0.1:{nobody}", PULSAR_ADMIN_URL=f"http://127.0.0.1:{nobody}"
    )
    with Serving(environment) as serving:
        serving.until_ready()
        assert "nothing is written into it" in serving.output
        login = serving.get("/login/")[1].decode()
        assert f'127.0.0.1:{nobody} <span class="kind">BROKER</span>' in login
        assert "DEMO" not in login
        assert not any("run_demo_traffic" in command for command in members(serving.process.pid).values())
        serving.process.send_signal(signal.SIGTERM)
        assert serving.ended() == 0


def test_its_stuck_subscription_is_explained_to_the_event_in_two_clicks_and_from_the_customer_in_one(lasting: Serving) -> None:
    """Here, because this demo has run for a while: another one would take half a minute until it is stuck."""
    with running_chromium() as chromium:
        context = chromium.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(20_000)
        explain(lasting, context)


RESET = """
import time
from dashboard.demo.timeline import understood
from dashboard.gateway import desk
from eventstore.model.log import Edge
store = desk().store
log, subscriptions = store.log, store.subscriptions
documents, patients = (log.topic(name) for name in ("documents", "patients"))

def at_poison():
    timeline = subscriptions.named(documents.name, "app-timeline")
    places = [(c.partition, c.acknowledged) for c in timeline.cursors]
    waiting = [m for number, at in places for m in log.read_forward(documents.name, number, after=at, limit=1)]
    return not all(understood(message) for message in waiting) and len(timeline.consumers) == 1

def until(true, what):
    deadline = time.monotonic() + %f
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)

until(at_poison, "app-timeline stands at its poison, connected")
for topic, name in ((documents, "app-timeline"), (patients, "search-index")):
    subscriptions.reset_cursor(topic.name, name, {number: Edge.EARLIEST for number in range(topic.partitions)})
until(lambda: subscriptions.named(patients.name, "search-index").backlog < 20, "search-index has read everything again")
until(at_poison, "app-timeline has read everything before its poison again")
"""


@pytest.mark.soak  # tests/unit/setup/test_demo.py moves the cursor of one of them in the test's own process
def test_after_a_cursor_reset_the_demos_consumers_receive_again(lasting: Serving, data: Path) -> None:
    shell(data, RESET % SECONDS)
    assert lasting.process.poll() is None


def test_ctrl_c_which_goes_to_the_whole_group_ends_everything_cleanly(lasting: Serving) -> None:
    os.killpg(lasting.process.pid, signal.SIGINT)
    assert lasting.ended() == 0
    assert "Traceback" not in lasting.output


def test_a_second_start_has_the_same_logins_and_no_second_history(alone: Path, lasting: Serving) -> None:
    assert lasting.logins == (alone / "demo-logins").read_text().splitlines()
    assert "already" in lasting.output


def test_a_web_server_that_dies_ends_everything_with_its_status_and_a_clear_line(lasting: Serving) -> None:
    os.kill(lasting.child("daphne"), signal.SIGKILL)
    assert lasting.ended() == 128 + signal.SIGKILL
    assert "The web server ended unexpectedly (signal SIGKILL): ending everything." in lasting.output


@pytest.mark.soak  # SIGTERM ends the desk of somebody's broker in the short run
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_it_ends_everything_cleanly(serving: Serving, number: signal.Signals) -> None:
    serving.process.send_signal(number)
    assert serving.ended() == 0
    assert "has ended" in serving.output
    assert "Traceback" not in serving.output


@pytest.mark.parametrize(
    ("send", "number"),
    [
        (os.kill, signal.SIGKILL),
        pytest.param(os.killpg, signal.SIGINT, marks=pytest.mark.soak),
        pytest.param(os.kill, signal.SIGTERM, marks=pytest.mark.soak),
    ],
)
def test_make_run_ends_with_its_make(
    alone: Path, tmp_path: Path, send: Callable[[int, int], None], number: signal.Signals
) -> None:
    makefile = (ROOT / "Makefile").read_text().replace("$(BIN)/python", sys.executable).replace("run: install", "run:")
    (tmp_path / "Makefile").write_text(makefile)
    command = [shutil.which("make") or "make", "--no-print-directory", "-f", str(tmp_path / "Makefile"), "run"]
    with Serving(demo_environment(alone), command) as serving:
        serving.until_ready()
        send(serving.process.pid, number)
        assert serving.ended() != 0  # make says that it was interrupted
        assert "Traceback" not in serving.output


def test_a_kill_leaves_no_orphan(serving: Serving) -> None:
    assert all(serving.child(word) for word in CHILDREN)
    serving.process.kill()
    assert serving.ended() == -signal.SIGKILL  # and none of the children is left


def test_a_kill_during_the_seeding_neither_doubles_an_event_nor_leaves_one_out(alone: Path, tmp_path: Path) -> None:
    shutil.copy(alone / "demo-started", tmp_path)
    copy_databases(tmp_path)
    whole = shell(
        tmp_path, "from dashboard.demo.history import *\nprint({k: len(v) for k, v in whole_history(started()).items()})"
    )
    for _ in range(2):
        with forked.start(
            [sys.executable, "manage.py", "seed_demo"], cwd=ROOT, env=demo_environment(tmp_path, EVENTDESK_DEMO="1")
        ) as seeding:
            written = tmp_path / "store.sqlite3-wal"
            size = written.stat().st_size if written.exists() else 0
            while seeding.poll() is None and not (written.exists() and written.stat().st_size > size):
                time.sleep(0.001)
            seeding.kill()
    manage(tmp_path, "seed_demo")
    assert eval(shell(tmp_path, COUNT)) == eval(whole)
    assert "already" in manage(tmp_path, "seed_demo")
