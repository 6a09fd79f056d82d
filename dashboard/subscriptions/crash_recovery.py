"""What the store shows, at the next start, of an act that a crash left open."""

import json
from typing import Any

from dashboard.gateway import desk
from dashboard.models import AuditEntry
from eventstore.model import EventStoreError, UnknownSubscription, UnknownTopic


def what_the_store_shows(entry: AuditEntry) -> dict[str, Any]:
    """For the audit record: where a subscription's cursor stands now, or where a topic ends; nothing for other acts."""
    if entry.action == "reset_cursor":
        return _cursor(json.loads(entry.details))
    if entry.action == "publish":
        return _ends(entry.scope)
    return {}


def _cursor(details: dict[str, str]) -> dict[str, Any]:
    try:
        subscription = desk().subscriptions.named(details["topic"], details["subscription"])
    except (UnknownTopic, UnknownSubscription):
        return {"subscription": "is not there"}
    places = {str(c.partition): c.acknowledged.label if c.acknowledged else "start" for c in subscription.cursors}
    return {"stands_at": places, "backlog": subscription.backlog}


def _ends(topic: str) -> dict[str, Any]:
    try:
        ends = desk().log.ends(desk().log.topic(topic).name)
    except EventStoreError as error:
        return {"topic": str(error)}
    return {"last": {str(end.partition): end.last.label if end.last else "empty" for end in ends}}
