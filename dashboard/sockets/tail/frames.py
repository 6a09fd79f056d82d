"""Frames as texts. What is costly in them is made once for a piece and masking profile, and shared by all who are sent it: per
viewer there is one concatenation.

No frame is larger than ``MOST_BYTES``: daphne sends no message above a mebibyte, and most clients take none by default; nor is
one larger than its reader has room for, but where a single event is. What a viewer takes at once may need several; each then
has the places behind its own events, so that whoever is cut off between two of them comes back with neither gap nor double.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, repeat
from typing import NamedTuple

import msgspec

from dashboard import privacy
from dashboard.rendering import EventLine, build_line, event_as_json, render_rows
from eventstore.streams import Row
from eventstore.tail import Counts, Entry, Piece, Take, place_key

MOST_BYTES = 900_000
"""Of the events in one frame."""
BYTES_OF_A_PART = 24 * 1024
"""Frames are put together of parts, each of about so many bytes or of a single event. Of what all viewers share, which goes to
those alone who have room for it, a part is a frame's worth: putting together many costs each of them something."""
ROWS_OF_A_PART = 25
BYTES_BESIDE = 1_000
"""What a frame says beside its events, about."""

Part = tuple[str, int, int]
"""A text, its bytes, and how many events are in it."""
Group = list[tuple[Sequence[Part], Piece, int]]
"""Parts that follow on each other in a piece, and where in the piece the last of them ends; for one frame."""


class Made(NamedTuple):
    """What is made of a piece: all of it in parts, and their bytes together."""

    bytes: int
    parts: tuple[Part, ...]


@dataclass(kw_only=True, slots=True)
class Framing:
    """What a socket's frames have in common. ``topics`` is said once, with the first."""

    whole_events: bool
    """Events as JSON, for scripts; else rows, for the page."""
    viewer: privacy.AccessProfile
    filter: str = ""
    topics: Sequence[str] = field(default_factory=tuple)
    counts: Counts = field(default_factory=Counts)
    """Of the take before."""

    def begin_again(self) -> None:
        """With another filter, for which all is counted anew but what was published."""
        self.counts = Counts(published=self.counts.published)


@dataclass(frozen=True, kw_only=True, slots=True)
class Portion:
    """What goes into one frame: texts to be put together, and what is said with them."""

    texts: Sequence[str]
    bytes: int
    count: int
    counts: Counts
    places: Mapping[str, str]
    lag_ms: int | None
    state: str


def portions(take: Take, framing: Framing, most_bytes: int = MOST_BYTES) -> list[Portion]:
    """At least one; several where the take is too large for a frame.

    The last has the take's counts. Those before it count what they give, and nothing that the take passed beside: whoever is
    cut off after one of them gets that counted again, or not at all, but not twice.
    """
    groups: list[Group] = [[]]
    size, most = 0, min(MOST_BYTES, most_bytes - BYTES_BESIDE)
    for piece in take.pieces:
        made = _made(piece, framing)
        if size + made.bytes <= most:
            groups[-1].append((made.parts, piece, len(piece.entries)))
            size += made.bytes
            continue
        end = 0
        for part in made.parts:
            end += part[2]
            if groups[-1] and size + part[1] > most:
                groups.append([])
                size = 0
            groups[-1].append(((part,), piece, end))
            size += part[1]
    before, framing.counts = framing.counts, take.counts
    given = 0
    found: list[Portion] = []
    for group in groups:
        last = group is groups[-1]
        parts = [part for some, _, _ in group for part in some]
        count = sum(part[2] for part in parts)
        given += count
        found.append(
            Portion(
                texts=[part[0] for part in parts],
                bytes=sum(part[1] for part in parts) + BYTES_BESIDE,
                count=count,
                counts=take.counts if last else _with(before, given),
                places=take.places if last else {**(take.begun if group is groups[0] else {}), **_places_behind(group)},
                lag_ms=take.lag_ms,
                state=take.state,
            )
        )
    return found


