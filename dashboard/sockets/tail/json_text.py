"""JSON as text, for messages to clients."""

import json
from collections.abc import Mapping, Sequence

import msgspec


def json_text(value: str | int | Sequence[str] | Mapping[str, str] | None) -> str:
    """The value as JSON. Half of a surrogate pair, which UTF-8 cannot encode, becomes an escape."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(value)
