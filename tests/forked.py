"""Processes of this project for tests, forked from one that has imported the libraries (``tests.fork_server``).

``start`` and ``run`` take what ``subprocess.Popen`` and ``subprocess.run`` take, for a command that begins with the
interpreter. The process is a child of this one, in its process group or a session of its own; signals, exit codes, streams
and the command line in ``/proc`` are as usual. Two things differ, and a test of them starts ``subprocess.Popen`` itself:
``/proc`` shows the environment of the fork server, and options of the interpreter are not obeyed.

Elsewhere than on Linux these are ``subprocess.Popen`` and ``subprocess.run``.
"""

import atexit
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INHERITED = {"PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "TMPDIR"}
"""What a process of this project gets of the environment of the tests, if it gets nothing else."""
PR_SET_CHILD_SUBREAPER = 36
ROOM = " " * 500
"""An argument of the fork server, in the place of which its forks show their command lines."""
LOCK = threading.Lock()
SERVERS: dict[int, socket.socket] = {}
"""Process number → the connection to its fork server, where ``tests.fault.forking_serve`` has made one."""


class Forked(subprocess.Popen[Any]):
    """Like any other ``Popen``, but for how the process comes to be.

    ``bound``: it ignores Ctrl-C, and ends with this process, however this one ends. ``server``: the connection to the server
    that forks it, if not this process's own.
    """

    def __init__(self, *given: Any, bound: bool = False, server: socket.socket | None = None, **options: Any) -> None:
        self._bound, self._server = bound, server
        super().__init__(*given, **options)

    def _execute_child(self, args: Sequence[str], executable: Any, *given: Any) -> None:
        """Take the place of fork and exec. What is given stands in the order of CPython's own, which is private."""
        preexec_fn, _, pass_fds, cwd, env = given[:5]
        pipes, start_new_session = given[8:14], given[19]
        if preexec_fn or pass_fds or args[0] != sys.executable:
            raise ValueError("only an interpreter can be forked, with nothing but its streams")
        try:
            streams = [number if number != -1 else standard for standard, number in enumerate((pipes[0], pipes[3], pipes[5]))]
            environment = dict(os.environ if env is None else env)
            asked = {"command": list(args[1:]), "folder": str(cwd or Path.cwd()), "environment": environment}
            how = {"session": bool(start_new_session), "bound": os.getpid() * self._bound}
            self.pid = _fork({**asked, **how}, streams, self._server)
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def start(command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
    """As ``subprocess.Popen``; the command is ``[sys.executable, "manage.py" | "-m" | "-c", …]``."""
    return Forked(command, **options) if sys.platform == "linux" else subprocess.Popen(command, **options)


def run(
    command: Sequence[str], *, input: Any = None, timeout: float | None = None, **options: Any
) -> "subprocess.CompletedProcess[Any]":
    """As ``subprocess.run`` with ``capture_output`` and no ``check``."""
    with start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            out, errors = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def _fork(asked: dict[str, Any], streams: Sequence[int], server: socket.socket | None) -> int:
    """Ask the fork server for a process, and return its number.

    The fork server's child forks once more and ends. The kernel then gives the process to the nearest ancestor that takes
    orphans: this one, for that moment.
    """
    with LOCK:
        server = server or SERVERS.get(os.getpid()) or _server()
        _take_orphans(True)
        try:
            socket.send_fds(server, [json.dumps(asked).encode()], list(streams))
            answer = server.recv(20)
        finally:
            _take_orphans(False)
    if not answer:
        raise OSError("the fork server has ended")
    return int(answer)


def _take_orphans(taken: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, int(taken), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@cache
def _server() -> socket.socket:
    """A connection to this process's fork server."""
    plain = {name: value for name, value in os.environ.items() if name in INHERITED}
    return started_server("tests.fork_server", environment={**plain, "PYTHONPATH": str(ROOT)})


def started_server(module: str, *arguments: str, environment: Mapping[str, str]) -> socket.socket:
    """A connection to a server that this module is, started now. It gets its end of it as its first argument, and ends with
    this process."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(theirs.fileno()), *arguments, ROOM],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        mine.close()
        process.wait()

    atexit.register(end)
    return mine
