"""A standalone Pulsar broker on loopback, for development and tests: ``python -m scripts.local_pulsar`` (``make pulsar``).

The distribution comes from Maven once and stays in the user's cache; the configuration is our own copy of the standalone one,
with the settings without which an event store loses its events: inactive topics are kept, and so is what is acknowledged.
``PULSAR_PORT``, ``PULSAR_WEB_PORT`` and ``EVENTDESK_DATA`` are obeyed by the command.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from scripts.ports import LOOPBACK, free_ports, port_is_free
from scripts.pulsar_distribution import VERSION, BrokerProblem, distribution, require_programs

MEMORY = "-Xms512m -Xmx1g -XX:MaxDirectMemorySize=1g"
MEMORY_FOR_WEBSOCKETS = "-Xms1g -Xmx4g -XX:MaxDirectMemorySize=2g"
"""The broker's own endpoints keep what their readers have not taken: fifty that are behind filled a gigabyte, and the broker
never came back."""

SHORT_LIVED = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""For a broker that is gone before thorough compilation has paid: it starts with half the work."""

IN_BETWEEN, DIRECT = "between", "direct"
"""The names of the two ways by which clients are told to come, where something stands in between."""

READ_AHEAD_BYTES = 256 * 1024
"""What the bookie reads ahead of an entry. Its own is 1000 entries without a bound in bytes: one event in the middle of a
topic then costs 60 ms, not 5."""

# The parent holds the other end of the shell's stdin: however the parent ends, the broker ends too.
LAUNCHER = 'exec 3<&0; (read -r _ <&3; kill -TERM $$) & exec 3<&-; exec "$@" </dev/null'


# -- configuration


def settings(port: int, web_port: int, *, websockets: bool = False) -> Mapping[str, str]:
    return {
        "brokerServicePort": str(port),
        "webServicePort": str(web_port),
        "bindAddress": LOOPBACK,
        "advertisedAddress": LOOPBACK,
        "listeningInterface": "lo0" if sys.platform == "darwin" else "lo",  # the bookie's own word for bindAddress
        "brokerDeleteInactiveTopicsEnabled": "false",
        "defaultRetentionTimeInMinutes": "-1",
        "defaultRetentionSizeInMB": "-1",
        "allowAutoTopicCreation": "true",
        "allowAutoTopicCreationType": "non-partitioned",
        "webSocketServiceEnabled": str(websockets).lower(),
        "dbStorage_readAheadCacheBatchBytesSize": str(READ_AHEAD_BYTES),
        "brokerShutdownTimeoutMs": "5000",
    }


def configured(original: str, changes: Mapping[str, str]) -> str:
    """The configuration with these settings in place of its own; what it does not mention comes at the end."""
    left = dict(changes)
    lines = []
    for line in original.splitlines():
        name = line.partition("=")[0].strip()
        if name in changes and not line.startswith("#"):
            if name in left:
                lines.append(f"{name}={left.pop(name)}")
            continue
        lines.append(line)
    lines += [f"{name}={value}" for name, value in left.items()]
    return "\n".join(lines) + "\n"


# -- the broker


