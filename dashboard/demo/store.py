"""Whether the demo may write: only in demo mode, and without a request only into the embedded store, which is its own."""

from django.conf import settings
from django.core.management.base import CommandError

from dashboard.setup.config_file import is_embedded


def own_store() -> bool:
    return is_embedded(settings.EVENTSTORE_URL)


def require_demo_mode() -> None:
    """Raise ``CommandError`` outside of demo mode, because invented events must never reach an installation's store."""
    if not settings.DEMO:
        raise CommandError(
            "Invented events are for demo mode only: set EVENTDESK_DEMO=1 where this is a demo. Nothing was done."
        )
