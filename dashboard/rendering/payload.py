"""A payload for people: JSON indented and coloured, text as text, other bytes in hexadecimal. The length is always bounded.

JSON is never parsed and written again, so numbers keep their digits and objects their duplicate keys.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Never

import msgspec
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.privacy import MASKED, AccessProfile, Partial, can_see, origin_of, visible_payload, with_places
from dashboard.privacy.payload_standing import EXPLAINED, MARKS, TOMBSTONE, standing_for
from dashboard.rendering.tags import value_tag
from dashboard.rendering.text import is_printable_text, visible
from eventstore.config import PayloadStanding
from eventstore.model import NOT_THE_MESSAGE, Event, SchemaUse, reported

MOST_BYTES = 1_000_000
"""The most that a page shows of a payload, whatever the request says. The rest can be downloaded."""
HEX_BYTES = 2_048
MOST_COLOURED = 200_000
"""Characters of JSON that are coloured. A million coloured tokens slow a browser down."""
DEEPEST = 40
"""Levels that are indented. Deeper ones continue on the same line, so that depth cannot multiply the length."""

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
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_OPENING, _CLOSING = ("{", "["), ("}", "]")
_CSS = {"key": "j-key", "text": "j-text", "number": "j-number", "word": "j-word", "other": "j-wrong"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """A payload as HTML.

    ``kind`` is ``hidden``, ``masked`` (JSON of which a part is hidden), ``empty``, ``encrypted``, ``json``, ``text``, or
    ``binary``. ``html`` shows the first ``shown`` of ``size`` bytes. If ``converted``, these are bytes of the JSON that the
    schema made of the payload.
    """

    kind: str
    size: int = 0
    shown: int = 0
    html: SafeString | str = ""
    note: str = ""
    converted: bool = False
    standing: PayloadStanding = PayloadStanding.THERE

    @property
    def mark(self) -> str:
        """How it stands, in a word or two; empty if it is simply there."""
        return MARKS[self.standing]

    @property
    def cut(self) -> bool:
        return self.shown < self.size

    @property
    def more_on_page(self) -> bool:
        """Whether the page could show more of it."""
        return self.kind != "binary" and self.cut and self.shown < MOST_BYTES


PARTLY = "Masked for your role. “…” stands for fields that are hidden with their names, if there are any."
_PLACE = f"masked-{secrets.token_hex(8)}"
"""Stands for a hidden value until the text is HTML. No payload can hold it."""
HIDDEN = Payload(kind="hidden", note="Your role sees ids, types and times, but no payloads.")


def payload_of_event(event: Event, profile: AccessProfile, limit: int) -> Payload:
    """Show the event's data as ``payload_of`` does, and say if it is absent, encrypted, or written with a schema, and why.

    That there is none, or none that anybody here could read, is told to those as well who may not see payloads.
    """
    standing = standing_for(event, profile)
    why = TOMBSTONE if event.message.null else EXPLAINED.get(standing, "")
    if not profile.sees_values and not can_see("data", profile, origin := origin_of(event)):
        masked = _masked(visible_payload(event, profile, origin), limit)
        return replace(masked, note=f"{masked.note} {why}".strip(), standing=standing)
    if event.message.null:
        return Payload(kind="empty", note=TOMBSTONE, standing=standing)
    if event.message.encrypted:
        return replace(_encrypted(event, standing), standing=standing)
    return replace(_readable(event, limit, why), standing=standing)


def _encrypted(event: Event, standing: PayloadStanding) -> Payload:
    message = event.message
    batch = f" It is a whole batch of {message.encrypted_batch} messages." if message.encrypted_batch else ""
    note = "Encrypted by its publisher, and Eventdesk has no key: its payload cannot be shown."
    key = EXPLAINED[standing] if standing is PayloadStanding.SHREDDED else "Whether there still is a key is not known here."
    return Payload(kind="encrypted", size=len(message.payload), note=f"{note} {key}{batch}")


def _readable(event: Event, limit: int, why: str) -> Payload:
    """What can be read of the payload. ``why`` says how it stands, if there is something to say."""
    payload = _payload_of(event, limit)
    if event.schema is None and event.recoded is None:
        return replace(payload, note=why if not event.data else " ".join(filter(None, [why, payload.note])))
    schema = _schema_note(event.schema) if event.schema else ""
    recoded = event.recoded.words if event.recoded else ""
    converted = event.schema is not None and event.schema.converted and bool(event.data)
    return replace(payload, note=" ".join(filter(None, [why, schema, recoded, payload.note])), converted=converted)


def _payload_of(event: Event, limit: int) -> Payload:
    """As ``payload_of``. What that fails on is shown in hexadecimal."""
    try:
        return payload_of(event.data, event.content_type, limit)
    except NOT_THE_MESSAGE:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever a payload does to its page, its bytes can be shown
        words = reported(error, event.position.where)
        note = f"Eventdesk cannot handle something in it ({words}): shown in hexadecimal."
        return replace(_binary(event.data, ""), note=note)


def _masked(shown: Any, limit: int) -> Payload:
    """What somebody sees of a payload, with a mark at each hidden place. Its length is that of what is shown."""
    if shown is MASKED:
        return HIDDEN
    data = json.dumps(with_places(shown, _PLACE), ensure_ascii=False).encode("utf-8", "replace")
    text = data[: min(limit, MOST_BYTES)].decode("utf-8", "ignore")
    return Payload(
        kind="masked",
        size=len(data),
        shown=min(limit, MOST_BYTES, len(data)),
        html=pretty(text, _with_marks),
        note=PARTLY,
    )


def _with_marks(kind: str, piece: str) -> str:
    """As ``_token_html``, with the marks of what is hidden, and of what stands in for a value."""
    if not piece.startswith(f'"{_PLACE}'):
        return _token_html(kind, piece)
    part = piece.removesuffix('"')[1 + len(_PLACE) :]
    return value_tag(Partial(part) if part else MASKED)


def _schema_note(schema: SchemaUse) -> str:
    if schema.problem:
        return f"Shown as it is: {schema.problem}."
    made = ", shown as JSON" if schema.converted else f": {schema.note}" if schema.note else ""
    version = f"schema version {schema.version}"
    used = f"{schema.kind}, {version}" if schema.kind else version
    return f"{used[:1].upper()}{used[1:]}{made}."


def payload_of(data: bytes, content_type: str, limit: int) -> Payload:
    """Show at most ``limit`` bytes of the payload, and never more than ``MOST_BYTES``, to somebody who may see all of it."""
    if not data:
        return Payload(kind="empty", note="This event has no payload.")
    limit = min(limit, MOST_BYTES)
    text = _decoded(data, limit)
    return _binary(data, content_type) if text is None else _textual(data, text, content_type, min(limit, len(data)))


def _textual(data: bytes, text: str, content_type: str, shown: int) -> Payload:
    """``text`` holds the first ``shown`` bytes of ``data``."""
    declared = _declares_json(content_type)
    valid, note = False, "Shown as text: it is not JSON."
    if declared or not content_type or text.lstrip(" \t\r\n")[:1] in ("{", "["):
        valid, remark = _check_json(data)
        note = remark if valid or declared else note
    html = pretty(text) if valid else format_html("{}", visible(text))
    return Payload(kind="json" if valid else "text", size=len(data), shown=shown, html=html, note=note)


def pretty(text: str, tag: Callable[[str, str], str] | None = None) -> SafeString:
    """Indent JSON, which may be cut off anywhere, and colour it unless it is very long. Time and length grow linearly."""
    coloured = len(text) <= MOST_COLOURED
    pieces = ((tag or _token_html)(kind if coloured else "", piece) for kind, piece in _indented(text))
    return mark_safe("".join(pieces))  # noqa: S308 - each piece is escaped; calling format_html for each would take seconds


def _token_html(kind: str, piece: str) -> str:
    name = _CSS.get(kind)
    return f'<span class="{name}">{escape(piece)}</span>' if name else escape(piece)


def hex_lines(data: bytes) -> str:
    """Sixteen bytes a line: the offset, the bytes in hexadecimal, and the printable ASCII characters."""
    lines = []
    for offset in range(0, len(data), 16):
        row = data[offset : offset + 16]
        characters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        lines.append(f"{offset:08x}  {row.hex(' '):<47}  {characters}")
    return "\n".join(lines)


def _indented(text: str) -> Iterator[tuple[str, str]]:
    """Pieces with their kinds. All the punctuation and white space between two values is one piece without a kind."""
    depth, between, just_opened = 0, "", False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        piece = match[kind]
        closes = piece in _CLOSING
        depth -= closes and depth > 0
        if closes != just_opened:  # an empty object or list stays on one line
            between += _new_line(depth, inner=depth + closes)
        just_opened = piece in _OPENING
        depth += just_opened
        if kind == "mark":
            between += piece + _after_mark(piece, depth)
            continue
        if between:
            yield "", between
        between = ""
        yield kind, _visible_token(piece)
    if between:
        yield "", between


def _after_mark(mark: str, depth: int) -> str:
    return " " if mark == ":" else _new_line(depth, inner=depth) if mark == "," else ""


def _new_line(depth: int, *, inner: int) -> str:
    """A new line indented to this depth. Empty if the values around it (at depth ``inner``) are too deep to be indented."""
    return "" if inner > DEEPEST else "\n" + "  " * depth


def _visible_token(token: str) -> str:
    """The token, with JSON escapes for characters that are invisible or change the writing direction."""
    return token if token.isprintable() else visible(_BIDI.sub(_escape, token))


def _escape(match: "re.Match[str]") -> str:
    return f"\\u{ord(match[0]):04x}"


def _binary(data: bytes, content_type: str) -> Payload:
    note = "These bytes are not text: shown in hexadecimal."
    if _declares_json(content_type):
        note = "It is declared as JSON, but these bytes are not text: shown in hexadecimal."
    first = data[:HEX_BYTES]
    return Payload(kind="binary", size=len(data), shown=len(first), html=format_html("{}", hex_lines(first)), note=note)


def _decoded(data: bytes, limit: int) -> str | None:
    """The first ``limit`` bytes as text, without a character that the limit cuts in half. ``None`` if they are not text."""
    piece = data[:limit]
    try:
        text = piece.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_in_half = len(data) > limit and error.start >= len(piece) - 3
        if not cut_in_half:
            return None
        text = piece[: error.start].decode("utf-8")
    return text if is_printable_text(text) else None


def _declares_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media.endswith(("/json", "+json"))


def _check_json(data: bytes) -> tuple[bool, str]:
    """Whether this is JSON, and a remark with only the place of an error: the parser's own message may quote the payload."""
    try:
        msgspec.json.decode(data)
    except RecursionError:
        return True, "Nested too deeply to be checked; shown as it is written."
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if _is_json_with_large_numbers(data):
            return True, ""
        place = re.search(r"byte \d+", str(error))
        return False, f"This is not valid JSON{f' (at {place[0]})' if place else ''}: shown as text."
    return True, ""


def _is_json_with_large_numbers(data: bytes) -> bool:
    """Whether this is JSON with numbers that exceed what the fast parser can hold."""
    try:
        json.loads(data, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(word: str) -> Never:
    raise ValueError(word)
