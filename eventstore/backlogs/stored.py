"""Backlogs and looks as bytes: JSON, compressed. A cursor's positions are stored without the topic, which all of them share.

No payload is in them. What an older version wrote in another form is read as nothing: it is asked for again.
"""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder, Encoder

from eventstore.backlogs.looks import Look, Place
from eventstore.model.events import Position, Topic
from eventstore.model.subscriptions import Cursor, OpenTransaction
from eventstore.subscriptions import Backlog

FAST = 1
"""The level of compression: a higher one takes three times as long for a tenth less."""

Spot = tuple[str, str]
"""A position's token and label."""


class Step(Struct, frozen=True, array_like=True):
    """How much waited at one moment (seconds since 1970), and how many events of the topic there were, if known."""

    at: int
    waiting: int
    events: int | None = None


class StoredCursor(Struct, frozen=True, array_like=True):
    """A ``Cursor``."""

    partition: int
    acknowledged: Spot | None
    backlog: int
    holes: list[tuple[Spot, Spot]]
    moved: datetime | None
    placed: datetime | None
    delayed: int
    due: list[tuple[Spot, datetime]]
    behind: OpenTransaction | None
    beginning: Spot | None
    counters: tuple[int, ...]
    end: Spot | None
    active: str
    log: tuple[int, str] | None
    start: Spot | None
    held: int | None
    entries: int | None = None
    done: int | None = None


class StoredBacklog(Struct, frozen=True):
    """A ``Backlog``, whose subscription's cursors are beside it."""

    backlog: Backlog
    cursors: list[StoredCursor]
    steps: list[Step]
    """The last hour, oldest first."""
    kept: int
    """When its last look was kept, in milliseconds since 1970; 0: never."""


class StoredTopic(Struct, frozen=True):
    """A topic with its subscriptions, by name."""

    topic: Topic
    subscriptions: list[StoredBacklog]


class StoredPlace(Struct, frozen=True, array_like=True):
    """A ``Place``."""

    partition: int
    acknowledged: Spot | None
    end: Spot | None
    backlog: int
    holes: int
    moved: datetime | None
    counters: tuple[int, ...]
    log: tuple[int, str] | None
    active: str


class StoredLook(Struct, frozen=True):
    look: Look
    places: list[StoredPlace]


_encoder = Encoder()
_topics, _looks = Decoder(StoredTopic), Decoder(StoredLook)


def topic_bytes(stored: StoredTopic) -> bytes:
    return zlib.compress(_encoder.encode(stored), FAST)


def topic_in(data: bytes) -> StoredTopic | None:
    """Return what ``topic_bytes`` was given; ``None`` for nothing, and for another version's form."""
    try:
        return _topics.decode(zlib.decompress(data)) if data else None
    except (zlib.error, DecodeError, ValidationError):
        return None


def look_bytes(look: Look) -> bytes:
    places = [
        StoredPlace(
            place.partition,
            _spot(place.acknowledged),
            _spot(place.end),
            place.backlog,
            place.holes,
            place.moved,
            place.counters,
            place.log,
            place.active,
        )
        for place in look.places
    ]
    return zlib.compress(_encoder.encode(StoredLook(replace(look, places=()), places)), FAST)


def look_in(data: bytes, topic: str) -> Look | None:
    """Return what ``look_bytes`` was given, of a subscription of this topic; ``None`` for another version's form."""
    try:
        stored = _looks.decode(zlib.decompress(data))
    except (zlib.error, DecodeError, ValidationError):
        return None
    places = [
        Place(
            partition=place.partition,
            acknowledged=_position(topic, place.partition, place.acknowledged),
            end=_position(topic, place.partition, place.end),
            backlog=place.backlog,
            holes=place.holes,
            moved=place.moved,
            counters=place.counters,
            log=place.log,
            active=place.active,
        )
        for place in stored.places
    ]
    return replace(stored.look, places=places)


def stored_backlog(backlog: Backlog, steps: Sequence[Step], kept: int) -> StoredBacklog:
    cursors = [_stored_cursor(cursor) for cursor in backlog.subscription.cursors]
    without = replace(backlog, subscription=replace(backlog.subscription, cursors=()))
    return StoredBacklog(backlog=without, cursors=cursors, steps=list(steps), kept=kept)


def backlog_in(stored: StoredBacklog) -> Backlog:
    """Return the backlog with its cursors. It is the one in ``stored``, which has just been read and which nobody else has: to
    copy each of thousands takes longer than to read them."""
    told = stored.backlog.subscription
    object.__setattr__(told, "cursors", [_cursor(told.topic, cursor) for cursor in stored.cursors])
    return stored.backlog


def _stored_cursor(cursor: Cursor) -> StoredCursor:
    return StoredCursor(
        partition=cursor.partition,
        acknowledged=_spot(cursor.acknowledged),
        backlog=cursor.backlog,
        holes=[((start.token, start.label), (end.token, end.label)) for start, end in cursor.holes],
        moved=cursor.moved,
        placed=cursor.placed,
        delayed=cursor.delayed,
        due=[((position.token, position.label), when) for position, when in cursor.due.items()],
        behind=cursor.behind,
        beginning=_spot(cursor.beginning),
        counters=cursor.counters,
        end=_spot(cursor.end),
        active=cursor.active,
        log=cursor.log,
        start=_spot(cursor.start),
        held=cursor.held,
        entries=cursor.entries,
        done=cursor.done,
    )


def _cursor(topic: str, stored: StoredCursor) -> Cursor:
    number = stored.partition
    return Cursor(
        partition=number,
        acknowledged=_position(topic, number, stored.acknowledged),
        backlog=stored.backlog,
        holes=[(_at(topic, number, start), _at(topic, number, end)) for start, end in stored.holes],
        moved=stored.moved,
        placed=stored.placed,
        delayed=stored.delayed,
        due={_at(topic, number, spot): when for spot, when in stored.due},
        behind=stored.behind,
        beginning=_position(topic, number, stored.beginning),
        counters=stored.counters,
        end=_position(topic, number, stored.end),
        active=stored.active,
        log=stored.log,
        start=_position(topic, number, stored.start),
        held=stored.held,
        entries=stored.entries,
        done=stored.done,
    )


def _spot(position: Position | None) -> Spot | None:
    return (position.token, position.label) if position else None


def _at(topic: str, partition: int, spot: Spot) -> Position:
    return Position(topic=topic, partition=partition, token=spot[0], label=spot[1])


def _position(topic: str, partition: int, spot: Spot | None) -> Position | None:
    return _at(topic, partition, spot) if spot else None
