"""Take one CloudEvents JSON document (JSON event format, version 1.0) apart into attributes and data."""

import base64
import binascii
import re

import msgspec

from eventstore.envelope.parts import Misfit

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)

_KNOWN = frozenset({
    "id", "source", "type", "specversion", "subject", "time", "datacontenttype", "dataschema",
    "aggregatetype", "aggregateid", "sequence", "correlationid", "correlation_id", "causationid",
})  # fmt: skip
"""Attribute names that an error may mention. Any other name may be part of a payload."""
BOM = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8, which RFC 8259 lets readers of JSON ignore."""
MOST_MEMBERS = 10_000
"""Members that a batch may have to be taken apart."""
MOST_BATCH_BYTES = 16 * 1024 * 1024
"""Largest batch, in bytes, that is taken apart. A broker takes messages of 5 MB, unless they come in pieces."""
MOST_COMMAS = 1_000_000
"""Each member costs 64 bytes of memory before they can be counted, and a list of digits has one for every 2 bytes."""
DEEP_LIMIT = 1_000_000
"""Largest document, in bytes, that is scanned slowly if the parser cannot take it."""

_DEEP_TOKEN = re.compile(rb'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++)', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_CLOSES = {b"]": b"[", b"}": b"{"}


def split_document(document: bytes) -> tuple[dict[str, str], bytes, str]:
    """Return the attributes as canonical strings, the data byte for byte, and the data's content type.

    Raises ``Misfit`` if the document is not a JSON object, or an attribute is not a simple value. Required attributes are not
    checked here. ``data_base64`` is decoded. A JSON string whose content type is not JSON becomes the UTF-8 of its text.
    """
    members = _members(document.removeprefix(BOM))
    plain = members.pop("data", None)
    encoded = members.pop("data_base64", None)
    attributes = {name: text for name, raw in members.items() if (text := _canonical(name, raw)) is not None}
    content_type = attributes.get("datacontenttype", "")
    if plain is not None and encoded is not None:
        raise Misfit("it has both data and data_base64, where CloudEvents allows one")
    if encoded is not None:
        return attributes, _decoded(encoded), content_type
    if plain is None:
        return attributes, b"", content_type
    return attributes, _data(bytes(plain), content_type), content_type or "application/json"


def batch_members(document: bytes) -> list[msgspec.Raw]:
    """Return the members of a JSON batch (a list of CloudEvents) as they are written. Raises ``Misfit`` if it is no list,
    or exceeds one of the bounds.

    A member may be anything that is JSON.
    """
    if len(document) > MOST_BATCH_BYTES:
        raise Misfit(f"it has more than {MOST_BATCH_BYTES:,} bytes")
    if document.count(b",") > MOST_COMMAS:
        raise Misfit(f"it has more than {MOST_COMMAS:,} commas, so that taking it apart could need too much memory")
    try:
        members = _LIST.decode(document.removeprefix(BOM))
    except msgspec.ValidationError as error:
        raise Misfit("it is not a JSON list") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Misfit(f"it is not valid JSON{_place(error)}") from error
    except RecursionError as error:
        raise Misfit("its JSON is nested too deeply to be read") from error
    if len(members) > MOST_MEMBERS:
        raise Misfit(f"it has {len(members):,} members, more than {MOST_MEMBERS:,}")
    return members


def is_json_type(content_type: str) -> bool:
    """Return whether data of this type is JSON. Without a type, CloudEvents' JSON format says that it is."""
    media = content_type.partition(";")[0].strip().lower()
    return not media or media.endswith(("/json", "+json"))


def _members(document: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _MEMBERS.decode(document)
    except msgspec.ValidationError as error:
        raise Misfit("it is not a JSON object") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if _is_json_but_for_surrogates(document):
            return _scanned_members(document)
        raise Misfit(f"it is not valid JSON{_place(error)}") from error
    except RecursionError:
        return _scanned_members(document)


def _is_json_but_for_surrogates(document: bytes) -> bool:
    r"""Return whether unpaired surrogates (``\ud800``) are the parser's only objection: JSON's grammar allows them in data."""
    if len(document) > DEEP_LIMIT:
        return False
    mended, count = _ESCAPE.subn(lambda found: rb"\ufffd" if found[1] else found[0], document)
    if not count or mended == document:
        return False
    try:
        _MEMBERS.decode(mended)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    except RecursionError:
        return True
    return True


def _place(error: Exception) -> str:
    """Return only the place from the parser's error. The rest may quote the document."""
    place = re.search(r"byte \d+", str(error))
    return f" (at {place[0]})" if place else ""


def _canonical(name: str, raw: msgspec.Raw) -> str | None:
    """Return an attribute's value as CloudEvents' canonical string; ``None`` for null, which means that it is not set."""
    text = bytes(raw)
    if text[:1] in (b"{", b"["):
        shown = f"the attribute {name}" if name in _KNOWN else "an extension attribute"
        raise Misfit(f"{shown} is an object or a list, where CloudEvents has simple values")
    if text[:1] != b'"':
        return None if text == b"null" else text.decode("ascii", "replace")
    return _string(text)


def _string(text: bytes) -> str:
    try:
        return _TEXT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Misfit("one of its texts is not valid Unicode") from error


def _decoded(raw: msgspec.Raw) -> bytes:
    text = bytes(raw)
    if text[:1] != b'"':
        raise Misfit("its data_base64 is not text")
    try:
        return base64.b64decode(_string(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Misfit("its data_base64 is not base64") from error


def _data(raw: bytes, content_type: str) -> bytes:
    if raw[:1] != b'"' or is_json_type(content_type):
        return raw
    try:
        return _string(raw).encode()
    except Misfit:
        return raw  # keep the bytes: the event around them is sound


def _scanned_members(document: bytes) -> dict[str, msgspec.Raw]:
    """Find the members of a document that the parser cannot take, mostly because it is nested too deeply, by counting
    brackets.

    How deep the parser goes depends on how deep Python's own stack is at the moment, so such a document must not be refused.
    Inside the members only brackets are checked: the rest is data, and kept as it is.
    """
    if len(document) > DEEP_LIMIT:
        raise Misfit("its JSON is nested too deeply to be read")
    members: dict[str, msgspec.Raw] = {}
    tokens = _Tokens(document)
    tokens.expect(b"{")
    while True:
        name = tokens.next()
        if not name.startswith(b'"'):
            raise Misfit("it is not valid JSON")
        tokens.expect(b":")
        members[_string(name)] = msgspec.Raw(tokens.value())
        end = tokens.next()
        if end == b"}":
            return members
        if end != b",":
            raise Misfit("it is not valid JSON")


class _Tokens:
    """The strings, brackets and words of a JSON text, one after the other."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.place = 0

    def next(self) -> bytes:
        found = _DEEP_TOKEN.match(self.document, self.place)
        if not found:
            raise Misfit("it is not valid JSON")
        self.place = found.end()
        return found[1]

    def expect(self, token: bytes) -> None:
        if self.next() != token:
            raise Misfit("it is not valid JSON")

    def value(self) -> bytes:
        """Return the next whole value as it is written."""
        opened: list[bytes] = []
        token = self.next()
        start = self.place - len(token)
        while True:
            if token in (b"[", b"{"):
                opened.append(token)
            elif token in _CLOSES and (not opened or opened.pop() != _CLOSES[token]):
                raise Misfit("it is not valid JSON")
            if not opened:
                return self.document[start : self.place]
            token = self.next()
