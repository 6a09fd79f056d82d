"""Whether the demo may write: in demo mode alone, and unasked into the embedded store only, which is its own."""

from django.conf import settings
from django.core.management.base import CommandError

from dashboard.setup.config_file import is_embedded


def own_store() -> bool:
    return is_embedded(settings.EVENTSTORE_URL)


def require_demo_mode() -> None:
    """``CommandError`` outside of demo mode: an installation's store, embedded or not, is no place for made-up events."""
    if not settings.DEMO:
        raise CommandError(
            "Made-up events are for demo mode only: set EVENTDESK_DEMO=1 where this is a demo. Nothing was done."
        )
