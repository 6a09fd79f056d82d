import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

from dashboard.running.last_errors import log_unhandled
from dashboard.setup.private_files import on_connection
from eventstore.search import use_key

T = TypeVar("T")

REGISTER_THEMSELVES = (
    "dashboard.setup.system_checks",
    "dashboard.hints.changes",
    "dashboard.access.command_actions",
    "dashboard.auditing.looks",
    "dashboard.accounts.action_rules",
    "dashboard.accounts.sessions",
    "dashboard.jobs.actions",
    "dashboard.cursors.action_rules",
    "dashboard.letters.action_rules",
    "dashboard.redrives.action_rules",
    "dashboard.generations.action_rules",
    "dashboard.replays.asking.action_rules",
    "dashboard.replays.live.action_rules",
    "dashboard.record.action_rules",
    "dashboard.erasure.action_rules",
    "dashboard.reveals.action_rules",
    "dashboard.cases.action_rules",
    "dashboard.reveals.logging_out",
    "dashboard.signin.action_rules",
    "dashboard.signin.leaving",
)
"""Modules that register something when they are imported: system checks, and the actions of each capability. By name, since
these rooms lie above this module."""


class DashboardConfig(AppConfig):
    """Django makes one for each process: it holds what the whole process shares. See ``dashboard.gateway``."""

    name = "dashboard"
    label = "dashboard"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        self._lock = threading.RLock()
        self._shared: dict[Callable[[], Any], Any] = {}

    def ready(self) -> None:
        log_unhandled()
        use_key(settings.EVENTDESK_HASH_KEY or settings.SECRET_KEY)
        connection_created.connect(on_connection, dispatch_uid="dashboard.private_files")
        for module in REGISTER_THEMSELVES:
            import_module(module)

    def shared(self, make: Callable[[], T]) -> T:
        """The process's one object that ``make`` makes, such as the desk or a cache that all pages use. Thread-safe.

        It is made on first use, and so after any fork, as Pulsar's client needs it.
        """
        with self._lock:
            if make not in self._shared:
                self._shared[make] = make()
            found: T = self._shared[make]
            return found

    def forget_shared(self) -> Mapping[Callable[[], Any], Any]:
        """Hand over all shared objects, by what made them. The next use makes new ones."""
        with self._lock:
            shared, self._shared = self._shared, {}
            return shared
