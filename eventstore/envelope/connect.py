"""Keys, headers and values as Kafka Connect's ``JsonConverter`` writes them: JSON, with or without its schema around it.

With ``schemas.enable=true``, the converter's default, every value is ``{"schema": …, "payload": value}`` (Apache Kafka 3.9,
``connect/json``). Debezium's keys are structs of the primary key's columns: ``{"id": 1001}`` within that.
"""

from typing import Any

import msgspec

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_WRAPPED = frozenset({"schema", "payload"})
_MOST = 1_000_000
"""Characters of a key or header that are looked into."""


def key_text(key: str) -> str:
    """Return what a key with its schema says: ``7`` for ``{"schema": …, "payload": {"id": 7}}``. Any other key stays."""
    if not key.startswith("{") or '"schema"' not in key[:200]:
        return key
    members = _members(key)
    return _plain(bytes(members["payload"]).decode()) if members.keys() == _WRAPPED else key


def plain_text(text: str) -> str:
    """Return what a key or header says, however much JSON is around it: a text without its quotation marks, the value of a
    struct with a single column, and the JSON of one with several.
    """
    members = _members(text)
    return _plain(bytes(members["payload"]).decode() if members.keys() == _WRAPPED else text)


def plain_document(document: Any) -> Any:
    """Return the value of a parsed JSON document that has its schema around it; any other document as it is."""
    return document["payload"] if isinstance(document, dict) and document.keys() == _WRAPPED else document


def _plain(text: str) -> str:
    members = _members(text)
    if len(members) == 1:
        (only,) = members.values()
        text = bytes(only).decode()
    if text.startswith('"'):
        try:
            return _TEXT.decode(text)
        except (msgspec.DecodeError, UnicodeError):
            return text
    return "" if text == "null" else text


def _members(text: str) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object as they are written; none if the text is no object."""
    if not text.startswith("{") or len(text) > _MOST:
        return {}
    try:
        return _MEMBERS.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
