"""An event as one line of a list: everything that it shows already masked for whoever looks, so that it renders without a
request, on a page and in a frame alike."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

import msgspec
from django.conf import settings
from jmespath.exceptions import JMESPathError

from dashboard.privacy.masking import MASKED, AccessProfile, Shown, sees, show
from dashboard.rendering import text
from dashboard.rendering.anomaly_text import AnomalyWords, of_kinds
from dashboard.rendering.event_row import event_row, event_rows
from dashboard.rendering.url_segments import address
from eventstore.config import Placeholder
from eventstore.model import Anomaly, Event, Pointer, Position
from eventstore.streams import Missing, Row

TONES, NO_TONE = 6, 3
STORY_PAYLOAD_LIMIT = 256_000
"""Bytes of a payload that is parsed for a story line; of a longer one only its type is said."""
LONGEST_VALUE = 80
LONGEST_KEPT = 200
"""Characters of a type whose words are kept."""
UNREADABLE = "Unreadable message"
NOT_SAID = "(not said)"
MOST_APART = timedelta(minutes=1)
MISSING_IN_WORDS = {
    Missing.NOTHING: "",
    Missing.AWAY: "payload not readable now",
    Missing.REFUSED: "payload refused by the store",
    Missing.TRIMMED: "payload gone",
    Missing.OTHER: "another event lies there now",
}
_NOTHING, _TOO_LONG, _UNREADABLE = object(), object(), object()


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLine:
    """``pieces`` are the story, text and masked marks in turn. ``at`` is the position, encoded.

    ``problem`` says why a message fits no envelope; ``payload_unreadable`` that its story wants values of a payload that
    cannot be parsed (said only to whoever sees payloads); ``missing`` why its payload could not be read from the store;
    ``encrypted`` that nobody here can read it, and ``misread`` that it does not fit its schema;
    ``unindexed`` that the index has not come so far. ``noticed`` are the kinds of what the index noticed about it, but for
    those that ``problem`` and ``misread`` say already. ``version`` is ``None`` for these and for copies in derived topics.
    """

    event_id: str
    id_is_position: bool
    url: str
    at: str
    topic: str
    partition: int
    label: str
    time: datetime
    published: datetime
    type: str
    tone: int
    pieces: Sequence[Shown]
    aggregate_type: str
    aggregate_id: str
    aggregate_url: str
    version: int | None
    key: Shown
    problem: str
    payload_unreadable: bool
    missing: Missing
    encrypted: bool
    misread: bool
    unindexed: bool
    derived: bool
    noticed: Sequence[AnomalyWords]

    @property
    def published_apart(self) -> bool:
        """Whether the event was published at another time than it happened: imported, or late."""
        return abs(self.published - self.time) > MOST_APART

    @property
    def missing_words(self) -> str:
        return MISSING_IN_WORDS[self.missing]


def event_line(row: Row, viewer: AccessProfile) -> EventLine:
    """The row as this viewer may see it."""
    event, pointer = row.event, row.pointer
    if event is None:
        assert pointer is not None
        return pointer_line(pointer, row.missing)
    aggregate = ("", "") if event.problem else (event.aggregate_type, event.aggregate_id)
    pieces, payload_unreadable = story(event, viewer)
    return EventLine(
        event_id=event.id,
        id_is_position=event.id_is_position,
        url=event_url(event.id, row.position),
        at=row.position.encode(),
        topic=row.position.topic,
        partition=row.position.partition,
        label=row.position.label,
        time=event.time,
        published=event.message.published,
        type=event.type,
        tone=tone_of(event.type),
        pieces=pieces,
        aggregate_type=aggregate[0],
        aggregate_id=aggregate[1],
        aggregate_url=aggregate_url(*aggregate),
        version=pointer.version if pointer else None,
        key=key_of(event, viewer),
        problem=event.problem,
        payload_unreadable=payload_unreadable,
        missing=Missing.NOTHING,
        encrypted=event.message.encrypted,
        misread=event.schema is not None and bool(event.schema.problem),
        unindexed=pointer is None,
        derived=pointer.derived if pointer else False,
        noticed=_noticed(pointer, misread=event.schema is not None and bool(event.schema.problem)),
    )


def pointer_line(pointer: Pointer, missing: Missing = Missing.NOTHING) -> EventLine:
    """An event as the index alone knows it: its type's own words, and no value. ``missing``: why, where it was asked for."""
    return EventLine(
        event_id=pointer.event_id,
        id_is_position=pointer.unreadable,
        url=event_url(pointer.event_id, pointer.position),
        at=pointer.position.encode(),
        topic=pointer.position.topic,
        partition=pointer.position.partition,
        label=pointer.position.label,
        time=pointer.time,
        published=pointer.published,
        type=pointer.type,
        tone=tone_of(pointer.type),
        pieces=(UNREADABLE if pointer.unreadable else words_of(pointer.type),),
        aggregate_type=pointer.aggregate_type,
        aggregate_id=pointer.aggregate_id,
        aggregate_url=aggregate_url(pointer.aggregate_type, pointer.aggregate_id),
        version=pointer.version,
        key="",
        problem="fits no envelope: open it to see why" if pointer.unreadable else "",
        payload_unreadable=False,
        missing=missing,
        encrypted=False,
        misread=False,
        unindexed=False,
        derived=pointer.derived,
        noticed=_noticed(pointer, misread=False),
    )


