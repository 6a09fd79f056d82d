"""What ``manage.py serve`` refuses before it starts anything."""

import socket
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.fault.serving import ROOT, SECONDS, demo_environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def refused(data: Path, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "manage.py", "serve", *arguments]
    result = forked.run(command, cwd=ROOT, env=demo_environment(data, **environment), text=True, timeout=SECONDS)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    return str(result.stderr)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port} is taken" in refused(tmp_path, "--demo", PORT=str(port))


@pytest.mark.parametrize("port", ["0", "٣", *(pytest.param(port, marks=pytest.mark.soak) for port in ("65536", "http", "-1"))])
def test_a_port_that_is_none_is_said(tmp_path: Path, port: str) -> None:
    assert "PORT must be a number" in refused(tmp_path, "--demo", PORT=port)


def test_the_demo_never_listens_beyond_loopback(tmp_path: Path) -> None:
    assert "loopback only" in refused(tmp_path, "--demo", "--bind", "0.0.0.0")


SECRET = "only-for-tests-" + "x" * 30


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "EVENTDESK_SECRET_KEY is missing"),
        ({"EVENTDESK_HOSTS": "desk.example.org"}, "EVENTDESK_SECRET_KEY is missing"),
        ({"EVENTDESK_SECRET_KEY": "short", "EVENTDESK_HOSTS": "desk.example.org"}, "too short"),
        ({"EVENTDESK_SECRET_KEY": SECRET}, "EVENTDESK_HOSTS is missing"),
        ({"EVENTDESK_SECRET_KEY": SECRET, "EVENTDESK_HOSTS": "*"}, "must name hosts"),
        ({"EVENTDESK_SECRET_KEY": SECRET, "EVENTDESK_HOSTS": "a.example.org,.*"}, "must name hosts"),
    ],
)
def test_outside_demo_mode_it_refuses_to_serve_unsafely(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    assert said in refused(tmp_path, **environment)


@pytest.mark.parametrize("demo", [True, False])
def test_a_stores_address_that_cannot_be_used_is_refused_before_anything_starts(tmp_path: Path, demo: bool) -> None:
    served = {"EVENTDESK_SECRET_KEY": SECRET, "EVENTDESK_HOSTS": "desk.example.org"}
    said = refused(tmp_path, *(["--demo"] if demo else []), EVENTSTORE_URL="pulsar://127.0.0.1:1", **served)
    assert said.strip() == f"CommandError: {MISSING}"


MISSING = "PULSAR_ADMIN_URL is missing: give the address of Pulsar's admin REST API, such as http://127.0.0.1:8080."