class LocalPulsar:
    """A broker with its data in one folder. ``stop`` and ``start`` keep ports and data; as a context manager it does both."""

    def __init__(
        self,
        data: Path,
        *,
        port: int = 0,
        web_port: int = 0,
        websockets: bool = False,
        short_lived: bool = False,
        told_to_clients: int = 0,
        deduplicates: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        """``websockets``: with the broker's own websocket endpoints, on its web port. ``short_lived``: for minutes and little
        traffic; slower, once it runs. ``told_to_clients``: the port at which clients are told to find it, where something
        stands in between; who asks for the listener ``DIRECT`` is told its own. ``deduplicates``: what a producer sends again
        after an outage is stored once."""
        chosen = free_ports(3)
        self.data = data.resolve()
        self.port = port or chosen[0]
        self.web_port = web_port or chosen[1]
        self.bookie_port = chosen[2]
        self.websockets = websockets
        self.short_lived = short_lived
        self.told_to_clients = told_to_clients
        self.deduplicates = deduplicates
        self.say = say
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def service_url(self) -> str:
        return f"pulsar://{LOOPBACK}:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://{LOOPBACK}:{self.web_port}"

    @property
    def log(self) -> Path:
        return self.data / "logs" / "broker.log"

    def start(self, *, timeout: float = 180.0) -> None:
        """Start, and return once the broker is healthy; ``BrokerProblem`` where it does not get there."""
        require_programs()
        home = distribution(self.say)
        for port in (self.port, self.web_port):
            if not port_is_free(port):
                raise BrokerProblem(
                    f"Port {port} is taken: end what listens there, or choose others with PULSAR_PORT and PULSAR_WEB_PORT."
                )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", LAUNCHER, "pulsar", *self._command(home)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
        try:
            self._wait_until_healthy(timeout)
        except BaseException:
            self.kill()
            raise

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

    def _command(self, home: Path) -> Sequence[str]:
        configuration = self.data / "standalone.conf"
        original = (home / "conf" / "standalone.conf").read_text()
        configuration.write_text(configured(original, self._settings()))
        return [
            *(str(home / "bin" / "pulsar"), "standalone", "--no-stream-storage", "--no-functions-worker"),
            *("--config", str(configuration), *([] if self.told_to_clients else ["--advertised-address", LOOPBACK])),
            *("--metadata-dir", str(self.data / "metadata"), "--bookkeeper-dir", str(self.data / "bookkeeper")),
            *("--bookkeeper-port", str(self.bookie_port)),
        ]

    def _settings(self) -> Mapping[str, str]:
        chosen = dict(settings(self.port, self.web_port, websockets=self.websockets))
        if self.told_to_clients:  # which the broker takes in place of one address, not beside it
            chosen |= {
                "advertisedAddress": "",
                "advertisedListeners": f"{IN_BETWEEN}:pulsar://{LOOPBACK}:{self.told_to_clients},{DIRECT}:{self.service_url}",
                "internalListenerName": IN_BETWEEN,
            }
        if self.deduplicates:
            chosen["brokerDeduplicationEnabled"] = "true"
        return chosen

    def _environment(self) -> Mapping[str, str]:
        own = {
            "PULSAR_MEM": MEMORY_FOR_WEBSOCKETS if self.websockets else MEMORY,
            "PULSAR_LOG_DIR": str(self.log.parent),
            "PULSAR_LOG_LEVEL": "warn",
            "PULSAR_STANDALONE_CONF": str(self.data / "standalone.conf"),
        }
        return {**os.environ, **own, **({"PULSAR_GC": SHORT_LIVED} if self.short_lived else {})}

    def _wait_until_healthy(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.running():
                raise BrokerProblem(
                    f"The broker ended while it started. Its log is {self.log}; the end of it:\n{self._tail()}"
                )
            if is_healthy(self.admin_url):
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
            _kill_group(process.pid)
            process.wait()
            if process.stdin:
                process.stdin.close()


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of it has ended, as it should


def is_healthy(admin_url: str) -> bool:
    """Does the broker pass its own check, and is the namespace that it makes last there?"""
    return _get(f"{admin_url}/admin/v2/brokers/health") == "ok" and "public/default" in json.loads(
        _get(f"{admin_url}/admin/v2/namespaces/public") or "[]"
    )


def _get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""  # not up yet: the caller asks again


# -- the command


def main() -> int:
    data = Path(os.environ.get("EVENTDESK_DATA") or Path(__file__).resolve().parent.parent / "var") / "pulsar"
    broker = LocalPulsar(
        data,
        port=int(os.environ.get("PULSAR_PORT") or 6650),
        web_port=int(os.environ.get("PULSAR_WEB_PORT") or 8080),
        say=lambda text: print(text, flush=True),
    )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        broker.say(f"Starting Pulsar {VERSION} with its data in {data} (log: {broker.log}) ...")
        broker.start()
        broker.say(f"Pulsar {VERSION} is ready: EVENTSTORE_URL={broker.service_url} PULSAR_ADMIN_URL={broker.admin_url}")
        assert broker.process is not None
        broker.process.wait()
        broker.say(f"The broker ended by itself. Its log is {broker.log}.")
    except BrokerProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        broker.say("Stopping Pulsar ...")
        broker.stop()
        return 0
    return 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
