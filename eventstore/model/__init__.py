"""The ground floor: plain values, errors and protocols that every other room uses. Nothing here reads or writes anything."""

from eventstore.model.anomalies import Anomaly
from eventstore.model.errors import (
    EventStoreError,
    InvalidConfiguration,
    InvalidName,
    InvalidPosition,
    NotAllowed,
    StalePlan,
    StoreClosed,
    StoreRefused,
    StoreUnreachable,
    TooManySearches,
    UnknownEvent,
    UnknownSubscription,
    UnknownTopic,
    place_of,
)
from eventstore.model.events import Event, Message, NewMessage, Page, Position, SchemaUse, Topic, TopicKind
from eventstore.model.pointers import Aggregate, AggregateType, AnomalyLine, IndexedTopic, Pointer, ValueMatches
from eventstore.model.progress import TopicProgress
from eventstore.model.storage import Consumer, Edge, Storage, Subscription, SubscriptionType

__all__ = [
    "Aggregate",
    "AggregateType",
    "Anomaly",
    "AnomalyLine",
    "Consumer",
    "Edge",
    "Event",
    "EventStoreError",
    "IndexedTopic",
    "InvalidConfiguration",
    "InvalidName",
    "InvalidPosition",
    "Message",
    "NewMessage",
    "NotAllowed",
    "Page",
    "Pointer",
    "Position",
    "SchemaUse",
    "StalePlan",
    "Storage",
    "StoreClosed",
    "StoreRefused",
    "StoreUnreachable",
    "Subscription",
    "SubscriptionType",
    "TooManySearches",
    "Topic",
    "TopicKind",
    "TopicProgress",
    "UnknownEvent",
    "UnknownSubscription",
    "UnknownTopic",
    "ValueMatches",
    "place_of",
]
