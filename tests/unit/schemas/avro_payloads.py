"""Avro payloads as the reference implementation writes them."""

import io
import json
from typing import Any

import fastavro

from eventstore.schemas.avro import avro_reader


def written(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def read(schema: Any, data: bytes) -> Any:
    return avro_reader(json.dumps(schema).encode())(data)


def record(*fields: tuple[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": name, "type": type} for name, type in fields]}
