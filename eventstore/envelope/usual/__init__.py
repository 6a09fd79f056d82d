"""Read usual events side by side: CloudEvents in binary mode in which nothing is missing, made up or spelled otherwise.

It only saves time. What it returns of a message is what ``read_event`` returns of it, and every message of which it is not
sure is left to that. ``tests/broker/test_drafting.py`` holds the two together.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

from msgspec import Struct

from eventstore.envelope.mapping import last_segment
from eventstore.envelope.parts import MAX_PART
from eventstore.envelope.spellings import UNUSUAL
from eventstore.envelope.times import parse_time
from eventstore.model.events import Message
from eventstore.model.pieces import Piece

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECONDS = {f"{number:02}": number * 1_000_000 for number in range(60)}
_MILLISECONDS = {f".{number:03}Z": number * 1_000 for number in range(1_000)}
_MOST_MINUTES = 10_000

FEW_LEFT = 4
"""If more than one message of so many in a piece is unusual, all of them are read alike."""


class UsualEvents(Struct, kw_only=True, array_like=True, gc=False):
    """The parts of the events in a piece, in lists with a place for each. ``left``: the places that are to be read otherwise.

    ``times`` are microseconds since 1970. ``sequences`` holds sequence and source by place. At a place that is left, there is
    nothing of use.
    """

    ids: Sequence[str]
    types: list[str]
    aggregates: list[tuple[str, str]]
    times: list[int]
    correlations: Sequence[str]
    causations: Sequence[str]
    sequences: dict[int, tuple[str, str]]
    left: list[int]


class UsualPiece(Struct, kw_only=True, array_like=True, gc=False):
    """A piece of which most messages were read as usual events. ``whole`` has the messages of the places that are left.

    Has no payloads, so that it can be sent to another process. See ``model.pieces.Piece``.
    """

    topic: str
    partition: int
    tokens: list[str]
    published: list[int]
    sizes: list[int]
    incarnation: str
    events: UsualEvents
    whole: list[Message]

    def __len__(self) -> int:
        return len(self.tokens)


class UsualTimes:
    """Reads times such as 2024-05-01T09:00:00.123Z as ``parse_time`` does, each minute once. Not thread-safe."""

    def __init__(self) -> None:
        self._minutes: dict[str, int] = {}

    def of(self, text: str) -> int | None:
        """Return microseconds since 1970; ``None`` for what is no RFC 3339 time."""
        begin = self._minutes.get(text[:17])
        if begin is not None:
            seconds, milliseconds = _SECONDS.get(text[17:19]), _MILLISECONDS.get(text[19:])
            if seconds is not None and milliseconds is not None:
                return begin + seconds + milliseconds
        time = parse_time(text)
        if time is None:
            return None
        if len(text) == 24 and text[-1] == "Z" and text[19] == ".":
            self._learn(text[:17])
        return (time - _EPOCH) // _MICROSECOND

    def _learn(self, minute: str) -> None:
        begin = parse_time(f"{minute}00.000Z")
        if begin is not None and len(self._minutes) < _MOST_MINUTES:
            self._minutes[minute] = (begin - _EPOCH) // _MICROSECOND
        elif begin is not None:
            self._minutes = {minute: (begin - _EPOCH) // _MICROSECOND}


def usual_piece(piece: Piece, times: UsualTimes) -> UsualPiece | list[Message]:
    """Read the usual events of a piece; return all of its messages if too many are unusual."""
    events = read_usual(piece.topic, piece.keys, piece.properties, times)
    if FEW_LEFT * len(events.left) > len(piece):
        return piece.messages()
    return UsualPiece(
        topic=piece.topic,
        partition=piece.partition,
        tokens=piece.tokens,
        published=piece.published,
        sizes=list(map(len, piece.payloads)),
        incarnation=piece.incarnation,
        events=events,
        whole=[piece.whole(place) for place in events.left],
    )


def read_usual(topic: str, keys: Sequence[str], properties: Sequence[Mapping[str, str]], times: UsualTimes) -> UsualEvents:
    """Return the events of these messages, each given by its key (empty: none) and its properties."""
    topic_type, time_of = last_segment(topic), times.of
    ids = [names.get("ce_id", "") for names in properties]
    types = [names.get("ce_type", "") for names in properties]
    correlations = [names.get("ce_correlationid") or names.get("ce_correlation_id", "") for names in properties]
    causations = [names.get("ce_causationid") or names.get("ce_causation_id", "") for names in properties]
    aggregates = [
        (names.get("ce_aggregatetype") or topic_type, names.get("ce_aggregateid") or ("" if key[:1] == "{" else key))
        for key, names in zip(keys, properties, strict=True)
    ]
    micros = [time_of(names.get("ce_time", "")) for names in properties]
    sequences = {
        place: (sequence, names.get("ce_source", ""))
        for place, names in enumerate(properties)
        if (sequence := names.get("ce_sequence"))
    }
    texts = [ids, types, *zip(*aggregates, strict=True), correlations, causations, [one for one, _ in sequences.values()]]
    left: list[int] = []
    if not _all_usual(properties, micros, texts):
        left = [place for place, names in enumerate(properties) if not _is_usual(names, aggregates[place], micros[place])]
        sequences = {place: found for place, found in sequences.items() if place not in left}
    return UsualEvents(
        ids=ids, types=types, aggregates=aggregates, times=[time or 0 for time in micros], correlations=correlations,
        causations=causations, sequences=sequences, left=left,
    )  # fmt: skip


def _all_usual(properties: Sequence[Mapping[str, str]], times: Sequence[int | None], texts: Sequence[Sequence[str]]) -> bool:
    """Return whether all of these are certainly usual, by a few looks at all of them together.

    ``texts``: the columns of their parts, of which the first four must not be empty.
    """
    whole = "".join(chain.from_iterable(texts))
    versions, sources = ([names.get(name) for names in properties] for name in ("ce_specversion", "ce_source"))
    return (
        None not in times
        and all(map(all, texts[:4]))
        and whole.isascii()
        and whole.isprintable()
        and sum([max(map(len, column), default=0) for column in texts]) <= MAX_PART
        and versions.count("1.0") == len(properties)
        and all(sources)
        and all(map(UNUSUAL.isdisjoint, properties))
    )


def _is_usual(names: Mapping[str, str], aggregate: tuple[str, str], time: int | None) -> bool:
    get = names.get
    needed = get("ce_id"), get("ce_type"), get("ce_source"), *aggregate
    correlation = get("ce_correlationid") or get("ce_correlation_id", "")
    causation = get("ce_causationid") or get("ce_causation_id", "")
    if time is None or not all(needed) or get("ce_specversion") != "1.0" or not names.keys().isdisjoint(UNUSUAL):
        return False
    whole = "".join([get("ce_id", ""), get("ce_type", ""), *aggregate, correlation, causation, get("ce_sequence", "")])
    return whole.isprintable() and len(whole) * (1 if whole.isascii() else 4) <= MAX_PART
