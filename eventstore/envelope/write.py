"""Write events as messages: CloudEvents in binary mode, with each attribute as a ``ce_`` property and only the data
as payload.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from eventstore.envelope.cloudevents import PREFIX
from eventstore.envelope.documents import split_document
from eventstore.envelope.parts import Misfit, required_problem, text_problem
from eventstore.envelope.times import read_time
from eventstore.model.errors import InvalidMessage
from eventstore.model.events import NewMessage

_CHECKED = {
    "id": "id",
    "type": "type",
    "aggregatetype": "aggregate type",
    "aggregateid": "aggregate id",
    "correlationid": "correlation id",
    "correlation_id": "correlation id",
    "causationid": "causation id",
    "causation_id": "causation id",
    "sequence": "sequence",
}
_NO_AGGREGATE = "it has neither aggregateid nor subject, so that it would belong to no aggregate"


def to_message(attributes: Mapping[str, str], data: bytes) -> NewMessage:
    """Make the message of an event with these attributes (names without ``ce_``) and this data.

    The key is ``aggregateid``, or else ``subject``. Reading the message returns every attribute unchanged. Raises
    ``InvalidMessage`` if reading it back would find that it fits no envelope.
    """
    texts = {shown: attributes[name] for name, shown in _CHECKED.items() if attributes.get(name)}
    if problem := required_problem(attributes) or text_problem(texts):
        raise InvalidMessage(f"This is not a CloudEvent that can be stored: {problem}.")
    key = attributes.get("aggregateid") or attributes.get("subject") or ""
    if problem := text_problem({"key": key}) if key else _NO_AGGREGATE:
        raise InvalidMessage(f"This is not a CloudEvent that can be stored: {problem}.")
    return NewMessage(
        payload=data,
        key=key,
        properties={PREFIX + name: value for name, value in attributes.items()},
        event_time=read_time(attributes.get("time", ""))[0],
    )


def document_to_message(document: bytes) -> NewMessage:
    """Make the message of one event in CloudEvents JSON. Raises ``InvalidMessage`` that says what is wrong with the
    document.
    """
    try:
        attributes, data, _ = split_document(document)
    except Misfit as misfit:
        raise InvalidMessage(f"This is not a CloudEvent that can be stored: {misfit}.") from misfit
    return to_message(attributes, data)


def event_to_message(event: Mapping[str, Any]) -> NewMessage:
    """Do as ``document_to_message``, for a document that is already a dictionary."""
    return document_to_message(msgspec.json.encode(event))
