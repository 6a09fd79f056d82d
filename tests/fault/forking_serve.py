"""``manage.py serve`` whose children are forked, as it is itself (``tests.forked``): ``python -m tests.fault.forking_serve``.

A demo has six children. Each took two seconds of a processor until it had imported everything.
"""

import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from django.db import connections

from dashboard.running.processes.supervisor import Supervisor
from tests import fork_server, forked


def main() -> fork_server.Run | None:
    """Return ``serve``, or in a process forked for it what that has to run."""
    os.umask(0o077)  # as manage.py does, for its children as well
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        mine.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return fork_server.serve(theirs)
    theirs.close()
    forked.SERVERS[os.getpid()] = mine
    return _serve


def _serve() -> None:
    Supervisor._spawn = _forked  # type: ignore[assignment, method-assign]
    sys.argv = ["manage.py", "serve", *sys.argv[1:]]
    runpy.run_path("manage.py", run_name="__main__")


def _forked(supervisor: Supervisor, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    assert [each.alias for each in connections.all(initialized_only=True) if each.connection is not None] == []
    return forked.start(command, env=supervisor.environment, bound=True)


if __name__ == "__main__" and (run := main()):
    run()
