"""Anomalies that the index finds while it reads events. None of them stops it: the event is indexed, and the anomaly noted.

Only originals are judged. Copies in derived topics come late, and more than once, on purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eventstore.index.tables import sql
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


LONGEST_NUMBER = 18
"""Digits: the largest count that fits 64 bits with certainty."""


def check_sequence(stream: Stream, sequence: str, place: int) -> DetectedAnomaly | None:
    """Compare an event's sequence with the one before it in the stream, and remember it.

    A stream may begin with any number, because retention may have removed its beginning. A sequence that is not a whole number
    is ignored.
    """
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= LONGEST_NUMBER):
        return None
    before, stream.last_sequence = stream.last_sequence, sequence
    if not before:
        return None
    step = int(sequence) - int(before)
    if step == 1:
        return None
    if step > 1:
        missing = f"{before} is followed by {sequence}: {step - 1:,} missing"
        return DetectedAnomaly(place=place, kind=Anomaly.SEQUENCE_SKIPS, stream=stream.id, detail=missing)
    stream.last_sequence = before
    detail = f"{sequence} comes behind {before}"
    return DetectedAnomaly(place=place, kind=Anomaly.SEQUENCE_GOES_BACK, stream=stream.id, detail=detail)


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
