"""The event store's façade: the names that the dashboard may use, each loaded when it is first asked for.

Loading is late because Django imports this package before its models may be imported, and because a driver that is not used
should not be loaded at all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# At once, not late: the function has its module's name, and only so does the package's attribute mean the function.
from eventstore.acting import Actor, May, Record, acting, reason_of

if TYPE_CHECKING:
    from eventstore.backlogs import Backlog, Counted, State
    from eventstore.config import Config, Installation, Kind, Limits, load_config
    from eventstore.cursor_resets import Move, ResetPlan
    from eventstore.envelope.write import document_to_message
    from eventstore.errors import (
        EventStoreError,
        InvalidConfiguration,
        InvalidMessage,
        InvalidName,
        InvalidPosition,
        NotAllowed,
        NotSupported,
        StalePlan,
        StoreClosed,
        StoreRefused,
        StoreUnreachable,
        TooManySearches,
        UnknownEvent,
        UnknownSubscription,
        UnknownTopic,
        VersionConflict,
        place_of,
    )
    from eventstore.events import Event, Message, NewMessage, Page, Position, SchemaUse, Topic, TopicKind
    from eventstore.filtered_streams import FilteredStream
    from eventstore.gateway import Gateway
    from eventstore.generated import health_history, misfits, oldest_form
    from eventstore.importing import ImportSummary, import_messages, parse_lines
    from eventstore.index.anomalies import Anomaly
    from eventstore.index.pointers import Aggregate, AggregateType, AnomalyLine, IndexedTopic, Pointer, ValueMatches
    from eventstore.index.progress import TopicProgress
    from eventstore.opening import open_storage
    from eventstore.rows import Missing, Row
    from eventstore.scanning.progress import Progress, ScanState
    from eventstore.scanning.scan import Scan
    from eventstore.scanning.scans import Scans
    from eventstore.search import Filter, InvalidFilter, Verdict, parse_filter
    from eventstore.searchable import hash_key_problem
    from eventstore.storage import Capabilities, Consumer, Edge, Storage, Subscription, SubscriptionType
    from eventstore.stories import Placeholder
    from eventstore.tail import Counts, Entry, Hub, Piece, Start, Take, Viewer, place_key

_WHERE = {
    "acting": ["Actor", "May", "Record", "acting", "reason_of"],
    "backlogs": ["Backlog", "Counted", "State"],
    "config": ["Config", "Installation", "Kind", "Limits", "load_config"],
    "cursor_resets": ["Move", "ResetPlan"],
    "errors": [
        "EventStoreError", "InvalidConfiguration", "InvalidMessage", "InvalidName", "InvalidPosition", "NotAllowed",
        "NotSupported", "StalePlan", "StoreClosed", "StoreRefused", "StoreUnreachable",
        "TooManySearches", "UnknownEvent", "UnknownSubscription", "UnknownTopic", "VersionConflict",
        "place_of",
    ],
    "envelope.write": ["document_to_message"],
    "events": ["Event", "Message", "NewMessage", "Page", "Position", "SchemaUse", "Topic", "TopicKind"],
    "filtered_streams": ["FilteredStream"],
    "gateway": ["Gateway"],
    "generated": ["health_history", "misfits", "oldest_form"],
    "importing": ["ImportSummary", "import_messages", "parse_lines"],
    "index.anomalies": ["Anomaly"],
    "index.pointers": ["Aggregate", "AggregateType", "AnomalyLine", "IndexedTopic", "Pointer", "ValueMatches"],
    "index.progress": ["TopicProgress"],
    "opening": ["open_storage"],
    "rows": ["Missing", "Row"],
    "scanning.progress": ["Progress", "ScanState"],
    "scanning.scan": ["Scan"],
    "scanning.scans": ["Scans"],
    "search": ["Filter", "InvalidFilter", "Verdict", "parse_filter"],
    "searchable": ["hash_key_problem"],
    "storage": ["Capabilities", "Consumer", "Edge", "Storage", "Subscription", "SubscriptionType"],
    "stories": ["Placeholder"],
    "tail": ["Counts", "Entry", "Hub", "Piece", "Start", "Take", "Viewer", "place_key"],
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "Actor",
    "Aggregate",
    "AggregateType",
    "Anomaly",
    "AnomalyLine",
    "Backlog",
    "Capabilities",
    "Config",
    "Consumer",
    "Counted",
    "Counts",
    "Edge",
    "Entry",
    "Event",
    "EventStoreError",
    "Filter",
    "FilteredStream",
    "Gateway",
    "Hub",
    "ImportSummary",
    "IndexedTopic",
    "Installation",
    "InvalidConfiguration",
    "InvalidFilter",
    "InvalidMessage",
    "InvalidName",
    "InvalidPosition",
    "Kind",
    "Limits",
    "May",
    "Message",
    "Missing",
    "Move",
    "NewMessage",
    "NotAllowed",
    "NotSupported",
    "Page",
    "Piece",
    "Placeholder",
    "Pointer",
    "Position",
    "Progress",
    "Record",
    "ResetPlan",
    "Row",
    "Scan",
    "ScanState",
    "Scans",
    "SchemaUse",
    "StalePlan",
    "Start",
    "State",
    "Storage",
    "StoreClosed",
    "StoreRefused",
    "StoreUnreachable",
    "Subscription",
    "SubscriptionType",
    "Take",
    "TooManySearches",
    "Topic",
    "TopicKind",
    "TopicProgress",
    "UnknownEvent",
    "UnknownSubscription",
    "UnknownTopic",
    "ValueMatches",
    "Verdict",
    "VersionConflict",
    "Viewer",
    "acting",
    "document_to_message",
    "hash_key_problem",
    "health_history",
    "import_messages",
    "load_config",
    "misfits",
    "oldest_form",
    "open_storage",
    "parse_filter",
    "parse_lines",
    "place_key",
    "place_of",
    "reason_of",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
