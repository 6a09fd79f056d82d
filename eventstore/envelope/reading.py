"""What every message is read through, whatever it holds: binary mode, structured JSON, the topic's mapping, or a reason."""

from collections.abc import Sequence

from eventstore.envelope.cloudevents import is_binary, read_binary, read_structured
from eventstore.envelope.mapping import TopicMapping, mapping_for
from eventstore.envelope.parts import Misfit, misfit_event
from eventstore.envelope.raw import read_mapped
from eventstore.events import Event, Message

_NO_ENVELOPE = (
    "it has no ce_ properties, its payload is no CloudEvents JSON, and the configuration has no mapping for its topic"
)


def read_event(message: Message, mappings: Sequence[TopicMapping] = ()) -> Event:
    """The event that this message is; with ``problem`` set where it fits no envelope. Never raises."""
    try:
        return read_binary(message) if is_binary(message) else _read_other(message, mappings)
    except Misfit as misfit:
        return misfit_event(message, str(misfit))


def _read_other(message: Message, mappings: Sequence[TopicMapping]) -> Event:
    if event := read_structured(message):
        return event
    mapping = mapping_for(message.position.topic, tuple(mappings))
    if mapping is None:
        raise Misfit(_NO_ENVELOPE)
    return read_mapped(message, mapping)
