"""What the store shows, at the next start, of an act that a crash left open."""

import json
from typing import Any

from dashboard.gateway import gateway
from dashboard.models import AuditEntry
from eventstore.model import EventStoreError, Storage, UnknownSubscription, UnknownTopic


def what_the_store_shows(entry: AuditEntry) -> dict[str, Any]:
    """For the audit record: where a subscription's cursor stands now, or where a topic ends; nothing for other acts."""
    if entry.action == "reset_cursor":
        return _cursor(gateway().storage, json.loads(entry.details))
    if entry.action == "publish":
        return _ends(gateway().storage, entry.scope)
    return {}


def _cursor(storage: Storage, details: dict[str, str]) -> dict[str, Any]:
    try:
        subscription = storage.subscription(details["topic"], details["subscription"])
    except (UnknownTopic, UnknownSubscription):
        return {"subscription": "is not there"}
    places = {str(c.partition): c.acknowledged.label if c.acknowledged else "start" for c in subscription.cursors}
    return {"stands_at": places, "backlog": subscription.backlog}


def _ends(storage: Storage, topic: str) -> dict[str, Any]:
    try:
        ends = storage.ends(storage.topic(topic).name)
    except EventStoreError as error:
        return {"topic": str(error)}
    return {"last": {str(end.partition): end.last.label if end.last else "empty" for end in ends}}
