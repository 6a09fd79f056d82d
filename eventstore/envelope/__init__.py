"""Turn messages into events and back: CloudEvents 1.0 in binary mode and as structured JSON, and mappings for raw messages."""

from eventstore.envelope.cloudevents import attributes_without
from eventstore.envelope.mapping import TopicMapping
from eventstore.envelope.parts import unreadable_event
from eventstore.envelope.reading import read_event
from eventstore.envelope.write import document_to_message, event_to_message, to_message

__all__ = [
    "TopicMapping",
    "attributes_without",
    "document_to_message",
    "event_to_message",
    "read_event",
    "to_message",
    "unreadable_event",
]
