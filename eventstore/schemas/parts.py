"""The parts of a pair as values: a text that holds JSON becomes that JSON, bytes that are text become that text."""

import base64
import re
from collections.abc import Callable
from typing import Any

import msgspec

from eventstore.schemas.decode_budget import MOST_PAYLOAD, DecodeError, Read
from eventstore.schemas.logical import bytes_as_text

BINARY = "base64:"
"""Begins a key that is not text, so that it is never taken for the key that is written like its base64."""

ReadKey = Callable[[str], str]
"""Returns the key that a message's key stands for. Raises ``DecodeError``."""

_JSON = msgspec.json.Decoder(msgspec.Raw)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def check_json(data: bytes) -> None:
    try:
        _JSON.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("it is not JSON") from error


def check_text(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("it is not UTF-8") from error


def json_value(data: bytes) -> Any:
    check_json(data)
    return msgspec.Raw(data)


def text_value(data: bytes) -> Any:
    """Return the text, or the JSON object or list that it holds. A text that is a number or a word stays a text."""
    check_text(data)
    return _structure(data) or data.decode()


def bytes_value(data: bytes) -> Any:
    """Do as ``text_value`` for bytes that are text without control characters. Other bytes become base64."""
    text = _plain_text(data)
    return bytes_as_text(data) if text is None else _structure(data) or text


def key_reader(read: Read) -> ReadKey:
    """Return how to read the key of a message whose pair is separated, by the key's own schema.

    Java's client, and whatever is built on it, writes the encoded key as base64; the C++ client writes it as it is. So a key
    that is not base64, or does not fit its schema when it is taken for base64, is read as it stands.
    """

    def read_key(key: str) -> str:
        if len(key) > MOST_PAYLOAD:
            raise DecodeError("it is larger than 1 MB")
        try:
            return _as_key(read(base64.b64decode(key, validate=True)))
        except ValueError as error:  # no base64, a DecodeError, or half of a surrogate pair in a JSON text
            try:
                return _as_key(read(key.encode()))
            except ValueError:
                raise (error if isinstance(error, DecodeError) else DecodeError("it is not base64")) from error

    return read_key


def key_text_value(data: bytes) -> str:
    check_text(data)
    return data.decode()


def key_bytes_value(data: bytes) -> str:
    """Return bytes as a key: their text, or base64 behind ``BINARY``. No two keys become the same."""
    text = _plain_text(data)
    return f"{BINARY}{bytes_as_text(data)}" if text is None or text.startswith(BINARY) else text


def _as_key(value: Any) -> str:
    """Return the value as one text: a text as it is, and anything else as its JSON (``{"id":1001}``)."""
    if isinstance(value, str):
        return value
    written = msgspec.json.encode(value)
    try:
        return msgspec.json.decode(written, type=str) if written.lstrip().startswith(b'"') else written.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError("it is not valid Unicode") from error


def _structure(data: bytes) -> msgspec.Raw | None:
    if not data.lstrip(b" \t\r\n").startswith((b"{", b"[")):
        return None
    try:
        check_json(data)
    except DecodeError:
        return None
    return msgspec.Raw(data)


def _plain_text(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text
