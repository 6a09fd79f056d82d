"""Runs an installation as one process group: the index, the jobs, the web server, and in demo mode people and traffic."""

import os
import socket
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from dashboard import demo
from dashboard.access.policy import READ_ONLY, is_read_only
from dashboard.auditing.sealing import seal_settings
from dashboard.demo.history import is_seeded
from dashboard.gateway import close, desk
from dashboard.management.left_open import settle_at_start
from dashboard.management.loading import load_for_children
from dashboard.running.json_lines import give_back
from dashboard.running.processes import forking
from dashboard.running.processes.supervisor import Child, Supervisor, bind_to, end_with_parent
from dashboard.setup.databases import migrate
from dashboard.setup.system_checks import serving_problems
from dashboard.web.completeness import seed_command
from eventstore.model import EventStoreError

LOOPBACK = "127.0.0.1"
FIRST_PORT = 8000
PORTS_TRIED = 100
START_SECONDS = 60.0
DAPHNE = ("--no-server-name", "--websocket_connect_timeout", "30")
"""By default it refuses a websocket after 5 seconds. After a restart all viewers come back at once: whoever waited longer was
refused and came again, and their share of the work was lost."""


class Command(BaseCommand):
    help = "Migrate, settle what a crash left open, then run indexer, job worker and web server until Ctrl-C or SIGTERM."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="demo people, history and traffic; loopback only")
        parser.add_argument("--bind", default=LOOPBACK, help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--end-with-parent", action="store_true", help="end when the calling process ends")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["end_with_parent"]:
            end_with_parent()
        if options["demo"] and not settings.DEMO:
            _again_in_demo_mode()
        _refuse_unsafe(options["demo"], options["bind"])
        port = _port(options["bind"])
        with Supervisor(os.environ | {"PORT": str(port)}, self.say) as supervisor:
            code = self.run(supervisor, port, options)
        self.say("Eventdesk has ended.")
        if code:
            sys.exit(code)

    def run(self, supervisor: Supervisor, port: int, options: dict[str, Any]) -> int:
        """Prepare, start, report when ready, and watch. Returns the exit code."""
        try:
            self.check()
            self.check(tags=["eventdesk"], include_deployment_checks=True)
            _migrate()
            _settle()
            logins = demo.ensure_people() if options["demo"] else []
            seeded = options["demo"] and self.seed(supervisor)
        except EventStoreError as error:
            raise CommandError(str(error)) from error
        finally:
            close()
        if is_read_only():
            self.say(f"{READ_ONLY} No job is run.")
        if forking.SUPPORTED:
            load_for_children()
        for child in _children(options["bind"], port, traffic=seeded):
            if not supervisor.stopping:
                supervisor.start(child)
        code = supervisor.wait_until(lambda: _answers(options["bind"], port), START_SECONDS)
        if code is not None or supervisor.stopping:
            return code or 0
        self.say(f"Eventdesk is ready: http://{_in_url(options['bind'])}:{port}/")
        for login in logins:
            self.say(str(login))
        return supervisor.watch()

    def seed(self, supervisor: Supervisor) -> bool:
        """Write the demo's history, but only into the embedded store. Returns whether it is there."""
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        if not demo.own_store():
            self.say("EVENTSTORE_URL names a broker: nothing is written into it. To put the demo history there by hand:")
            self.say(seed_command())
            self.say("Its story lines and searchable values come with EVENTDESK_CONFIG=examples/demo.toml.")
            return False
        if is_read_only():
            return False
        steps = ["seed_demo", "run_index --until-caught-up"]
        if is_seeded(desk().log):
            self.say("The demo history is there already.")
            steps.pop(0)
        close()
        connections.close_all()  # the steps are forked from this process
        for step in steps:
            code = 0 if supervisor.stopping else supervisor.run_to_end([*manage, *step.split()])
            if code and not supervisor.stopping:
                raise CommandError(f"{step} ended with exit status {code}: see above.")
        return True

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _again_in_demo_mode() -> None:
    """Run this process again with the demo's settings."""
    os.environ["EVENTDESK_DEMO"] = "1"
    sys.stdout.flush()
    give_back()
    os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606


def _refuse_unsafe(wanted_demo: bool, bind: str) -> None:
    if (wanted_demo or settings.DEMO) and bind not in (LOOPBACK, "localhost", "::1"):
        raise CommandError("Demo mode listens on loopback only: omit --bind.")
    if problems := serving_problems():
        raise CommandError(" ".join(problems))


def _migrate() -> None:
    """Create each database's own tables. The store's only if the store is embedded."""
    aliases = ["default", "index", "store"] if demo.own_store() else ["default", "index"]
    for alias in aliases:
        migrate(alias)


def _settle() -> None:
    """In a process of its own where a broker's client may be used: what is forked from this one must not have it."""
    if demo.own_store() or not forking.SUPPORTED:
        settle_at_start()
        return
    connections.close_all()
    parent = os.getpid()
    if code := forking.Forked(lambda: _settle_as_a_command(parent)).wait():
        sys.exit(code)


def _settle_as_a_command(parent: int) -> None:
    bind_to(parent)
    try:
        settle_at_start()
    except EventStoreError as error:
        sys.exit(f"CommandError: {error}")
    finally:
        close()
        connections.close_all()


def _children(bind: str, port: int, *, traffic: bool) -> list[Child]:
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    daphne = [sys.executable, "-m", "daphne", "-v", "0", "-b", bind, "-p", str(port), *DAPHNE]
    children = [
        Child(name="The indexer", command=[*manage, "run_index"], restarts=3),
        Child(name="The job worker", command=[*manage, "run_jobs"], restarts=3),
        Child(name="The web server", command=[*daphne, "dashboard.asgi:application"]),
    ]
    if (seals := seal_settings()) is not None and seals.key is not None:
        every = str(int(seals.every.total_seconds()))
        children.append(Child(name="The sealer", command=[*manage, "seal_record", "--every", every], restarts=3))
    if traffic:
        children.append(Child(name="The demo traffic", command=[*manage, "run_demo_traffic"], restarts=3))
    return children


def _port(bind: str) -> int:
    """``PORT``, which must be free. Without it, the first free port from 8000 on."""
    given = os.environ.get("PORT", "")
    if not given:
        for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
            if _free(bind, port):
                return port
        raise CommandError(f"No port from {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} is free. Give one as PORT=….")
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        raise CommandError(f"PORT must be a number from 1 to 65535, not {given!r}.")
    if not _free(bind, int(given)):
        raise CommandError(f"Port {given} is taken. End what listens there, or give another as PORT=….")
    return int(given)


def _free(bind: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
    return True


def _answers(bind: str, port: int) -> bool:
    address = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(bind, bind)  # noqa: S104
    host = settings.ALLOWED_HOSTS[0].lstrip(".")
    request = urllib.request.Request(f"http://{_in_url(address)}:{port}/healthz", headers={"Host": host})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
