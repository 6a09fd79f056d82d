"""Read messages as indexers, rebuilds and checks all read them."""

from collections.abc import Sequence

from eventstore.envelope import TopicMapping, read_event
from eventstore.envelope.reading import Decode
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Event, Message


def events_in(messages: Sequence[Message], mappings: Sequence[TopicMapping], decode: Decode) -> list[Event]:
    """Return the events of these messages. Raises ``StoreUnreachable`` if the registry does not answer for a schema that one
    needs.
    """
    events = [read_event(message, mappings, decode) for message in messages]
    for event in events:
        if event.schema is not None and event.schema.unanswered:
            raise StoreUnreachable("The schema registry does not answer: what these payloads say is not known yet.")
    return events
