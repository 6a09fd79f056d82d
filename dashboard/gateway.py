"""This process's way to the event store: the only place that builds a desk, and hands it the record and the access policy."""

from collections.abc import Callable
from typing import TypeVar

from django.apps import apps
from django.conf import settings

from dashboard.apps import DashboardConfig
from dashboard.auditing.safeguards import SAFEGUARDS
from eventstore.desk import Desk
from eventstore.drivers import open_storage

T = TypeVar("T")


def desk() -> Desk:
    """This process's desk, made on first use."""
    return shared(open_desk)


def shared(make: Callable[[], T]) -> T:
    """This process's one object that ``make`` makes, made on first use and forgotten by ``close``."""
    return _process().shared(make)


def close() -> None:
    """Let go of the store, the tails, the searches and all shared objects. The next use makes them anew."""
    there: Desk | None = _process().forget_shared().get(open_desk)
    if there is not None:
        there.close()


def open_desk() -> Desk:
    """A new desk, as the settings say. Nothing is contacted yet."""
    storage = open_storage(
        settings.EVENTSTORE_URL,
        admin_url=settings.PULSAR_ADMIN_URL,
        namespaces=settings.EVENTSTORE_NAMESPACES,
        kinds=settings.EVENTDESK.topics,
    )
    return Desk(
        storage=storage,
        config=settings.EVENTDESK,
        safeguards=SAFEGUARDS,
        hash_key=settings.EVENTDESK_HASH_KEY,
        hook_secret=settings.EVENTDESK_HOOK_SECRET,
    )


def _process() -> DashboardConfig:
    found = apps.get_app_config("dashboard")
    assert isinstance(found, DashboardConfig)
    return found