def frame_text(number: int, portion: Portion, framing: Framing) -> str:
    """The frame as JSON. Its events or rows come last."""
    head = (
        f'{{"frame":{number},"count":{portion.count},"counts":{_counts_text(portion.counts)},'
        f'"lag_ms":{json_text(portion.lag_ms)},"state":"{portion.state}",'
        f'"places":{json_text(portion.places)},"filter":{json_text(framing.filter)},'
    )
    if number == 1:
        head += f'"topics":{json_text(framing.topics)},'
    # Joined in one go: a text of this size that is copied twice costs twice, since its pages come and go.
    if framing.whole_events:
        between = chain.from_iterable(zip(repeat(","), portion.texts))
        return "".join((head, '"events":[', *islice(between, 1, None), "]}"))
    return "".join((head, '"rows":"', *portion.texts, '"}'))


def json_text(value: str | int | Sequence[str] | Mapping[str, str] | None) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half of a surrogate pair: as an escape it harms nobody
        return json.dumps(value)


def _counts_text(counts: Counts) -> str:
    return (
        f'{{"published":{counts.published},"matched":{counts.matched},"shown":{counts.shown},'
        f'"skipped":{{"sampled":{counts.sampled},"slow":{counts.slow},"older":{json_text(counts.older)}}}}}'
    )


def _with(counts: Counts, given: int) -> Counts:
    """The counts, and so many events given since."""
    return replace(counts, published=counts.published + given, matched=counts.matched + given, shown=counts.shown + given)


def _places_behind(group: Group) -> dict[str, str]:
    found: dict[str, str] = {}
    for parts, piece, end in group:
        begin = end - sum(part[2] for part in parts)
        found.update(piece.made(("places", begin, end), partial(_places, begin=begin, end=end)))
    return found


def _places(entries: Sequence[Entry], begin: int, end: int) -> tuple[tuple[str, str], ...]:
    """The places behind these of the entries, by key; made once for all who are given just these."""
    positions = [entry.message.position for entry in entries[begin:end]]
    last = {(position.topic, position.partition): position.token for position in positions}
    return tuple((place_key(*of), token) for of, token in last.items())


def _made(piece: Piece, framing: Framing) -> Made:
    viewer = framing.viewer
    if not framing.whole_events:
        return piece.made(("rows", viewer.level), partial(_rows, viewer=viewer))
    most = MOST_BYTES if piece.shared else BYTES_OF_A_PART
    return piece.made(("events", viewer.level), partial(_events, viewer=viewer, most=most))


def _events(entries: Sequence[Entry], viewer: privacy.AccessProfile, most: int) -> Made:
    made: list[Part] = []
    waiting: list[bytes] = []
    size = 0
    for event in (event_as_json(entry.event, viewer) for entry in entries):
        if waiting and size + len(event) > most:
            made.append(_part(waiting))
            waiting, size = [], 0
        waiting.append(event)
        size += len(event) + 1
    return _of_parts((*made, _part(waiting)))


def _of_parts(parts: tuple[Part, ...]) -> Made:
    return Made(sum(part[1] for part in parts), parts)


def _part(events: Sequence[bytes]) -> Part:
    text = b",".join(events)
    return text.decode(), len(text), len(events)


def _rows(entries: Sequence[Entry], viewer: privacy.AccessProfile) -> Made:
    """The rows as the insides of JSON texts."""
    lines = [build_line(Row(position=entry.event.position, event=entry.event), viewer) for entry in entries]
    cuts = range(0, len(lines), ROWS_OF_A_PART)
    return _of_parts(tuple(_part_of_rows(lines[cut : cut + ROWS_OF_A_PART]) for cut in cuts))


def _part_of_rows(lines: Sequence[EventLine]) -> Part:
    text = json_text(str.__str__(render_rows(lines)))[1:-1]  # msgspec takes no subclass of str
    return text, len(text.encode()), len(lines)
