"""Frames: what a subscriber takes at a time is divided into frames, and each frame is written as JSON.

No frame is larger than ``MOST_BYTES``, because daphne sends no message above a mebibyte and most clients accept none by
default. Nor is it larger than its reader has room for, unless a single event is. So one take may need several frames. Each
has the places after its own events, so that a client that is cut off between two of them returns with neither gap nor double.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, repeat
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from dashboard.privacy import AccessProfile
from dashboard.sockets.tail.frame_parts import MOST_BYTES, Part, parts_of, places_after
from dashboard.sockets.tail.json_text import json_text
from eventstore.tail import Counts, Piece, Take

PROTOCOL = 2
"""The version of the messages both ways. Since 2, acknowledgements repeat their frame's mark."""
BYTES_BESIDE_EVENTS = 1_000
"""Bytes of a frame beside its events, roughly."""


class Run(NamedTuple):
    """Parts that follow each other in a piece and go into one frame. They end before the piece's entry number ``end``."""

    parts: Sequence[Part]
    bytes: int
    piece: Piece
    end: int

    @property
    def events(self) -> int:
        return sum(part.events for part in self.parts)


@dataclass(kw_only=True, slots=True)
class Framing:
    """What all frames of a socket share. Only the first frame names the ``topics``."""

    whole_events: bool
    """Whether frames hold events as JSON, for scripts, or rows, for the page."""
    profile: AccessProfile
    filter: str = ""
    topics: Sequence[str] = field(default_factory=tuple)
    counts: Counts = field(default_factory=Counts)
    """The counts of the previous take."""

    def begin_again(self) -> None:
        """Count from zero, because the filter changed. Only the count of published events continues."""
        self.counts = Counts(published=self.counts.published)


class FrameContent(Struct, frozen=True, kw_only=True):
    """What goes into one frame: texts to join, and what accompanies them. ``count`` is the number of events."""

    texts: Sequence[bytes]
    bytes: int
    count: int
    counts: Counts
    places: Mapping[str, str]
    lag_ms: int | None
    state: str
    made_anew: Sequence[str] = ()


def divide_take(take: Take, framing: Framing, most_bytes: int = MOST_BYTES) -> list[FrameContent]:
    """Divide the take into the contents of frames with at most ``most_bytes`` each. Returns at least one.

    The last frame has the take's counts. Each frame before it counts only the events that were given so far, and none that
    the take skipped. If a client is cut off after such a frame, the skipped events are counted later or never, but not twice.
    """
    frames = _frames_of(take, framing, min(MOST_BYTES, most_bytes - BYTES_BESIDE_EVENTS))
    counts, framing.counts = framing.counts, take.counts
    contents: list[FrameContent] = []
    for number, runs in enumerate(frames, 1):
        events = sum(run.events for run in runs)
        if number == len(frames):
            counts, places = take.counts, take.places
        else:
            counts = _add_given(counts, events)
            places = {**(take.begun if number == 1 else {}), **_places_after(runs)}
        places = {**places, **take.incarnations} if number == 1 else places
        contents.append(
            FrameContent(
                texts=[part.text for run in runs for part in run.parts],
                bytes=sum(run.bytes for run in runs) + BYTES_BESIDE_EVENTS,
                count=events,
                counts=counts,
                places=places,
                lag_ms=take.lag_ms,
                state=take.state,
                made_anew=take.made_anew if number == 1 else (),
            )
        )
    return contents


def _frames_of(take: Take, framing: Framing, most: int) -> list[list[Run]]:
    """The pieces in frames of at most ``most`` bytes. What many pages take alike is joined once for all of them."""
    if take.common is not None and take.pieces and not framing.whole_events:
        run = take.common.made(("rows", framing.profile.level), partial(_joined, framing=framing))
        if run is not None and run.bytes <= most:
            return [[run]]
    return _pack(take.pieces, framing, most)


def _joined(pieces: Sequence[Piece], framing: Framing) -> Run:
    parts = [part for piece in pieces for part in parts_of(piece, framing.profile, whole_events=False).parts]
    text = b"".join([part.text for part in parts])
    part = Part(text, len(text), sum(part.events for part in parts))
    return Run((part,), len(text), pieces[-1], len(pieces[-1].entries))


def _pack(pieces: Sequence[Piece], framing: Framing, most: int) -> list[list[Run]]:
    """Distribute the pieces over frames of at most ``most`` bytes, in order. Without pieces there is one empty frame."""
    frames: list[list[Run]] = [[]]
    size = 0
    for piece in pieces:
        for run in _runs(piece, framing, most - size):
            if frames[-1] and size + run.bytes > most:
                frames.append([])
                size = 0
            frames[-1].append(run)
            size += run.bytes
    return frames


def _runs(piece: Piece, framing: Framing, room: int) -> list[Run]:
    """The whole piece as one run if it fits into ``room`` bytes. Otherwise one run for each part."""
    size, parts = parts_of(piece, framing.profile, whole_events=framing.whole_events)
    if size <= room:
        return [Run(parts, size, piece, len(piece.entries))]
    runs: list[Run] = []
    end = 0
    for part in parts:
        end += part.events
        runs.append(Run((part,), part.bytes, piece, end))
    return runs


def _add_given(counts: Counts, events: int) -> Counts:
    return replace(counts, published=counts.published + events, matched=counts.matched + events, shown=counts.shown + events)


def _places_after(runs: Sequence[Run]) -> dict[str, str]:
    places: dict[str, str] = {}
    for run in runs:
        places.update(places_after(run.piece, run.end - run.events, run.end))
    return places


def frame_texts(number: int, content: FrameContent, framing: Framing, mark: str) -> list[bytes]:
    """The frame as JSON in UTF-8, in parts: joining them copies texts that all sockets share.

    Its mark comes last, so that whoever repeats it has read the frame to its end.
    """
    head = (
        f'{{"frame":{number},"count":{content.count},"counts":{_counts_text(content.counts)},'
        f'"lag_ms":{json_text(content.lag_ms)},"state":"{content.state}",'
        f'"places":{json_text(content.places)},"filter":{json_text(framing.filter)},'
    )
    if number == 1:
        head += f'"protocol":{PROTOCOL},"topics":{json_text(framing.topics)},'
        if content.made_anew:
            head += f'"made_anew":{json_text(list(content.made_anew))},'
    if not framing.whole_events:
        return [f'{head}"rows":"'.encode(), *content.texts, f'","mark":"{mark}"}}'.encode()]
    separated = chain.from_iterable(zip(repeat(b","), content.texts))
    return [f'{head}"events":['.encode(), *islice(separated, 1, None), f'],"mark":"{mark}"}}'.encode()]


def _counts_text(counts: Counts) -> str:
    return (
        f'{{"published":{counts.published},"matched":{counts.matched},"shown":{counts.shown},'
        f'"skipped":{{"sampled":{counts.sampled},"slow":{counts.slow},"older":{json_text(counts.older)}}}}}'
    )
