"""A standalone Pulsar broker on loopback, for development and tests: ``python -m scripts.local_pulsar`` (``make pulsar``).

Its programs come from Maven once and stay in the user's cache (``pulsar_distribution``). The command obeys ``PULSAR_VERSION``,
``PULSAR_PORT``, ``PULSAR_WEB_PORT`` and ``EVENTDESK_DATA``.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, Unpack

from scripts.launched import clear_up
from scripts.ports import free_ports, port_is_free
from scripts.pulsar_classes import class_archive, options_that_make, options_that_use
from scripts.pulsar_configuration import BrokerSetup, Extras, token_of, write_configuration
from scripts.pulsar_distribution import (
    DEFAULT_VERSION,
    BrokerProblem,
    chosen_version,
    distribution,
    known_version,
    require_programs,
)
from scripts.pulsar_launch import calm, launch


class LocalPulsar:
    """A broker with its data in one folder. ``stop`` and ``start`` keep ports and data; as a context manager it does both."""

    def __init__(
        self,
        data: Path,
        *,
        version: str = DEFAULT_VERSION,
        port: int = 0,
        web_port: int = 0,
        told_to_clients: int = 0,
        archived_at_end: Path | None = None,
        say: Callable[[str], None] = print,
        **extras: Unpack[Extras],
    ) -> None:
        """Choose the ports that are 0; nothing is started yet. Raises ``BrokerProblem`` for an unknown version.

        ``version``: one of ``pulsar_distribution.VERSIONS``. ``told_to_clients``: the port at which clients are told to find
        it, where something stands in between; a client that asks for the listener ``DIRECT`` is told the broker's own.
        ``archived_at_end``: where a short-lived broker writes the classes that it has loaded, for ``pulsar_classes``, when it
        is stopped. ``extras``: what else it is asked to do; nothing unless given.
        """
        chosen = free_ports(5)
        self.setup = BrokerSetup(
            data=data.resolve(),
            version=known_version(version),
            port=port or chosen[0],
            web_port=web_port or chosen[1],
            bookie_port=chosen[2],
            told_to_clients=told_to_clients,
            tls_port=chosen[3],
            tls_web_port=chosen[4],
            **extras,
        )
        self.archived_at_end = archived_at_end
        self.say = say
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def version(self) -> str:
        return self.setup.version

    @property
    def web_port(self) -> int:
        return self.setup.web_port

    @property
    def service_url(self) -> str:
        return self.setup.service_url

    @property
    def admin_url(self) -> str:
        return self.setup.admin_url

    @property
    def log(self) -> Path:
        return self.setup.log

    def token(self, role: str, *, ends: float | None = None) -> str:
        """With which somebody of this role comes to a secured broker that was started. ``ends``: seconds since 1970."""
        return token_of(self.setup.secret_key.read_bytes(), role, ends=ends)

    def start(self, *, timeout: float = 180.0) -> None:
        """Start, and return once the broker is healthy; ``BrokerProblem`` where it does not get there."""
        require_programs(self.version)
        home = distribution(self.version, self.say)
        for port in (self.setup.port, self.web_port):
            if not port_is_free(port):
                raise BrokerProblem(
                    f"Port {port} is taken: end what listens there, or choose others with PULSAR_PORT and PULSAR_WEB_PORT."
                )
        java_options = self._java_options(home)
        write_configuration(self.setup, home)
        self.process = launch(self.setup, home, java_options)
        try:
            self._wait_until_healthy(timeout)
        except BaseException:
            self.kill()
            raise
        if self.setup.short_lived:
            calm(self.process.pid)

    def stop(self, *, timeout: float = 30.0) -> None:
        """End it cleanly; what does not end in time is killed. Harmless where nothing runs."""
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL, 10.0)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _java_options(self, home: Path) -> Sequence[str]:
        """What has Java load the broker's classes faster. A broker that runs for long gains little by it."""
        if self.archived_at_end:
            return options_that_make(self.archived_at_end)
        archive = class_archive(home, self._archive_classes) if self.setup.short_lived else None
        return options_that_use(archive) if archive else []

    def _archive_classes(self, archive: Path) -> None:
        """Run a broker of this version for as long as it takes to start and to stop."""
        self.say(f"Preparing the classes of Pulsar {self.version} (85 MB, once; kept in {archive.parent}) ...")
        with tempfile.TemporaryDirectory(prefix="eventdesk-classes-") as folder:
            broker = LocalPulsar(Path(folder), version=self.version, short_lived=True, archived_at_end=archive)
            broker.start()
            broker.stop(timeout=120.0)

    def _wait_until_healthy(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.running():
                raise BrokerProblem(
                    f"The broker ended while it started. Its log is {self.log}; the end of it:\n{self._tail()}"
                )
            if is_healthy(self.admin_url, self.setup.administrators_token if self.setup.secured else ""):
                return
            time.sleep(0.25)
        raise BrokerProblem(f"The broker was not healthy after {timeout:.0f} seconds. Its log is {self.log}.")

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def _end(self, how: signal.Signals, timeout: float) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, how)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.say(f"The broker did not end within {timeout:.0f} seconds: killing it.")
        finally:
            clear_up(process)
            process.wait()


def is_healthy(admin_url: str, token: str = "") -> bool:
    """Does the broker pass its own check, and is the namespace that it makes last there?"""
    return _get(f"{admin_url}/admin/v2/brokers/health", token) == "ok" and "public/default" in json.loads(
        _get(f"{admin_url}/admin/v2/namespaces/public", token) or "[]"
    )


def _get(url: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""  # not up yet: the caller asks again


# -- the command


def main() -> int:
    """Run the broker that the environment chooses, until Ctrl+C or SIGTERM. The exit code is 1 if it fails or just ends."""
    try:
        return _run(_broker_of_environment())
    except BrokerProblem as problem:
        print(problem, file=sys.stderr)
        return 1


def _broker_of_environment() -> LocalPulsar:
    folder = Path(os.environ.get("EVENTDESK_DATA") or Path(__file__).resolve().parent.parent / "var")
    return LocalPulsar(
        folder / "pulsar",
        version=chosen_version(),
        port=int(os.environ.get("PULSAR_PORT") or 6650),
        web_port=int(os.environ.get("PULSAR_WEB_PORT") or 8080),
        say=lambda text: print(text, flush=True),
    )


def _run(broker: LocalPulsar) -> int:
    name = f"Pulsar {broker.version}"
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        broker.say(f"Starting {name} with its data in {broker.setup.data} (log: {broker.log}) ...")
        broker.start()
        broker.say(f"{name} is ready: EVENTSTORE_URL={broker.service_url} PULSAR_ADMIN_URL={broker.admin_url}")
        assert broker.process is not None
        broker.process.wait()
        broker.say(f"The broker ended by itself. Its log is {broker.log}.")
    except KeyboardInterrupt:
        broker.say("Stopping Pulsar ...")
        broker.stop()
        return 0
    return 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
