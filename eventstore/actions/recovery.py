"""After a crash: what the store shows of an action that was begun and never ended."""

from collections.abc import Mapping
from typing import Any

from eventstore.actions.action import action_named
from eventstore.actions.outcome import reason_of
from eventstore.actions.resource import Resource
from eventstore.model.errors import EventStoreError
from eventstore.model.storage import Storage


def shown_by_store(storage: Storage, action: str, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask the store what the action wants to know. If the store does not respond, say so instead."""
    known = action_named(action)
    if known is None:
        return {}
    try:
        return dict(known.shows(storage, resource, details))
    except EventStoreError as error:
        return {"store": f"could not be asked: {reason_of(error)}"}