def render_line(line: EventLine) -> str:
    """The line as one ``<tr>``: pages show the same."""
    return event_row(line)


def render_lines(lines: Iterable[EventLine]) -> str:
    """The lines as ``<tr>`` in their order, for frames."""
    return event_rows(lines)


def event_url(event_id: str, position: Position) -> str:
    """The event's page, at this very position: an id may exist more than once, or not be indexed yet."""
    at = f"{quote_plus(position.token)}%40{position.partition}%40{_quoted(position.topic)}"
    return f"{address('event', event_id)}?at={at}"


_quoted = lru_cache(maxsize=256)(quote_plus)


def aggregate_url(type: str, id: str) -> str:
    return address("aggregate", type, id) if id else ""


def _noticed(pointer: Pointer | None, *, misread: bool) -> Sequence[AnomalyWords]:
    if pointer is None or not pointer.anomalies:
        return ()
    said = {Anomaly.UNREADABLE, Anomaly.SCHEMA} if misread else {Anomaly.UNREADABLE}
    return [found for found in of_kinds(pointer.anomalies) if found.kind not in said]


def tone_of(event_type: str) -> int:
    """Which of the dot's colours: the same for the same type, and nothing more than that. Grey where there is none."""
    return NO_TONE if not event_type else zlib.crc32(event_type.encode("utf-8", "surrogatepass")) % TONES


def words_of(event_type: str) -> str:
    """``words.of_type``, kept for the next event of the same type: no store has many."""
    return _kept_words(event_type) if len(event_type) <= LONGEST_KEPT else text.of_type(event_type)


_kept_words = lru_cache(maxsize=1024)(text.of_type)


def key_of(event: Event, viewer: AccessProfile) -> Shown:
    """The message's key: an id where it is the aggregate's, else a value like any other."""
    key = event.message.key
    is_id = not event.problem and key == event.aggregate_id
    return show(key, "aggregate_id" if is_id else "key", viewer) if key is not None else ""


def story(event: Event, viewer: AccessProfile) -> tuple[tuple[Shown, ...], bool]:
    """What happened, in plain words, and whether a payload that it needs cannot be parsed.

    The configured line for the type; the type's own words where there is none, or where its values cannot be looked up: a
    value that nobody could read is not one that was "not said".
    """
    if event.problem:
        return (UNREADABLE,), False
    own_words = (words_of(event.type),)
    parts = settings.EVENTDESK.story(event.type)
    if parts is None or event.message.encrypted:
        return own_words, False
    document = _document(event, viewer, parts)
    if document is _UNREADABLE or document is _TOO_LONG:
        return own_words, document is _UNREADABLE
    return tuple(part if isinstance(part, str) else _filled(part, event, document, viewer) for part in parts), False


def plain_story(pieces: Sequence[Shown]) -> str:
    """The story as bare text, for titles."""
    return "".join("…" if piece is MASKED else text.visible(str(piece)) for piece in pieces)


def _document(event: Event, viewer: AccessProfile, parts: Sequence[str | Placeholder]) -> object:
    """The payload, where a placeholder that this viewer sees looks into it."""
    wanted = any(isinstance(part, Placeholder) and part.expression and sees(part.path, viewer) for part in parts)
    if not wanted or not event.data:
        return _NOTHING
    if len(event.data) > STORY_PAYLOAD_LIMIT:
        return _TOO_LONG
    try:
        return msgspec.json.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _UNREADABLE


def _filled(part: Placeholder, event: Event, document: object, viewer: AccessProfile) -> Shown:
    if not sees(part.path, viewer):
        return MASKED  # before the look-up: not even whether there is a value may be seen
    value = _attribute(event, part.path) if part.expression is None else _found(part, document)
    shown = show(value, part.path, viewer)
    return text.shorten(shown, LONGEST_VALUE) or NOT_SAID if isinstance(shown, str) else shown


def _found(part: Placeholder, document: object) -> Any:
    if document is _NOTHING:
        return None
    assert part.expression is not None
    try:
        return part.expression.search(document)
    except (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None  # a function in the expression that does not take what this payload holds: no value, as for a missing one


def _attribute(event: Event, name: str) -> str:
    stood_in: Mapping[str, str] = {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "aggregatetype": event.aggregate_type,
        "aggregateid": event.aggregate_id,
        "correlationid": event.correlation_id,
        "causationid": event.causation_id,
    }
    return event.attributes.get(name) or stood_in.get(name, "")
