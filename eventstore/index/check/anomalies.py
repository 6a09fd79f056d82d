"""Judge a partition's events again, from the log and the pointers, and compare the result with the anomalies that the index
notes.

Duplicate ids are not judged: that would mean comparing all event ids of the topic with each other.
"""

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from eventstore.index.check.events import Difference
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import TIMELESS, UNREADABLE, Columns
from eventstore.index.tables.sequences import Counters, last_numbers, source_key, with_number
from eventstore.index.writing.anomalies import LATE, check_sequence
from eventstore.index.writing.streams import BEFORE_ALL, Stream
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import Event

A_CHUNK = 1 << 12
UNKNOWN_NUMBER, NO_NUMBER = -2, -1
"""Stand for a stream's last number: unknown since events were trimmed, and none so far."""

_SEQUENCE = frozenset({Anomaly.SEQUENCE_SKIPS, Anomaly.SEQUENCE_GOES_BACK})
_WORDS = {
    Anomaly.UNREADABLE: "its format is not recognised",
    Anomaly.SCHEMA: "its payload does not decode by its schema",
    Anomaly.SEQUENCE_SKIPS: "its sequence skips",
    Anomaly.SEQUENCE_GOES_BACK: "its sequence goes back",
    Anomaly.TIME_GOES_BACK: "its time goes back",
}


