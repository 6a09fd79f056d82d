"""Anomalies that the index finds while it reads events. None of them stops it: the event is indexed, and the anomaly noted.

Only originals are judged. Copies in derived topics come late, and more than once, on purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eventstore.index.tables import sql
from eventstore.index.tables.sequences import Counters, counter_of, last_numbers, number_in, with_number
from eventstore.index.writing.streams import Stream
from eventstore.model.anomalies import Anomaly

LATE = frozenset({Anomaly.TIME_GOES_BACK, Anomaly.SEQUENCE_GOES_BACK})
"""Anomalies that are not noted of a duplicate: that it is one explains them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedAnomaly:
    """An anomaly of one event. ``place`` is the event's place in the batch; ``stream`` is 0 if it belongs to no stream."""

    place: int
    kind: Anomaly
    stream: int
    detail: str = ""


def check_sequence(
    stream: Stream, sequence: str, place: int, source: str = "", counters: Counters | None = None
) -> DetectedAnomaly | None:
    """Compare an event's sequence with the one before it of the same source in the stream, and remember it.

    A stream may begin with any number, because retention may have removed its beginning. A sequence that is not a whole number
    is ignored. Where the source has one counter over all of its aggregates, no number is missing from a stream.
    ``source`` is a key (``sequences.source_key``); ``counters`` are the partition's, and change.
    """
    number = number_in(sequence)
    if number is None:
        return None
    counter = counter_of(counters, source) if counters is not None else None
    was_unknown = counter is not None and counter.tells_nothing
    if counter is not None:
        counter.add(stream.id, number)
    numbers = last_numbers(stream.last_sequence)
    before = numbers.get(source)
    if before is not None and number <= int(before):
        stream.last_sequence = with_number(numbers, source, before)
        detail = f"{sequence} comes behind {before}"
        return DetectedAnomaly(place=place, kind=Anomaly.SEQUENCE_GOES_BACK, stream=stream.id, detail=detail)
    stream.last_sequence = with_number(numbers, source, sequence)
    if before is None or (counter is not None and (counter.of_source or was_unknown)):
        return None
    # Sources may share the aggregate's counter.
    nearest = max((last for last in numbers.values() if int(last) < number), key=int)
    if number == int(nearest) + 1:
        return None
    missing = f"{nearest} is followed by {sequence}: {number - int(nearest) - 1:,} missing"
    return DetectedAnomaly(place=place, kind=Anomaly.SEQUENCE_SKIPS, stream=stream.id, detail=missing)


def earlier_by(microseconds: int) -> str:
    """Return, in words, how much earlier an event is than an earlier event of its stream."""
    seconds = microseconds / 1_000_000
    for length, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds")):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit} before an earlier event of its stream"
    return f"{microseconds:,} microseconds before an earlier event of its stream"


def record(partition: int, first_ordinal: int, detected: Sequence[DetectedAnomaly]) -> None:
    """Insert these anomalies of a batch that begins at ``first_ordinal``, and count them."""
    rows = [
        (partition, first_ordinal + found.place, found.kind.value, found.stream or None, found.detail) for found in detected
    ]
    columns = {"partition_id": "bigint", "ordinal": "bigint", "kind": "text", "stream_id": "bigint", "detail": "text"}
    sql.insert("index_anomalyrow", columns, rows, on_conflict="DO NOTHING")
    counts: dict[str, int] = {}
    for found in detected:
        counts[found.kind.value] = counts.get(found.kind.value, 0) + 1
    sql.insert(
        "index_anomalycount",
        {"partition_id": "bigint", "kind": "text", "events": "bigint"},
        [(partition, kind, count) for kind, count in counts.items()],
        on_conflict="(partition_id, kind) DO UPDATE SET events = index_anomalycount.events + excluded.events",
    )
