"""Builds the line of an event, masked, from the event itself or from what the index alone knows of it."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypedDict, Unpack

from dashboard.privacy import AccessProfile, DisplayValue, display_id, display_value, is_revealed, origin_of
from dashboard.privacy.payload_standing import standing_for
from dashboard.rendering.anomaly_text import AnomalyText, texts_of_kinds
from dashboard.rendering.event_line import EventLine
from dashboard.rendering.links import aggregate_url, event_url
from dashboard.rendering.story import UNREADABLE, story_of, type_words
from eventstore.config import PayloadStanding
from eventstore.envelope import unreadable_event
from eventstore.model import NOT_THE_MESSAGE, UNREADABLE_KEY, Anomaly, Event, Pointer, Position, reported
from eventstore.streams import Missing, Row

TONES, NO_TONE = 6, 3
MEMBER = "member {:,}"
BINARY_KEY = "bytes that are not text, which cannot be read here"


def build_line(row: Row, profile: AccessProfile) -> EventLine:
    """The line of this row as the profile may see it, whatever its event holds."""
    try:
        return _build_line(row, profile)
    except NOT_THE_MESSAGE:
        raise
    except Exception as error:
        if row.event is None:
            raise
        event = unreadable_event(row.event.message, reported(error, row.position.where))
        return _build_line(replace(row, event=event), profile)


def _build_line(row: Row, profile: AccessProfile) -> EventLine:
    event, pointer = row.event, row.pointer
    if event is None:
        assert pointer is not None
        return build_pointer_line(pointer, row.missing, profile=profile)
    story = story_of(event, profile)
    return _line(
        event,
        row.position,
        pointer,
        profile,
        event_id=event.id,
        id_is_position=event.id_is_position,
        published=event.message.published,
        pieces=story.pieces,
        key=key_of(event, profile) or ordering_key_of(event, profile),
        problem=event.problem,
        payload_unreadable=story.payload_unreadable,
        new_shape=story.new_shape,
        standing=standing_for(event, profile),
        schema_mismatch=event.schema is not None and bool(event.schema.problem),
        member=member_words(event),
        revealed=bool(profile.reveals) and is_revealed(profile, origin_of(event)),
    )


def build_pointer_line(
    pointer: Pointer, missing: Missing = Missing.NOTHING, *, profile: AccessProfile | None = None
) -> EventLine:
    """The line of an event that only the index knows: its type in plain words, and no values.

    Without ``profile``, a personal id is shown by its handle, so that different people may share the line.

    ``missing`` says why the event was not read from the store, if it was requested.
    """
    return _line(
        pointer,
        pointer.position,
        pointer,
        profile,
        event_id=pointer.event_id,
        id_is_position=pointer.unreadable,
        published=pointer.published,
        pieces=(UNREADABLE if pointer.unreadable else type_words(pointer.type),),
        problem="unrecognised format: open it to see why" if pointer.unreadable else "",
        missing=missing,
        member=MEMBER.format(number) if (number := pointer.position.member) else "",
        revealed=not pointer.unreadable and _reveals_id(pointer, profile),
    )


def _reveals_id(pointer: Pointer, profile: AccessProfile | None) -> bool:
    if profile is None or not profile.reveals:
        return False
    of = pointer.aggregate_type, pointer.aggregate_id
    return display_id(*of, profile) != display_id(*of, profile.standing())


class _Details(TypedDict, total=False):
    """What one line may have and another may not."""

    key: DisplayValue
    problem: str
    payload_unreadable: bool
    new_shape: bool
    missing: Missing
    standing: PayloadStanding
    schema_mismatch: bool
    member: str
    revealed: bool


def _line(
    known: Event | Pointer,
    position: Position,
    pointer: Pointer | None,
    profile: AccessProfile | None,
    *,
    event_id: str,
    id_is_position: bool,
    published: datetime,
    pieces: Sequence[DisplayValue],
    **details: Unpack[_Details],
) -> EventLine:
    """``known`` gives what events and pointers have in common. ``pointer`` is ``None`` while the event is not indexed."""
    aggregate = ("", "") if details.get("problem") else (known.aggregate_type, known.aggregate_id)
    return EventLine(
        event_id=event_id,
        id_is_position=id_is_position,
        url=event_url(event_id, position, published if id_is_position or (pointer and pointer.ended_at) else None),
        position=position.encode(),
        topic=position.topic,
        partition=position.partition,
        label=position.label,
        time=known.time,
        published=published,
        type=known.type,
        tone=tone_of(known.type),
        pieces=pieces,
        aggregate_type=aggregate[0],
        aggregate_id=display_id(*aggregate, profile),
        aggregate_url=aggregate_url(*aggregate),
        version=pointer.version if pointer else None,
        unindexed=pointer is None,
        derived=pointer.derived if pointer else False,
        anomalies=_anomalies(pointer, details.get("schema_mismatch", False)) if pointer and pointer.anomalies else (),
        **details,
    )


def member_words(event: Event) -> str:
    """Which event of its message it is: "member 3 of 7"; empty if the message holds no other."""
    member = event.message.member
    return f"{MEMBER.format(member.number)} of {member.count:,}" if member else ""


def _anomalies(pointer: Pointer, schema_mismatch: bool) -> Sequence[AnomalyText]:
    """The anomalies that the line does not already express."""
    already_shown = {Anomaly.UNREADABLE, Anomaly.SCHEMA} if schema_mismatch else {Anomaly.UNREADABLE}
    return [anomaly for anomaly in texts_of_kinds(pointer.anomalies) if anomaly.kind not in already_shown]


def tone_of(event_type: str) -> int:
    """The colour of the dot: always the same for a type, without a meaning of its own. Grey if there is no type."""
    return NO_TONE if not event_type else zlib.crc32(event_type.encode("utf-8", "surrogatepass")) % TONES


def key_of(event: Event, profile: AccessProfile) -> DisplayValue:
    """The message's key. It is an id if it equals the aggregate's id, otherwise a value like any other."""
    return _shown_key(event.message.key, event, profile)


def ordering_key_of(event: Event, profile: AccessProfile) -> DisplayValue:
    """The message's ordering key, as ``key_of``. One that is not text cannot be read, and is said to be so."""
    key = event.message.ordering_key
    return BINARY_KEY if key == UNREADABLE_KEY else _shown_key(key, event, profile)


def _shown_key(key: str | None, event: Event, profile: AccessProfile) -> DisplayValue:
    if key is None:
        return ""
    if not event.problem and key == event.aggregate_id:
        return display_id(event.aggregate_type, key, profile)
    return display_value(key, "key", profile, None if profile.sees_values else origin_of(event))