class ByStream:
    """One number for each stream, in eight bytes. The ids of streams are dense, so arrays hold them."""

    def __init__(self, default: int) -> None:
        self._chunks: dict[int, array[int]] = {}
        self._fresh = array("q", [default]) * A_CHUNK

    def __getitem__(self, stream: int) -> int:
        return self._chunks.get(stream // A_CHUNK, self._fresh)[stream % A_CHUNK]

    def __setitem__(self, stream: int, number: int) -> None:
        chunk = self._chunks.get(stream // A_CHUNK)
        if chunk is None:
            chunk = self._chunks[stream // A_CHUNK] = self._fresh[:]
        chunk[stream % A_CHUNK] = number


@dataclass(kw_only=True, slots=True)
class AnomalyCheck:
    """What the check knows of one partition's streams so far. ``derived``: the topic holds copies, which are never judged."""

    partition: int
    derived: bool
    latest: ByStream = field(default_factory=lambda: ByStream(BEFORE_ALL))
    """By stream: the latest time of its events."""
    numbers: ByStream = field(default_factory=lambda: ByStream(UNKNOWN_NUMBER))
    """By stream: the last sequence number that its publisher gave."""
    sources: ByStream = field(default_factory=lambda: ByStream(0))
    """By stream: the source of that number, as a number."""
    of_several: dict[int, str] = field(default_factory=dict)
    """By stream of several sources: the last number of each."""
    counters: Counters | None = field(default_factory=dict)
    """What sources count; ``None``: unknown since events were trimmed."""


def anomalies_differ(check: AnomalyCheck, first: int, columns: Columns, events: Sequence[Event | None]) -> list[Difference]:
    """Return the first difference between the anomalies that a block's events have and those that the index notes.

    ``first`` is the ordinal at which the block begins. ``events`` has ``None`` for each event that the store no longer has.
    """
    noted = _noted(check.partition, first, first + len(columns) - 1)
    found: list[Difference] = []
    for place, event in enumerate(events):
        judged = _NOTHING if check.derived else _judge(check, columns, place, event)
        there = noted.get(first + place, set())
        ignored = judged.undecided | {Anomaly.DUPLICATE_ID}
        if Anomaly.DUPLICATE_ID in there:
            ignored |= LATE  # a duplicate is late as well, and the index notes only that it is a duplicate
        if not found and judged.expected - ignored != there - ignored:
            found.append(Difference(first + place, _text(judged.expected - ignored, there - ignored)))
    return found


class _Judged(NamedTuple):
    """The anomalies that an event has, and those that cannot be decided here."""

    expected: frozenset[Anomaly] = frozenset()
    undecided: frozenset[Anomaly] = frozenset()

    def plus(self, other: "_Judged") -> "_Judged":
        return _Judged(self.expected | other.expected, self.undecided | other.undecided)


_NOTHING = _Judged()


def _judge(check: AnomalyCheck, columns: Columns, place: int, event: Event | None) -> _Judged:
    """Judge the event at this place of the block, and remember what the stream's next events are compared with."""
    judged = _judge_schema(event)
    if columns.flags[place] & UNREADABLE:
        return judged.plus(_Judged(frozenset({Anomaly.UNREADABLE})))
    stream = columns.streams[place]
    if not stream:
        return judged
    judged = judged.plus(_judge_time(check, stream, columns.times[place]))
    return judged.plus(_judge_sequence(check, stream, columns.versions[place], event, place))


def _judge_schema(event: Event | None) -> _Judged:
    """Undecided without the message, or while the schema registry does not answer."""
    schema = event.schema if event else None
    if event is None or (schema and schema.unanswered):
        return _Judged(undecided=frozenset({Anomaly.SCHEMA}))
    return _Judged(frozenset({Anomaly.SCHEMA})) if schema and schema.problem else _NOTHING


def _judge_time(check: AnomalyCheck, stream: int, time: int) -> _Judged:
    if time == TIMELESS:
        return _NOTHING
    if time < check.latest[stream]:
        return _Judged(frozenset({Anomaly.TIME_GOES_BACK}))
    check.latest[stream] = time
    return _NOTHING


def _judge_sequence(check: AnomalyCheck, stream: int, version: int, event: Event | None, place: int) -> _Judged:
    """Undecided from a trimmed event on, because the last number before it is unknown."""
    if event is None:
        check.numbers[stream], check.counters = UNKNOWN_NUMBER, None
        return _Judged(undecided=_SEQUENCE)
    if version == 1:
        check.numbers[stream] = NO_NUMBER
    if check.numbers[stream] == UNKNOWN_NUMBER:
        return _Judged(undecided=_SEQUENCE)
    if not event.sequence:
        return _NOTHING
    source = source_key(event.source)
    state = Stream(id=stream, key=("", ""), type=0, last_sequence=_last_sequence(check, stream))
    detected = check_sequence(state, event.sequence, place, source, check.counters)
    _keep(check, stream, state.last_sequence)
    undecided = frozenset({Anomaly.SEQUENCE_SKIPS}) if source and check.counters is None else frozenset()
    return _Judged(frozenset({detected.kind}) if detected else frozenset(), undecided)


def _last_sequence(check: AnomalyCheck, stream: int) -> str:
    """The last numbers of the stream, as the writer keeps them."""
    number, source = check.numbers[stream], check.sources[stream]
    if number == NO_NUMBER:
        return ""
    return check.of_several.get(stream) or with_number({}, f"{source:08x}" if source else "", str(number))


def _keep(check: AnomalyCheck, stream: int, text: str) -> None:
    numbers = last_numbers(text)
    for source, number in numbers.items():
        check.numbers[stream], check.sources[stream] = int(number), int(source or "0", 16)
    if len(numbers) > 1:
        check.of_several[stream] = text


def _noted(partition: int, first: int, last: int) -> Mapping[int, set[Anomaly]]:
    rows = sql.query(
        "SELECT ordinal, kind FROM index_anomalyrow WHERE partition_id = %s AND ordinal BETWEEN %s AND %s",
        [partition, first, last],
    )
    found: dict[int, set[Anomaly]] = {}
    for ordinal, kind in rows:
        found.setdefault(ordinal, set()).add(Anomaly(kind))
    return found


def _text(expected: Collection[Anomaly], there: Collection[Anomaly]) -> str:
    lacks, extra = sorted(set(expected).difference(there)), sorted(set(there).difference(expected))
    if lacks:
        return f"{_WORDS[lacks[0]]}, and the index does not note it"
    return f"the index notes that {_WORDS[extra[0]]}, and it is not so"
