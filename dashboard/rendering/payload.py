"""A payload as a person reads it: JSON pretty and coloured with its own spelling, text, bytes in hex; always bounded.

Nothing is parsed into values and written again: numbers keep their digits and objects their doubled keys.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Never

import msgspec
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.privacy.masking import AccessProfile, sees
from dashboard.rendering import text as words
from eventstore.model import Event, SchemaUse

MOST_BYTES = 1_000_000
"""However much is asked for, a page shows no more of a payload than this; the rest is a download."""
HEX_BYTES = 2_048
MOST_COLOURED = 200_000
"""Characters that are coloured: a browser slows down under a million marked tokens."""
DEEPEST = 40
"""Levels that are indented; deeper ones go on in the same line, so that depth cannot multiply the length."""

_TOKEN = re.compile(
    r"""[ \t\r\n]*+(?:
        (?P<key>"(?:[^"\\]++|\\.)*+"(?=[ \t\r\n]*+:))
      | (?P<text>"(?:[^"\\]++|\\.)*+"?)
      | (?P<number>-?[0-9][0-9.eE+-]*+)
      | (?P<word>true|false|null)
      | (?P<mark>[{}\[\],:])
      | (?P<other>[^ \t\r\n])
    )""",
    re.VERBOSE | re.DOTALL,
)
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_OPENING, _CLOSING = ("{", "["), ("}", "]")
_CSS = {"key": "j-key", "text": "j-text", "number": "j-number", "word": "j-word", "other": "j-wrong"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """``kind``: ``hidden``, ``empty``, ``encrypted``, ``json``, ``text`` or ``binary``. ``shown`` of ``size`` bytes are in
    ``html``; where ``converted``, these are the bytes of the JSON that was made of the payload by its schema."""

    kind: str
    size: int = 0
    shown: int = 0
    html: SafeString | str = ""
    note: str = ""
    converted: bool = False

    @property
    def cut(self) -> bool:
        return self.shown < self.size

    @property
    def more_on_page(self) -> bool:
        """Whether the page can show more than this."""
        return self.kind != "binary" and self.cut and self.shown < MOST_BYTES


HIDDEN = Payload(kind="hidden", note="Your role sees ids, types and times, but no payloads.")


def payload_of_event(event: Event, viewer: AccessProfile, limit: int) -> Payload:
    """As ``payload_of`` the event's data, with what its message says of it: absent, encrypted, or written with a schema."""
    if not sees("data", viewer):
        return HIDDEN
    message = event.message
    if message.null:
        return Payload(kind="empty", note="This message has no payload at all (a tombstone: what its key meant is deleted).")
    if message.encrypted:
        held = f" It is a whole batch of {message.encrypted_batch} messages." if message.encrypted_batch else ""
        note = f"Encrypted by its publisher: its payload cannot be shown.{held}"
        return Payload(kind="encrypted", size=len(message.payload), note=note)
    found = payload_of(event.data, event.content_type, viewer, limit)
    if event.schema is None:
        return found
    converted = event.schema.converted and bool(event.data)
    return replace(found, note=" ".join(filter(None, [_schema_note(event.schema), found.note])), converted=converted)


def _schema_note(schema: SchemaUse) -> str:
    if schema.problem:
        return f"Shown as it is: {schema.problem}."
    made = ", shown as JSON" if schema.converted else f": {schema.note}" if schema.note else ""
    kind = schema.kind[:1].upper() + schema.kind[1:]
    return f"{kind}, schema version {schema.version}{made}."


def payload_of(data: bytes, content_type: str, viewer: AccessProfile, limit: int) -> Payload:
    """At most ``limit`` bytes of the payload (never more than ``MOST_BYTES``), as this viewer may see it."""
    if not sees("data", viewer):
        return HIDDEN
    if not data:
        return Payload(kind="empty", note="This event has no payload.")
    limit = min(limit, MOST_BYTES)
    text = _decoded(data, limit)
    return _binary(data, content_type) if text is None else _textual(data, text, content_type, min(limit, len(data)))


