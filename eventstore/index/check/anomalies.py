"""Whether the index noticed about a partition's events what is odd about them: judged again from the log and the pointers.

An id that comes twice is left out: to know it, all ids of the topic would have to be held against each other.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eventstore.index.check.events import Difference
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import UNREADABLE, Columns
from eventstore.index.writing.anomalies import LATE, judge_sequence
from eventstore.index.writing.streams import BEFORE_ALL, Stream
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import Event

A_CHUNK = 1 << 12
NOT_FOLLOWED, NO_NUMBER = -2, -1
"""What stands for a stream's last number where its beginning was trimmed, and where it had none so far."""

_SEQUENCE = frozenset({Anomaly.SEQUENCE_SKIPS, Anomaly.SEQUENCE_GOES_BACK})
_WORDS = {
    Anomaly.UNREADABLE: "it fits no envelope",
    Anomaly.SCHEMA: "its payload does not decode by its schema",
    Anomaly.SEQUENCE_SKIPS: "its sequence skips",
    Anomaly.SEQUENCE_GOES_BACK: "its sequence goes back",
    Anomaly.TIME_GOES_BACK: "its time goes back",
}


class ByStream:
    """A number for each stream in eight bytes: the streams' own numbers are dense."""

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
    """What is known of one partition's streams so far. ``derived``: its topic holds copies, which are never judged."""

    partition: int
    derived: bool
    latest: ByStream = field(default_factory=lambda: ByStream(BEFORE_ALL))
    """The latest time of each stream's events."""
    numbers: ByStream = field(default_factory=lambda: ByStream(NOT_FOLLOWED))
    """The last number that each stream's publisher gave."""


def anomalies_differ(check: AnomalyCheck, first: int, columns: Columns, events: Sequence[Event | None]) -> list[Difference]:
    """The first difference in what is noted of a block, which begins at ordinal ``first``; ``events`` has ``None`` for what
    is no longer in the store."""
    noted = _noted(check.partition, first, first + len(columns) - 1)
    found: list[Difference] = []
    for place, event in enumerate(events):
        expected, open = (set(), frozenset()) if check.derived else _judged(check, columns, place, event)
        there = noted.get(first + place, set())
        # What comes a second time comes late, too, and then only the first is noted.
        passed = open | {Anomaly.DUPLICATE_ID} | (LATE if Anomaly.DUPLICATE_ID in there else frozenset())
        if not found and expected - passed != there - passed:
            found.append(Difference(first + place, _in_words(expected - passed, there - passed)))
    return found


def _judged(check: AnomalyCheck, columns: Columns, place: int, event: Event | None) -> tuple[set[Anomaly], frozenset[Anomaly]]:
    """What is to be noted of this event, and what cannot be told of it."""
    expected: set[Anomaly] = set()
    schema = event.schema if event else None
    open = frozenset({Anomaly.SCHEMA}) if event is None or (schema and schema.unanswered) else frozenset()
    if schema and schema.problem and not schema.unanswered:
        expected.add(Anomaly.SCHEMA)
    stream = columns.streams[place]
    if columns.flags[place] & UNREADABLE:
        return expected | {Anomaly.UNREADABLE}, open
    if not stream:
        return expected, open
    if columns.times[place] < check.latest[stream]:
        expected.add(Anomaly.TIME_GOES_BACK)
    else:
        check.latest[stream] = columns.times[place]
    if event is None:
        check.numbers[stream] = NOT_FOLLOWED
    elif columns.versions[place] == 1:
        check.numbers[stream] = NO_NUMBER
    before = check.numbers[stream]
    if event is None or before == NOT_FOLLOWED:
        return expected, open | _SEQUENCE
    if event.sequence:
        judged = Stream(id=stream, key=("", ""), type=0, last_sequence="" if before == NO_NUMBER else str(before))
        if noticed := judge_sequence(judged, event.sequence, place):
            expected.add(noticed.kind)
        check.numbers[stream] = int(judged.last_sequence or NO_NUMBER)
    return expected, open


def _noted(partition: int, first: int, last: int) -> Mapping[int, set[Anomaly]]:
    rows = sql.query(
        "SELECT ordinal, kind FROM index_anomalyrow WHERE partition_id = %s AND ordinal BETWEEN %s AND %s",
        [partition, first, last],
    )
    found: dict[int, set[Anomaly]] = {}
    for ordinal, kind in rows:
        found.setdefault(ordinal, set()).add(Anomaly(kind))
    return found


def _in_words(expected: set[Anomaly], there: set[Anomaly]) -> str:
    lacks, extra = sorted(expected - there), sorted(there - expected)
    if lacks:
        return f"{_WORDS[lacks[0]]}, and the index does not note it"
    return f"the index notes that {_WORDS[extra[0]]}, and it is not so"
