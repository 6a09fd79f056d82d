"""This process's way to the event store: the only place that builds a desk, and hands it the record and the access policy.

Whoever is answered has the desk within their scope (``dashboard.scoping``). What all share, such as caches, takes
``whole_desk``.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from django.apps import apps
from django.conf import settings

from dashboard.access.copies import find_by, origins_of
from dashboard.apps import DashboardConfig
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.scoping.current import viewer_now
from dashboard.scoping.narrowed import NarrowedDesk
from dashboard.scoping.sight import Sight
from eventstore.desk import Desk
from eventstore.drivers import open_storage
from eventstore.extent import within
from eventstore.model import TopicKind

T = TypeVar("T")


def desk() -> Desk:
    """This process's desk, within the scope of whoever is answered now."""
    narrowed = _narrowed()
    return whole_desk() if narrowed is None else cast(Desk, narrowed)


def whole_desk() -> Desk:
    """This process's desk with everything, made on first use: for what all share. Nothing of it may be shown as it is."""
    return shared(open_desk)


def sight() -> Sight | None:
    """What whoever is answered now sees of the store; ``None`` for everything."""
    narrowed = _narrowed()
    return None if narrowed is None else narrowed.sight


def _narrowed() -> NarrowedDesk | None:
    viewer = viewer_now()
    if viewer is None or viewer.scope.limits_nothing:
        return None
    if not isinstance(viewer.narrowed, NarrowedDesk):
        viewer.narrowed = NarrowedDesk(whole_desk(), viewer.scope)
    return viewer.narrowed


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


def origins(topic: str) -> Sequence[str]:
    """The topics whose copies this one may hold, as far as the index knows them."""
    return origins_of(topic, settings.EVENTDESK, _topics_with_events)


@within(None)
def _topics_with_events() -> Sequence[str]:
    there = shared(open_desk).index.topics().values()
    return [one.topic for one in there if one.kind == TopicKind.EVENTS]


def _process() -> DashboardConfig:
    found = apps.get_app_config("dashboard")
    assert isinstance(found, DashboardConfig)
    return found


find_by(origins)
