"""Read any message as an event: in binary mode, as structured JSON, by the topic's mapping, or as a misfit with a reason."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec.structs import replace

from eventstore.envelope.cloudevents import read_binary, read_structured
from eventstore.envelope.mapping import TopicMapping, mapping_for
from eventstore.envelope.parts import Incomplete, Misfit, misfit_event, stand_in_event, unreadable_event
from eventstore.envelope.raw import read_mapped
from eventstore.model.errors import NOT_THE_MESSAGE, reported
from eventstore.model.events import Event, Message
from eventstore.model.schema_registry import Decoded

_NO_ENVELOPE = (
    "it has no ce_ properties, its payload is not CloudEvents JSON, and the configuration has no mapping for its topic"
)

_ENCRYPTED = "its payload is encrypted, and its properties alone do not make it an event"

_NOT_BY_SCHEMA = "its payload cannot be read by its schema"
"""The schema and the details are in ``SchemaUse``, because not everybody may see them."""

_KEY_AS_SENT = "The key is shown as it was sent: {}."

Decode = Callable[[Message], Decoded | None]
"""Returns the message's payload and key decoded by its schema; ``None`` if it has no schema (``schemas.Schemas.decoded``)."""


def read_event(message: Message, mappings: Sequence[TopicMapping] = (), decode: Decode | None = None) -> Event:
    """Return the event that this message is, with ``problem`` set if it fits no envelope or cannot be read.

    Whatever the message holds, nothing is raised; only ``decode`` may raise, an ``EventStoreError`` of the schema registry.
    With ``decode``, a payload that was written with a schema is replaced by the document that the schema makes of it.
    Mappings, and callers that read the event's data, then find JSON in it. A key with a schema of its own is decoded as well,
    also in the event's message.
    """
    try:
        decoded = decode(message) if decode and message.schema_version else None
        event = _read(message, mappings) if decoded is None else _read_decoded(message, mappings, decoded)
    except NOT_THE_MESSAGE:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever one message does to its reader, the others go on
        event = unreadable_event(message, reported(error, message.position.where))
    return replace(event, notes=(*message.notes, *event.notes)) if message.notes else event


def _read_decoded(message: Message, mappings: Sequence[TopicMapping], decoded: Decoded) -> Event:
    data, use, key, key_problem = decoded
    if key != message.key:
        message = replace(message, key=key)
    event = _read(replace(message, payload=data), mappings)
    if event.problem and use.problem:
        event = misfit_event(message, _NOT_BY_SCHEMA)
    notes = (*event.notes, _KEY_AS_SENT.format(key_problem)) if key_problem else event.notes
    return replace(event, message=message, schema=use, notes=notes)


def _read(message: Message, mappings: Sequence[TopicMapping]) -> Event:
    try:
        return _fitted(message, mappings)
    except Misfit as misfit:
        return misfit_event(message, _ENCRYPTED if message.encrypted else str(misfit))


def _fitted(message: Message, mappings: Sequence[TopicMapping]) -> Event:
    if message.problem:
        return stand_in_event(message, message.problem)
    mapping = mapping_for(message.position.topic, tuple(mappings)) if mappings else None
    if mapping is not None and mapping.before_envelope:
        return _mapped_first(message, mapping)
    incomplete = None
    try:
        if event := read_binary(message) or read_structured(message):
            return event
    except Incomplete as problem:
        incomplete = problem
    if mapping is None:
        raise incomplete or Misfit(_NO_ENVELOPE)
    return read_mapped(message, mapping)


def _mapped_first(message: Message, mapping: TopicMapping) -> Event:
    """Read a message by its topic's mapping, or else by its envelope; without one, the mapping's reason counts."""
    try:
        return read_mapped(message, mapping)
    except Misfit as misfit:
        with suppress(Incomplete):
            if event := read_binary(message) or read_structured(message):
                return event
        raise misfit from None
