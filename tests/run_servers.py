"""The servers that all tests of a run share: Pulsar brokers and one PostgreSQL. Each is started when a test first needs it, or
with the run where all will be needed.

The process that the run was started as owns them: pytest itself, or with pytest-xdist the controller, which outlives its
workers. A worker asks the owner for an address over a Unix socket. The owner ends the servers when the run ends. If the owner
is killed, the servers end by themselves.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

import pytest

from scripts.keycloak_distribution import KeycloakProblem
from scripts.keycloak_distribution import missing_programs as missing_for_keycloak
from scripts.local_keycloak import KeycloakAddress, LocalKeycloak
from scripts.local_postgres import LocalPostgres, PostgresAddress, PostgresProblem, binaries
from scripts.local_pulsar import LocalPulsar
from scripts.pulsar_distribution import VERSIONS, BrokerProblem, missing_programs

POSTGRES = "postgres"
KEYCLOAK = "keycloak"
Find = Callable[[str], Any]
"""Takes ``POSTGRES``, ``KEYCLOAK`` or a version of Pulsar; returns the server's address.

Raises ``NotAvailable`` where the server cannot be started here, and ``PostgresProblem`` where PostgreSQL is installed and does
not start.
"""
FIND = pytest.StashKey[Find]()
"""Where a test's configuration keeps the ``Find`` of this process."""


class NotAvailable(Exception):
    """A server cannot be started here; the text says why and what to do."""


PROBLEMS = (NotAvailable, PostgresProblem)


@dataclass(frozen=True)
class BrokerAddress:
    """Where a broker is. The broker belongs to the whole run: a test must not stop it."""

    service_url: str
    admin_url: str


class RunServers:
    """The servers of the run, in the process that owns them."""

    def __init__(self, folder: Path) -> None:
        """``folder``: where the broker's data and the socket are to be."""
        self._folder = folder
        self._to_end = ExitStack()
        self._locks = {name: threading.Lock() for name in STARTS}
        self._known: dict[str, Any] = {}
        self._listener: Listener | None = None

    def find(self, name: str) -> Any:
        """As ``Find``. Starts the server on the first call; a start that failed is not tried again. For any thread."""
        with self._locks[name]:
            if name not in self._known:
                try:
                    self._known[name] = STARTS[name](self._folder, self._to_end)
                except PROBLEMS as problem:
                    self._known[name] = problem
        return _address(self._known[name])

    def start_all(self) -> None:
        """Begin to start each of them, whoever asks first. Returns at once; what fails is told to whoever asks."""
        for name in STARTS:
            threading.Thread(target=self._try, args=(name,), name=f"start {name}", daemon=True).start()

    def _try(self, name: str) -> None:
        with suppress(*PROBLEMS):
            self.find(name)

    def socket(self) -> str:
        """The path of a socket for ``finder``, by which other processes of this user find the servers until ``end``."""
        if self._listener is None:
            self._listener = self._to_end.enter_context(Listener(str(self._folder / "socket"), "AF_UNIX"))
            threading.Thread(target=self._accept, args=(self._listener,), name="run-servers", daemon=True).start()
        return str(self._listener.address)

    def end(self) -> None:
        """End every server that was started. Waits for a start that is under way."""
        for lock in self._locks.values():
            lock.acquire()
        self._to_end.close()

    def _accept(self, listener: Listener) -> None:
        while True:
            threading.Thread(target=self._reply, args=(listener.accept(),), daemon=True).start()

    def _reply(self, connection: Any) -> None:
        with connection:
            try:
                reply = self.find(connection.recv())
            except PROBLEMS as problem:
                reply = problem
            connection.send(reply)


def finder(socket: str) -> Find:
    """A ``Find`` for a process that does not own the servers."""
    return partial(_find_at_owner, socket)


def _find_at_owner(socket: str, name: str) -> Any:
    with Client(socket, "AF_UNIX") as connection:
        connection.send(name)
        return _address(connection.recv())


def _address(found: Any) -> Any:
    if isinstance(found, PROBLEMS):
        raise found
    return found


def new_broker(data: Path, *, version: str, **options: Any) -> LocalPulsar:
    """Start one more broker, which the caller stops; ``options`` are ``LocalPulsar``'s. Raises ``NotAvailable``."""
    missing = missing_programs(version)
    if missing:
        raise NotAvailable(f"the Pulsar tests need {' and '.join(missing)}")
    broker = LocalPulsar(data, version=version, short_lived=True, **options)
    try:
        broker.start()
    except BrokerProblem as problem:
        raise NotAvailable(f"the local Pulsar broker does not start: {problem}") from problem
    return broker


def new_postgres() -> LocalPostgres:
    """One more PostgreSQL, not started: the caller enters it. Raises ``NotAvailable``."""
    if binaries() is None:
        raise NotAvailable("the PostgreSQL tests need PostgreSQL (Debian: apt-get install postgresql)")
    return LocalPostgres()


def _start_broker(version: str, folder: Path, to_end: ExitStack) -> BrokerAddress:
    broker = new_broker(folder / f"pulsar-{version}", version=version)
    to_end.callback(broker.kill)  # nobody reads its data again, and a clean end took half a minute
    return BrokerAddress(broker.service_url, broker.admin_url)


def _start_postgres(folder: Path, to_end: ExitStack) -> PostgresAddress:
    return to_end.enter_context(new_postgres()).address


def _start_keycloak(folder: Path, to_end: ExitStack) -> KeycloakAddress:
    missing = missing_for_keycloak()
    if missing:
        raise NotAvailable(f"the sign-in tests need {' and '.join(missing)}")
    try:
        return to_end.enter_context(LocalKeycloak(folder / "keycloak")).address
    except KeycloakProblem as problem:
        raise NotAvailable(f"Keycloak does not start: {problem}") from problem


STARTS: Mapping[str, Callable[[Path, ExitStack], Any]] = {
    POSTGRES: _start_postgres,
    KEYCLOAK: _start_keycloak,
    **{version: partial(_start_broker, version) for version in VERSIONS},
}
