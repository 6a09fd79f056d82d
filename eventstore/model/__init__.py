"""The ground floor: plain values, errors and protocols that every other room uses. Nothing here touches a store."""

from eventstore.model.anomalies import Anomaly
from eventstore.model.errors import (
    EventStoreError,
    InvalidConfiguration,
    InvalidName,
    InvalidPosition,
    LeaseLost,
    MadeAnew,
    NotAllowed,
    NotSupported,
    ResourceBusy,
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
from eventstore.model.events import UNREADABLE_KEY, Event, Message, NewMessage, Page, Position, SchemaUse, Topic, TopicKind
from eventstore.model.log import Edge, Log
from eventstore.model.pointers import Aggregate, AggregateType, AnomalyLine, IndexedTopic, Pointer, ValueMatches
from eventstore.model.process_identity import Fate, Process, fate, this_process
from eventstore.model.progress import TopicProgress
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Consumer, Subscription, Subscriptions, SubscriptionType

__all__ = [
    "UNREADABLE_KEY",
    "Aggregate",
    "AggregateType",
    "Anomaly",
    "AnomalyLine",
    "Consumer",
    "Edge",
    "Event",
    "EventStoreError",
    "Fate",
    "IndexedTopic",
    "InvalidConfiguration",
    "InvalidName",
    "InvalidPosition",
    "LeaseLost",
    "Log",
    "MadeAnew",
    "Message",
    "NewMessage",
    "NotAllowed",
    "NotSupported",
    "Page",
    "Pointer",
    "Position",
    "Process",
    "ResourceBusy",
    "SchemaUse",
    "StalePlan",
    "Storage",
    "StoreClosed",
    "StoreRefused",
    "StoreUnreachable",
    "Subscription",
    "SubscriptionType",
    "Subscriptions",
    "TooManySearches",
    "Topic",
    "TopicKind",
    "TopicProgress",
    "UnknownEvent",
    "UnknownSubscription",
    "UnknownTopic",
    "ValueMatches",
    "fate",
    "place_of",
    "this_process",
]
