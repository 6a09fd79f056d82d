"""A throwaway PostgreSQL on a free loopback port, for tests and trials: ``python -m scripts.local_postgres``.

PostgreSQL refuses to run as root. If we are root, it runs as the user ``postgres``, which its package creates.
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from scripts.launched import clear_up, launched
from scripts.ports import free_port

START_SECONDS = 60.0
STOP_SECONDS = 30.0


class PostgresProblem(Exception):
    """It cannot be started here. The text says what to do."""


def binaries() -> Path | None:
    """Return the folder of ``initdb`` and ``postgres``: those on the path, otherwise Debian's newest; ``None`` if there
    are none."""
    on_path = shutil.which("initdb")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version, reverse=True)
    found = [Path(on_path)] if on_path else []
    return next((one.resolve().parent for one in [*found, *packaged] if (one.resolve().parent / "postgres").exists()), None)


@dataclass(frozen=True, kw_only=True)
class PostgresAddress:
    """Where a running cluster is, for its superuser."""

    port: int
    password: str = field(repr=False)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{quote(database)}"

    def create_database(self, name: str, options: LiteralString = "") -> str:
        """Create an empty database; ``options`` are those of CREATE DATABASE. Returns its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} " + options).format(sql.Identifier(name)))
        return self.url(name)


class LocalPostgres:
    """One cluster in a temporary folder, as a context manager that removes it. ``stop`` followed by ``start`` keeps its
    data.

    ``durable``: what is committed is on the disk, as on a production server. Otherwise, as tests prefer it, committed
    data is lost if the operating system stops.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        found = binaries()
        if found is None:
            raise PostgresProblem("install PostgreSQL (Debian: apt-get install postgresql)")
        self._binaries = found
        self.folder = Path(tempfile.mkdtemp(prefix="eventdesk-postgres-"))
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def __enter__(self) -> Self:
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    @property
    def address(self) -> PostgresAddress:
        return PostgresAddress(port=self.port, password=self._password)

    def url(self, database: str = "postgres") -> str:
        return self.address.url(database)

    def start(self) -> None:
        """Start the server on its port and wait until it answers."""
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"]
        options += ["fsync=on", "synchronous_commit=on"] if self.durable else ["fsync=off"]
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        command += [part for option in options for part in ("-c", option)]
        self._process = launched("postgres", command, self._log, ended_by="INT", cwd=self.folder, **_as_postgres())
        self._wait_until_it_answers(self._process)

    def crash(self) -> None:
        """End the server as its crash would: what it has not written yet is lost, and the rest of its data stays."""
        self.stop(signal.SIGQUIT)

    def stop(self, by: int = signal.SIGINT) -> None:
        """End the server immediately, disconnecting all clients. Its data stays. Harmless if nothing runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(by)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        clear_up(process)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _initialise(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self._password)
        if os.geteuid() == 0:
            for path in (self.folder, password_file):
                shutil.chown(path, "postgres", "postgres")
        options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"]
        done = subprocess.run(
            [str(self._binaries / "initdb"), "-D", str(self._data), "--locale=C.UTF-8", "--encoding=UTF8", *options],
            cwd=self.folder,
            capture_output=True,
            check=False,
            **_as_postgres(),
        )
        if done.returncode:
            raise PostgresProblem(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < end:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise PostgresProblem(f"PostgreSQL does not answer: {self._log.read_text(errors='replace')[-2000:]}")


def _as_postgres() -> dict[str, Any]:
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def _version(initdb: Path) -> int:
    name = initdb.parent.parent.name
    return int(name) if name.isdigit() else 0


def main() -> None:
    argparse.ArgumentParser(description="Run a throwaway PostgreSQL until Ctrl-C; prints its URL.").parse_args()
    with LocalPostgres() as server:
        print(server.url(), flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("stopping")


if __name__ == "__main__":
    main()
