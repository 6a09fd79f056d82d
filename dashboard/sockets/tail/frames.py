"""Frames as texts. What is costly in them is made once for a piece and masking profile, and shared by all who are sent it: per
viewer there is one concatenation.

No frame is larger than ``MOST_BYTES``: daphne sends no message above a mebibyte, and most clients take none by default. What a
viewer takes at once may need several; each then has the places behind its own events, so that whoever is cut off between two
of them comes back with neither gap nor double.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec

from dashboard import json_events, masking, showing
from eventstore import Counts, Entry, Piece, Row, Take, place_key

MOST_BYTES = 900_000
"""Of the events in one frame."""

Part = tuple[str, int, int]
"""A text, its bytes, and how many events are in it."""


@dataclass(kw_only=True, slots=True)
class Framing:
    """What a socket's frames have in common. ``topics`` is said once, with the first."""

    whole_events: bool
    """Events as JSON, for scripts; else rows, for the page."""
    viewer: masking.Viewer
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
    count: int
    counts: Counts
    places: Mapping[str, str]
    lag_ms: int | None
    state: str


def portions(take: Take, framing: Framing) -> list[Portion]:
    """At least one; several where the take is too large for a frame.

    The last has the take's counts. Those before it count what they give, and nothing that the take passed beside: whoever is
    cut off after one of them gets that counted again, or not at all, but not twice.
    """
    groups: list[list[tuple[Part, Piece, int]]] = [[]]
    size = 0
    for piece in take.pieces:
        end = 0
        for part in _parts(piece, framing):
            end += part[2]
            if groups[-1] and size + part[1] > MOST_BYTES:
                groups.append([])
                size = 0
            groups[-1].append((part, piece, end))
            size += part[1]
    before, framing.counts = framing.counts, take.counts
    given = 0
    made: list[Portion] = []
    for group in groups:
        last = group is groups[-1]
        count = sum(part[2] for part, _, _ in group)
        given += count
        made.append(
            Portion(
                texts=[part[0] for part, _, _ in group],
                count=count,
                counts=take.counts if last else _with(before, given),
                places=take.places if last else _places_behind(group),
                lag_ms=take.lag_ms,
                state=take.state,
            )
        )
    return made


def frame_text(number: int, portion: Portion, framing: Framing) -> str:
    """The frame as JSON. Its events or rows come last."""
    head = (
        f'{{"frame":{number},"count":{portion.count},"counts":{_counts_text(portion.counts)},'
        f'"lag_ms":{json_text(portion.lag_ms)},"state":"{portion.state}",'
        f'"places":{json_text(portion.places)},"filter":{json_text(framing.filter)},'
    )
    if number == 1:
        head += f'"topics":{json_text(framing.topics)},'
    if framing.whole_events:
        return f'{head}"events":[{",".join(portion.texts)}]}}'
    return f'{head}"rows":"{"".join(portion.texts)}"}}'


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


def _places_behind(group: Sequence[tuple[Part, Piece, int]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part, piece, end in group:
        for entry in piece.entries[end - part[2] : end]:
            position = entry.message.position
            found[place_key(position.topic, position.partition)] = position.token
    return found


def _parts(piece: Piece, framing: Framing) -> Sequence[Part]:
    kind, make = ("events", _events) if framing.whole_events else ("rows", _rows)
    return piece.made((kind, framing.viewer.profile), partial(make, viewer=framing.viewer))


def _events(entries: Sequence[Entry], viewer: masking.Viewer) -> tuple[Part, ...]:
    made: list[Part] = []
    waiting: list[bytes] = []
    size = 0
    for event in (json_events.event_json(entry.event, viewer) for entry in entries):
        if waiting and size + len(event) > MOST_BYTES:
            made.append(_part(waiting))
            waiting, size = [], 0
        waiting.append(event)
        size += len(event) + 1
    return (*made, _part(waiting))


def _part(events: Sequence[bytes]) -> Part:
    text = b",".join(events)
    return text.decode(), len(text), len(events)


def _rows(entries: Sequence[Entry], viewer: masking.Viewer) -> tuple[Part, ...]:
    """The rows as the inside of a JSON text."""
    lines = [showing.event_line(Row(position=entry.event.position, event=entry.event), viewer) for entry in entries]
    text = json_text(str.__str__(showing.render_lines(lines)))[1:-1]  # msgspec takes no subclass of str
    return ((text, len(text.encode()), len(entries)),)
