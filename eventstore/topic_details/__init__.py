"""Around a topic: who publishes to it, how it is stored, and by which rules, as far as the store and the index tell."""

from eventstore.model.topic_details import (
    Function,
    Functions,
    Link,
    PartitionLedgers,
    PartitionTraffic,
    Policies,
    Producer,
    Quota,
    Retention,
    SchemaVersion,
    Told,
    TopicDetails,
    Traffic,
)
from eventstore.topic_details.face import IndexedShare

__all__ = [
    "Function",
    "Functions",
    "IndexedShare",
    "Link",
    "PartitionLedgers",
    "PartitionTraffic",
    "Policies",
    "Producer",
    "Quota",
    "Retention",
    "SchemaVersion",
    "Told",
    "TopicDetails",
    "Traffic",
]
