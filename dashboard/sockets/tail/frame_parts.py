"""The costly parts of frames: events as JSON and rows as HTML.

They are made once for each piece of the tail and each access level, and shared by all sockets that send them. A socket only
joins them.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from dashboard.privacy import AccessProfile
from dashboard.rendering import EventLine, build_line, event_as_json, render_rows
from dashboard.sockets.tail.json_text import json_text
from eventstore.streams import Row
from eventstore.tail import Entry, Piece, place_key

MOST_BYTES = 900_000
"""Bytes of the events in one frame."""
BYTES_OF_PART = 24 * 1024
"""Size of a part that belongs to one socket, unless a single event is larger.

A part that all sockets share is as large as a frame: only sockets with room for it send it, and joining many parts costs time.
"""
ROWS_OF_PART = 25


class Part(NamedTuple):
    """Text for a frame in UTF-8, its size in bytes, and the number of events in it."""

    text: bytes
    bytes: int
    events: int


class Parts(NamedTuple):
    """All parts of a piece, and their bytes together."""

    bytes: int
    parts: tuple[Part, ...]


def parts_of(piece: Piece, profile: AccessProfile, *, whole_events: bool) -> Parts:
    """The piece as events in JSON (``whole_events``, for scripts) or as rows, for the page."""
    if not whole_events:
        return piece.made(("rows", profile.level), partial(_rows, profile=profile))
    most = MOST_BYTES if piece.shared else BYTES_OF_PART
    return piece.made(("events", profile.level), partial(_events, profile=profile, most=most))


def places_after(piece: Piece, begin: int, end: int) -> tuple[tuple[str, str], ...]:
    """Pairs of a place key and a token: where a reader continues after the piece's entries from ``begin`` to ``end``."""
    return piece.made(("places", begin, end), partial(_places, begin=begin, end=end))


def _places(entries: Sequence[Entry], begin: int, end: int) -> tuple[tuple[str, str], ...]:
    positions = [entry.message.position for entry in entries[begin:end]]
    last = {(position.topic, position.partition): position.token for position in positions}
    return tuple((place_key(*partition), token) for partition, token in last.items())


def _events(entries: Sequence[Entry], profile: AccessProfile, most: int) -> Parts:
    """Events as JSON, separated by commas."""
    parts: list[Part] = []
    group: list[bytes] = []
    size = 0
    for event in (event_as_json(entry.event, profile) for entry in entries):
        if group and size + len(event) > most:
            parts.append(_part_of_events(group))
            group, size = [], 0
        group.append(event)
        size += len(event) + 1
    return _parts((*parts, _part_of_events(group)))


def _part_of_events(events: Sequence[bytes]) -> Part:
    text = b",".join(events)
    return Part(text, len(text), len(events))


def _rows(entries: Sequence[Entry], profile: AccessProfile) -> Parts:
    """Rows as the contents of a JSON string, without its quotation marks."""
    lines = [build_line(Row(position=entry.event.position, event=entry.event), profile) for entry in entries]
    starts = range(0, len(lines), ROWS_OF_PART)
    return _parts(tuple(_part_of_rows(lines[start : start + ROWS_OF_PART]) for start in starts))


def _part_of_rows(lines: Sequence[EventLine]) -> Part:
    text = json_text(str.__str__(render_rows(lines)))[1:-1].encode()  # msgspec rejects subclasses of str
    return Part(text, len(text), len(lines))


def _parts(parts: tuple[Part, ...]) -> Parts:
    return Parts(sum(part.bytes for part in parts), parts)
