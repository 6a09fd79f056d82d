"""Types of Kafka Connect that Avro knows only as records, told by the ``connect.name`` that its Avro converter writes."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from eventstore.schemas.logical import MOST_PLACES, costed, scaled_text

VARIABLE_SCALE_DECIMAL = "io.debezium.data.VariableScaleDecimal"
_FIELDS = {"scale": "int", "value": "bytes"}

Part = Callable[[Any], Any]


def connect_type(schema: Mapping[str, Any], record: Part) -> Part:
    """Return a decoder of what the record stands for, on top of the record's own; that itself for any other record.

    Debezium's decimals whose scale differs from row to row become texts, as decimals with a fixed scale do.
    """
    if schema.get("connect.name") != VARIABLE_SCALE_DECIMAL or _fields(schema) != _FIELDS:
        return record

    def decimal(given: Any) -> Any:
        parts = record(given)
        if abs(parts["scale"]) > MOST_PLACES:
            return parts
        return costed(given, scaled_text(base64.b64decode(parts["value"]), parts["scale"]))

    return decimal


def _fields(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {field["name"]: field["type"] for field in schema["fields"]}
