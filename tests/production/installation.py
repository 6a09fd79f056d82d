"""Two web, two index and two job processes on PostgreSQL and Redis behind nginx. Any of them may be killed, and Redis too; a
supervisor starts it again, as systemd would."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from dashboard.management.commands.serve import DAPHNE
from scripts.local_nginx import LocalNginx, program
from scripts.local_postgres import PostgresAddress
from scripts.local_redis import LocalRedis
from scripts.ports import free_ports
from tests import forked
from tests.desk_template import ROOT, plain_environment
from tests.run_servers import NotAvailable

READY_WITHIN = 120.0
PEOPLE = ("viewer", "approver", "admin")
REDIS = "redis"
CONFIG = """
[installation]
name = "Two of each"

[limits]
tails_per_person = 1000

[[projection]]
name = "app-timeline"
purpose = "What patients see in the app"
topics = ["documents"]
subscription = "app-timeline"
ways = ["topic"]
replay_topic = "documents-replay"
"""


class Installation:
    """``with Installation(folder) as desk``. ``url`` is nginx's, and ends with a slash."""

    def __init__(self, data: Path, postgres: PostgresAddress, redis: LocalRedis) -> None:
        if program() is None:
            raise NotAvailable("the tests of several processes need nginx (Debian: apt-get install nginx-light)")
        self.postgres = postgres
        self.redis = redis
        self.data = data
        self.ports = free_ports(2)
        self.nginx = LocalNginx(self.ports)
        self.url = self.nginx.url
        self.environment: dict[str, str] = {}
        self.running: dict[str, subprocess.Popen[Any]] = {}
        self.kills: dict[str, int] = {}
        self._to_end = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as begun:
            file = self.data / "desk.toml"
            file.write_text(CONFIG)
            names = {"DATABASE_URL": "desk", "INDEX_DATABASE_URL": "index", "STORE_DATABASE_URL": "store"}
            self.environment = {
                **plain_environment(self.data),
                **{variable: self.postgres.create_database(f"{name}-{self.ports[0]}") for variable, name in names.items()},
                "EVENTDESK_CONFIG": str(file),
                "EVENTDESK_TLS": "1",
                "EVENTDESK_HOSTS": "localhost",
                "EVENTDESK_PROXIES": "1",
                "EVENTDESK_LOG_FORMAT": "json",
                "EVENTDESK_LOG": "INFO",
                "EVENTDESK_REDIS": self.redis.url,
            }
            self._make_databases()
            begun.callback(self._end_all)
            for name in self.names:
                self.start(name)
            begun.enter_context(self.nginx)
            self.wait_until_ready(self.names[:2])
            self._to_end = begun.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._to_end.close()

    @property
    def names(self) -> Sequence[str]:
        return [f"{kind}-{number}" for kind in ("web", "index", "jobs") for number in (1, 2)]

    def manage(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run a management command to its end, and return what it printed."""
        done = forked.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, input=stdin, timeout=120)
        assert done.returncode == 0, f"{arguments[0]} ended with {done.returncode}: {done.stderr.decode()[-2000:]}"
        return str(done.stdout.decode())

    def start(self, name: str) -> None:
        kind, _, number = name.partition("-")
        port, listens = self.ports[int(number) - 1], "tcp:port={port}:interface=127.0.0.1:backlog=1024"
        web = ["-m", "daphne", "-v", "0", "-e", listens.format(port=port), *DAPHNE, "dashboard.asgi:application"]
        command = {"web": web, "index": ["manage.py", "run_index"], "jobs": ["manage.py", "run_jobs"]}[kind]
        log = (self.data / f"{name}.log").open("ab")
        environment = {**self.environment, "EVENTDESK_PROCESS": name}
        self.running[name] = forked.start([sys.executable, *command], cwd=ROOT, env=environment, stdout=log, stderr=log)
        log.close()

    def kill(self, name: str) -> None:
        """As the kernel or a power cut would. It is started again at once; Redis, which hangs every second time, is when the
        next one is killed."""
        self.kills[name] = self.kills.get(name, 0) + 1
        self.wake_redis()
        if name == REDIS:
            self.redis.kill() if self.kills[name] % 2 else self.redis.signal(signal.SIGSTOP)
            return
        process = self.running.pop(name)
        assert process.poll() is None, f"{name} ended by itself: {self.log(name)[-2000:]}"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        self.start(name)

    def wake_redis(self) -> None:
        if not self.redis.answers():
            self.redis.kill()
            self.redis.start()

    def log(self, name: str) -> str:
        return (self.data / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Its log. The line that a kill cut off is left out; every other one is a JSON object."""
        found: list[dict[str, Any]] = []
        texts = self.log(name).splitlines()
        for text in texts:
            if text.endswith("}"):
                found.append(json.loads(text))
        assert len(texts) - len(found) <= self.kills.get(name, 0), [text for text in texts if not text.endswith("}")][:5]
        return found

    def is_ready(self, name: str) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.ports[int(name[-1]) - 1]}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (HTTPError, URLError, OSError):
            return False

    def wait_until_ready(self, names: Sequence[str]) -> None:
        self.wait(lambda: all(self.is_ready(name) for name in names), f"{names} are ready")

    def wait(self, true: Callable[[], bool], what: str, seconds: float = READY_WITHIN) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            for name, process in self.running.items():
                assert process.poll() is None, f"{name} ended by itself: {self.log(name)[-2000:]}"
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}. {self.nginx.log[-500:]}"
            time.sleep(0.1)

    def metrics(self, name: str) -> Mapping[str, float]:
        """What this web process tells on loopback, by series."""
        with urlopen(f"http://127.0.0.1:{self.ports[int(name[-1]) - 1]}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def _make_databases(self) -> None:
        for people in ((), PEOPLE):  # migrated first
            command = [sys.executable, "-m", "tests.desk_template", *people]
            done = forked.run(command, cwd=ROOT, env=self.environment, timeout=120)
            assert done.returncode == 0, done.stderr.decode()[-2000:]

    def _end_all(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


def seed_of(given: str | None = None) -> random.Random:
    """``EVENTDESK_SEED`` repeats a run; the seed is printed."""
    seed = int(given or os.environ.get("EVENTDESK_SEED") or random.SystemRandom().randrange(2**32))
    print(f"EVENTDESK_SEED={seed}")  # noqa: T201
    return random.Random(seed)
