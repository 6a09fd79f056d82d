"""Lets a test's events and subscriptions be old, since no test can wait for hours."""

from datetime import UTC, datetime, timedelta

from eventstore.drivers.database.models import CursorRow, MemberRow, MessageRow
from tests.indexing import publish_everything_at


def make_old(hours: int = 1) -> None:
    """Let everything in the embedded store have happened so many hours ago: events were published, cursors placed and last
    moved, and consumers connected."""
    then = datetime.now(UTC) - timedelta(hours=hours)
    publish_everything_at(then)
    MessageRow.objects.using("store").update(published=then)
    CursorRow.objects.using("store").update(moved=then, placed=then)
    MemberRow.objects.using("store").update(connected=then)
