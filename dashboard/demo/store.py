"""Whether the demo may write: into the embedded store, which is its own."""

from django.conf import settings


def own_store() -> bool:
    return str(settings.EVENTSTORE_URL).startswith("database://")
