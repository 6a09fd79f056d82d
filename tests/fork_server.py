"""A process that has imported what the processes of this project import, and forks one for each that a test starts.

Python, Django, the libraries and the project take two seconds of a processor to import, and a test run starts some 300
processes. This one imports all but the settings and what makes an event loop. Models need settings, but only those that are
the same in every environment: it reads them once, for an empty folder, and forgets them. A fork reads the settings of its own
environment, as ``python manage.py …`` or ``python -m …`` would.

``tests.forked`` starts it, with a Unix socket as its argument, and sends requests: JSON, with three file descriptors for the
standard streams. The answer is the number of the new process, whose parent has ended by then.
"""

import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dashboard.running.processes.supervisor import bind_to
from tests.forked import ROOT

IMPORTED = (
    "OpenSSL.SSL",
    "autobahn.websocket.protocol",
    "channels.layers",
    "channels.security.websocket",
    "channels.sessions",
    "cryptography.x509",
    "csp.middleware",
    "daphne.http_protocol",
    "dj_database_url",
    "django.contrib.auth.decorators",
    "django.contrib.auth.hashers",
    "django.contrib.auth.password_validation",
    "django.contrib.messages.middleware",
    "django.contrib.sessions.backends.db",
    "django.contrib.staticfiles.finders",
    "django.core.handlers.asgi",
    "django.core.management.commands.migrate",
    "django.core.management.commands.shell",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.operations",
    "django.middleware.common",
    "django.middleware.security",
    "django.template.defaulttags",
    "django.test",
    "django_htmx.middleware",
    "eventstore.actions",
    "eventstore.config",
    "eventstore.drivers.pulsar.storage",
    "eventstore.envelope",
    "eventstore.samples",
    "eventstore.schemas",
    "eventstore.search",
    "numpy",
    "service_identity",
    "tqdm.std",
    "twisted.internet.endpoints",
    "whitenoise.middleware",
)
"""Each can be imported without settings, starts no thread and makes no event loop."""

NEED_MODELS = (
    "channels.routing",
    "dashboard.demo.traffic",
    "dashboard.running.unread_sockets",
    "dashboard.sockets.handshake",
    "dashboard.sockets.routing",
    "dashboard.urls",
    "django.core.asgi",
    "eventstore.desk",
    *(
        f"dashboard.management.commands.{name}"
        for name in ("create_token", "create_user", "import_events", "run_jobs", "serve")
    ),
    "eventstore.management.commands.run_index",
)
"""As ``IMPORTED``, once Django's apps are loaded."""

LARGEST_REQUEST = 200_000
Run = Callable[[], object]


def serve(calls: socket.socket) -> Run | None:
    """Fork a process for each request until the other end is closed. In a forked process, return what it has to run."""
    while True:
        request, streams, _, _ = socket.recv_fds(calls, LARGEST_REQUEST, 3)
        if not request:
            return None
        reading, writing = os.pipe()
        between = os.fork()
        if between == 0:
            parent = os.getpid()
            made = os.fork()
            if made == 0:
                while os.getppid() == parent:  # a moment, until it has ended
                    time.sleep(0.001)
                for number in (calls.detach(), reading, writing):
                    os.close(number)
                return _become(json.loads(request), streams)
            os.write(writing, str(made).encode())
            os._exit(0)
        os.waitpid(between, 0)
        calls.send(os.read(reading, 20))
        for number in (reading, writing, *streams):
            os.close(number)


def _become(asked: Mapping[str, Any], streams: Sequence[int]) -> Run:
    """Make this process what a new interpreter would be, and return what it has to run."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if asked["session"]:
        os.setsid()
    _show(asked["command"])
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    at_once = bool(os.environ.get("PYTHONUNBUFFERED"))
    for output in (sys.stdout, sys.stderr):
        assert isinstance(output, io.TextIOWrapper)
        output.reconfigure(line_buffering=at_once or output is sys.stderr)
    gc.enable()
    if asked["bound"]:
        bind_to(asked["bound"])
    return _run_of(asked["command"])


def _show(command: Sequence[str]) -> None:
    """Write the command line to where the kernel reads it for ``/proc``: over the fork server's, whose room it takes."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    text = b"\0".join(os.fsencode(argument) for argument in (sys.executable, *command))
    ctypes.memmove(start, text[: end - start - 1].ljust(end - start, b"\0"), end - start)


def _run_of(command: Sequence[str]) -> Run:
    """What an interpreter with these arguments runs."""
    first, *rest = command
    if first == "-c":
        code, *sys.argv[1:] = rest
        sys.argv[0] = first
        return lambda: exec(code, {"__name__": "__main__"})
    if first == "-m":
        sys.argv = rest
        return lambda: runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    sys.argv = list(command)
    return lambda: runpy.run_path(first, run_name="__main__")


def end_quickly(run: Run) -> str | int | None:
    """Run it, and end as an interpreter does, but for taking all modules apart: that takes a tenth of a second.

    Returns what is left for the interpreter to say, as ``sys.exit`` takes it; exceptions are the interpreter's as well.
    """
    from django.conf import settings
    from django.db import connections

    status: str | int | None = None
    try:
        run()
    except SystemExit as end:
        status = end.code
    if isinstance(status, str):
        return status
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if settings.configured:
        connections.close_all()  # SQLite then moves its log into the database
    for output in (sys.stdout, sys.stderr):
        output.flush()
    os._exit((status or 0) & 0xFF)


def main() -> Run | None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who wait for this one
    gc.disable()
    for name in IMPORTED:
        importlib.import_module(name)
    _load_apps()
    gc.freeze()
    return serve(socket.socket(fileno=int(sys.argv[1])))


def _load_apps() -> None:
    """Load Django's apps with their models, and forget the settings that they asked for."""
    from django.apps import apps
    from django.conf import settings

    kept = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="eventdesk-fork-server-") as nothing:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "EVENTDESK_DATA": nothing}
        apps.populate(settings.INSTALLED_APPS)
        for name in NEED_MODELS:
            importlib.import_module(name)
    os.environ.clear()
    os.environ.update(kept)
    time.tzset()
    forget_settings()


def forget_settings() -> None:
    """Let the next who asks for a setting read them anew, in another environment."""
    from asgiref.local import Local
    from django.conf import settings
    from django.db import connections
    from django.utils.functional import empty

    settings._wrapped = empty
    del sys.modules["dashboard.settings"], sys.modules["dashboard"].settings
    vars(connections).pop("settings")  # each model asked how long a table's name may be
    vars(connections).update(_settings=None, _connections=Local(connections.thread_critical))


if __name__ == "__main__":
    os.chdir(ROOT)
    if run := main():
        sys.exit(end_quickly(run))
