"""CloudEvents 1.0 read from a message: binary mode (``ce_*`` properties) and structured JSON."""

from collections.abc import Mapping

from eventstore.envelope.documents import split_document
from eventstore.envelope.mapping import last_segment
from eventstore.envelope.parts import Misfit, required_problem, text_problem, time_or_stand_in
from eventstore.events import Event, Message

PREFIX = "ce_"
STRUCTURED = "application/cloudevents+json"
_CONTENT_TYPES = ("content-type", "Content-Type", "contentType", "content_type")


def is_binary(message: Message) -> bool:
    """Whether its properties claim to be a CloudEvent's."""
    properties = message.properties
    return "ce_id" in properties or "ce_type" in properties or "ce_specversion" in properties


def read_binary(message: Message) -> Event:
    """The event of a message in binary mode: the payload is the data alone. ``Misfit`` where it is none."""
    attributes = {name[3:]: value for name, value in message.properties.items() if name.startswith(PREFIX)}
    content_type = attributes.get("datacontenttype") or declared_type(message)
    return _event(message, attributes, message.payload, content_type)


def read_structured(message: Message) -> Event | None:
    """The event of a message whose payload is a whole CloudEvent as JSON; ``None`` where it does not even look like one.

    A payload that only looks like one, without being declared so, is left to the topic's mapping when it is none.
    """
    if declared_type(message).partition(";")[0].strip().lower() == STRUCTURED:
        return _read_document(message)
    if b'"specversion"' not in message.payload or not message.payload.lstrip(b" \t\r\n").startswith(b"{"):
        return None
    try:
        attributes, data, content_type = split_document(message.payload)
    except Misfit:
        return None
    if not all(attributes.get(name) for name in ("specversion", "id", "source", "type")):
        return None
    return _event(message, attributes, data, content_type)


def declared_type(message: Message) -> str:
    """The content type that the message's own properties declare; empty where they declare none."""
    properties = message.properties
    return next((properties[name] for name in _CONTENT_TYPES if name in properties), "")


def _read_document(message: Message) -> Event:
    try:
        attributes, data, content_type = split_document(message.payload)
    except Misfit as misfit:
        raise Misfit(f"it is declared as {STRUCTURED}, but of its payload: {misfit}") from misfit
    return _event(message, attributes, data, content_type)


def _event(message: Message, attributes: Mapping[str, str], data: bytes, content_type: str) -> Event:
    get = attributes.get
    if problem := required_problem(attributes):
        raise Misfit(problem)
    aggregate_type = get("aggregatetype") or last_segment(message.position.topic)
    aggregate_id = get("aggregateid") or message.key
    if not aggregate_id:
        raise Misfit("it has neither aggregateid nor a key")
    if not aggregate_type:
        raise Misfit("it has neither aggregatetype nor a topic with a name")
    parts = {
        "id": attributes["id"],
        "type": attributes["type"],
        "aggregate type": aggregate_type,
        "aggregate id": aggregate_id,
        "correlation id": get("correlationid") or get("correlation_id", ""),
        "causation id": get("causationid") or get("causation_id", ""),
        "sequence": get("sequence", ""),
    }
    if problem := text_problem(parts):
        raise Misfit(problem)
    time, notes = time_or_stand_in(get("time", ""), message)
    return Event(
        message=message,
        id=parts["id"],
        time=time,
        data=data,
        type=parts["type"],
        source=attributes["source"],
        subject=get("subject", ""),
        content_type=content_type,
        aggregate_type=aggregate_type,
        aggregate_id=aggregate_id,
        correlation_id=parts["correlation id"],
        causation_id=parts["causation id"],
        sequence=parts["sequence"],
        attributes=attributes,
        notes=notes,
    )
