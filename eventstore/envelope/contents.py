"""Payloads as texts: unpacked from gzip, decoded by the charset that their content type names, without a byte order mark.

Everything that reads an event's data expects UTF-8. Other forms become that here, with a word on what was done. All of it is
bounded: whoever can publish can declare anything.
"""

import re
import zlib

from eventstore.envelope.documents import BOM
from eventstore.envelope.spellings import unquoted
from eventstore.model.events import Message, Recoded

MOST_UNPACKED = 1_000_000
"""Bytes that are unpacked of one payload."""
MOST_TIMES = 30
"""A payload is unpacked to at most so many times its size. JSON shrinks to a tenth, seldom to a thirtieth; a bomb shrinks to a
thousandth, and an indexer holds 16 MB of payloads at a time.
"""
ALWAYS_UNPACKED = 16_384
"""Bytes that are unpacked of a payload however small it is."""
MOST_MEMBERS = 100
"""Files that a gzip payload may consist of."""
MOST_DECODED = 1_000_000
"""Largest payload, in bytes, that is decoded from another charset than UTF-8."""

_GZIP = b"\x1f\x8b"
SIGNS = frozenset({b"\x1f", b"\xef", b"\xff", b"\xfe", b"\0"})
"""First bytes of gzip and of byte order marks."""
_is_encoding = re.compile(r"(?:ce[_-]|cloudevents[_:])?content[-_]?encoding", re.IGNORECASE).fullmatch
_charset = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_is_known = re.compile(
    r"utf-?8|utf-?(?:16|32)(?:-?[lb]e)?|(?:us-)?ascii|iso-?8859-?\d{1,2}|latin-?\d{1,2}|(?:windows-?|cp)\d{3,4}|koi8-[rtu]"
    r"|shift[-_]?jis|euc-?(?:jp|kr)|iso-2022-(?:jp|kr)|gbk|gb2312|gb18030|big5|macintosh|mac[-_](?:roman|cyrillic|greek)",
    re.IGNORECASE,
).fullmatch
"""Charsets of texts. Python has other encodings that are none (``unicode_escape``) or slow for made-up input (``idna``)."""
_PLAIN = ("utf-8", "utf8", "us-ascii", "ascii")
_DAMAGED = "It is declared as gzip, but is cut off or damaged: shown as it is."
_MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_BIG_ENDIAN = {"utf-16": "utf-16-be", "utf16": "utf-16-be", "utf-32": "utf-32-be", "utf32": "utf-32-be"}
"""Without a byte order mark the network's order holds (RFC 2781)."""


def opened(message: Message, content_type: str) -> tuple[bytes, Recoded | None]:
    """Return the message's payload as it is to be read, and what was done to it; ``None`` for one that stays as it is."""
    data = message.payload
    if data[:1] not in SIGNS and ";" not in content_type:
        return data, None
    if message.encrypted or message.member is not None:  # a member is taken from what was opened
        return data, None
    if message.schema_version:  # its schema says what the bytes are
        return (data.removeprefix(BOM), Recoded(words="Its byte order mark is left out.")) if data[:3] == BOM else (data, None)
    words: list[str] = []
    cut = False
    if data[:2] == _GZIP and _declares_gzip(message):
        data, cut, said = _unpacked(data)
        words.append(said)
    data, said = _decoded(data, content_type)
    words += [said] if said else []
    return data, Recoded(words=" ".join(words), cut=cut) if words else None


def most_unpacked(size: int) -> int:
    """Return how many bytes a packed payload of this size may become at most."""
    return min(MOST_UNPACKED, max(ALWAYS_UNPACKED, MOST_TIMES * size))


def may_grow(message: Message) -> int:
    """Return how many bytes the payload's unpacked form may take; 0 if it is not packed."""
    return most_unpacked(len(message.payload)) if message.payload[:2] == _GZIP else 0


def _declares_gzip(message: Message) -> bool:
    said = (unquoted(value) for name, value in message.properties.items() if _is_encoding(name))
    return any(encoding.strip().lower() in ("gzip", "x-gzip") for encoding in said)


def _unpacked(data: bytes) -> tuple[bytes, bool, str]:
    """Return the unpacked bytes, whether they are cut, and what to say. Damaged data stays packed."""
    limit = most_unpacked(len(data))
    unpacked, packed, more = bytearray(), data, False
    try:
        for _ in range(MOST_MEMBERS):
            member = zlib.decompressobj(wbits=31)
            unpacked += member.decompress(packed, limit - len(unpacked) + 1)
            packed = member.unused_data
            more = len(unpacked) > limit or packed[:2] == _GZIP
            if not more and not member.eof:
                return data, False, _DAMAGED
            if len(unpacked) > limit or packed[:2] != _GZIP:
                break
    except zlib.error:
        return data, False, _DAMAGED
    if not more:
        return bytes(unpacked), False, f"Unpacked from gzip: {len(unpacked):,} bytes of {len(data):,}."
    said = f"Unpacked from gzip: the first {limit:,} bytes only, since it holds more than may be unpacked."
    return bytes(unpacked[:limit]), True, said


def _decoded(data: bytes, content_type: str) -> tuple[bytes, str]:
    """Return the text in UTF-8 without a byte order mark, and what to say; empty if nothing was done."""
    media = content_type.partition(";")[0].strip().lower()
    textual = not media or media.startswith("text/") or media.endswith(("json", "xml"))
    found = _charset.search(content_type) if ";" in content_type else None
    declared = found[1].lower() if found else ""
    if textual and data[:3] == BOM and declared in ("", *_PLAIN):
        return _without_mark(data)
    charset = declared or next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if not textual or not charset or charset in _PLAIN:
        return data, ""
    if not _is_known(charset):
        return data, "Its content type names a charset that is not known: shown as it is."
    if len(data) > MOST_DECODED:
        return data, f"It is in {charset}, and too long to be decoded: shown as it is."
    return _from_charset(data, charset, bool(declared or media))


def _without_mark(data: bytes) -> tuple[bytes, str]:
    try:
        data.decode()
    except UnicodeDecodeError:
        return data, ""
    return data.removeprefix(BOM), "Its byte order mark is left out."


def _from_charset(data: bytes, charset: str, sure: bool) -> tuple[bytes, str]:
    """Return the text of this charset in UTF-8. A guess that is not ``sure`` counts only if the text looks like JSON."""
    marked = any(data.startswith(mark) for mark, _ in _MARKS)
    codec = charset if marked else _BIG_ENDIAN.get(charset, charset)
    try:
        text = data.decode(codec).removeprefix("\ufeff")
        decoded = text.encode()
    except (UnicodeError, LookupError):
        return data, f"It should be in {charset}, which it is not: shown as it is." if sure else ""
    if not sure and text.lstrip()[:1] not in ("{", "["):
        return data, ""
    return decoded, f"Decoded from {charset}."
