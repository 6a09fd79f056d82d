"""Tells the broker's own cursors, functions and sinks from other services' subscriptions.

The broker takes the names of its own cursors from nobody, but it lets an operator make an ordinary subscription under one of
them, and takes it for its own when it next loads the topic. A function's or sink's worker says what it is in its consumers'
metadata, and names the subscription ``tenant/namespace/name`` unless told otherwise (verified with Pulsar 4.0.8).
"""

import re
from collections.abc import Sequence

from eventstore.drivers.pulsar.admin import Json
from eventstore.model.subscriptions import SubscriptionKind

COMPACTION = "__compaction"
DEDUPLICATION = "pulsar.dedup"
REPLICATION = "pulsar.repl."
"""Followed by the name of the cluster that the topic is copied to. An operator may choose another prefix."""
APPLICATIONS = {"pulsar-function": SubscriptionKind.FUNCTION, "pulsar-sink": SubscriptionKind.SINK}

_FUNCTION = re.compile(r"[\w.=:-]+/[\w.=:-]+/[\w.=:-]+")


def kind_of(name: str, told: Sequence[Json] = ()) -> SubscriptionKind:
    """Return whose subscription this is; ``told`` is what the broker's ``stats`` say of it in each partition.

    While no consumer is connected, a name of three parts is taken for a function's.
    """
    own = own_kind(name)
    if own is not None:
        return own
    consumers = [consumer for each in told for consumer in each.get("consumers", ())]
    for consumer in consumers:
        found = APPLICATIONS.get((consumer.get("metadata") or {}).get("application", ""))
        if found is not None:
            return found
    if not consumers and _FUNCTION.fullmatch(name):
        return SubscriptionKind.FUNCTION
    return SubscriptionKind.SERVICE


def own_kind(name: str) -> SubscriptionKind | None:
    """Return what the broker keeps this cursor for; ``None`` if the name is not reserved."""
    if name == COMPACTION:
        return SubscriptionKind.COMPACTION
    if name == DEDUPLICATION:
        return SubscriptionKind.DEDUPLICATION
    return SubscriptionKind.REPLICATION if name.startswith(REPLICATION) else None
