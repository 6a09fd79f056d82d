"""Messages read as the index reads them: by indexers, rebuilds and checks alike."""

from collections.abc import Sequence

from eventstore.envelope import TopicMapping, read_event
from eventstore.envelope.reading import Decode
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Event, Message


def events_in(messages: Sequence[Message], mappings: Sequence[TopicMapping], decode: Decode) -> list[Event]:
    """The events that these messages are. ``StoreUnreachable`` where a schema that one needs cannot be asked for now."""
    events = [read_event(message, mappings, decode) for message in messages]
    for event in events:
        if event.schema is not None and event.schema.unanswered:
            raise StoreUnreachable("The schema registry does not answer: what these payloads say is not known yet.")
    return events
