"""A throwaway Redis on a free loopback port, for tests and trials: ``python -m scripts.local_redis``."""

import argparse
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.launched import clear_up, launched
from scripts.ports import LOOPBACK, free_port

START_SECONDS = 30.0


class RedisProblem(Exception):
    """It does not start. The text says why."""


def program() -> str | None:
    return shutil.which("redis-server")


class LocalRedis:
    """One server that keeps nothing on disk, as a context manager. ``options`` are lines of its configuration."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.tls_port = 0
        self.password = secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="eventdesk-redis-"))
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start it on its port and wait until it answers."""
        lines = [f"port {self.port}", f"bind {LOOPBACK}", 'save ""', f"dir {self.folder}", f"requirepass {self.password}"]
        file = self.folder / "redis.conf"  # a command line would show the password to everybody
        file.touch(mode=0o600)
        file.write_text("\n".join([*lines, *self._options]) + "\n")
        self._process = launched("redis", ["redis-server", str(file)], self.folder / "log", ended_by="INT")
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RedisProblem(f"Redis does not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def answers(self) -> bool:
        return self.ask("PING") == "+PONG"

    def ask(self, command: str) -> str:
        """The first line of its answer to one command; empty if nobody answers."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as there:
                there.sendall(f"AUTH {self.password}\r\n{command}\r\nQUIT\r\n".encode())
                lines = b"".join(iter(lambda: there.recv(4096), b"")).decode().split("\r\n")
        except OSError:
            return ""
        return lines[1] if len(lines) > 1 else ""

    def signal(self, number: int) -> None:
        """SIGSTOP for one that hangs, SIGCONT for one that goes on."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as the kernel would. Harmless if it does not run; ``start`` starts it again."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        clear_up(process)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def main() -> None:
    argparse.ArgumentParser(description="Run a throwaway Redis until Ctrl-C; prints its URL.").parse_args()
    with LocalRedis() as server:
        print(server.url, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("stopping")


if __name__ == "__main__":
    main()