def _textual(data: bytes, text: str, content_type: str, shown: int) -> Payload:
    """``text``: the first ``shown`` bytes of the payload."""
    declared = _declares_json(content_type)
    sound, note = False, "Shown as text: it is no JSON."
    if declared or not content_type or text.lstrip(" \t\r\n")[:1] in ("{", "["):
        sound, why_not = _soundness(data)
        note = why_not if sound or declared else note
    html = pretty(text) if sound else format_html("{}", words.visible(text))
    return Payload(kind="json" if sound else "text", size=len(data), shown=shown, html=html, note=note)


def pretty(text: str) -> SafeString:
    """JSON, whole or cut anywhere, as indented lines, coloured unless it is very long; linear in time and length."""
    coloured = len(text) <= MOST_COLOURED
    pieces = (_written(kind if coloured else "", piece) for kind, piece in _laid_out(text))
    return mark_safe("".join(pieces))  # noqa: S308 - each piece was escaped; format_html for each would take seconds


def _written(kind: str, piece: str) -> str:
    name = _CSS.get(kind)
    return f'<span class="{name}">{escape(piece)}</span>' if name else escape(piece)


def hex_lines(data: bytes) -> str:
    """Sixteen bytes a line: offset, hexadecimal, and the characters where they are ASCII."""
    lines = []
    for offset in range(0, len(data), 16):
        row = data[offset : offset + 16]
        characters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        lines.append(f"{offset:08x}  {row.hex(' '):<47}  {characters}")
    return "\n".join(lines)


def _laid_out(text: str) -> Iterator[tuple[str, str]]:
    """Pieces with their kinds; all the punctuation and white space between two values is one piece."""
    depth, between, just_opened = 0, "", False
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "other"
        piece = found[kind]
        closes = piece in _CLOSING
        depth -= closes and depth > 0
        if closes != just_opened:  # an empty object or list stays in one line
            between += _line(depth, inner=depth + closes)
        just_opened = piece in _OPENING
        depth += just_opened
        if kind == "mark":
            between += piece + _behind(piece, depth)
            continue
        if between:
            yield "", between
        between = ""
        yield kind, _shown(piece)
    if between:
        yield "", between


def _behind(mark: str, depth: int) -> str:
    return " " if mark == ":" else _line(depth, inner=depth) if mark == "," else ""


def _line(depth: int, *, inner: int) -> str:
    """A new line at this depth; none where the values that it parts (``inner``) are too deep to be indented."""
    return "" if inner > DEEPEST else "\n" + "  " * depth


def _shown(token: str) -> str:
    """The token as it is, but for signs that would turn the line around or cannot be seen: those as JSON escapes."""
    return token if token.isprintable() else words.visible(_TURNING.sub(_escape, token))


def _escape(found: "re.Match[str]") -> str:
    return f"\\u{ord(found[0]):04x}"


def _binary(data: bytes, content_type: str) -> Payload:
    note = "These bytes are no text: shown in hexadecimal."
    if _declares_json(content_type):
        note = "It is declared as JSON, but these bytes are no text: shown in hexadecimal."
    first = data[:HEX_BYTES]
    return Payload(kind="binary", size=len(data), shown=len(first), html=format_html("{}", hex_lines(first)), note=note)


def _decoded(data: bytes, limit: int) -> str | None:
    """The first ``limit`` bytes as text, a character cut in half left out; ``None`` where these bytes are no text."""
    piece = data[:limit]
    try:
        text = piece.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_in_half = len(data) > limit and error.start >= len(piece) - 3
        if not cut_in_half:
            return None
        text = piece[: error.start].decode("utf-8")
    return text if words.is_printable_text(text) else None


def _declares_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media.endswith(("/json", "+json"))


def _soundness(data: bytes) -> tuple[bool, str]:
    """Whether this is JSON, and what to say about it: of the parser's words only the place, since the rest may quote it."""
    try:
        msgspec.json.decode(data)
    except RecursionError:
        return True, "Nested too deeply to be checked; shown as it is written."
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if _sound_but_large(data):
            return True, ""
        place = re.search(r"byte \d+", str(error))
        return False, f"This is not valid JSON{f' (at {place[0]})' if place else ''}: shown as text."
    return True, ""


def _sound_but_large(data: bytes) -> bool:
    """JSON whose numbers are beyond what the quick parser holds is JSON all the same."""
    try:
        json.loads(data, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(word: str) -> Never:
    raise ValueError(word)
