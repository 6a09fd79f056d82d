"""What the index notices about an event while it reads it. It never stops on one: the event is indexed, and this beside it.

Only originals are judged: copies in derived topics come twice on purpose, and late.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eventstore.index.tables import sql
from eventstore.index.writing.streams import Stream
from eventstore.model.anomalies import Anomaly

LATE = frozenset({Anomaly.TIME_GOES_BACK, Anomaly.SEQUENCE_GOES_BACK})
"""What is not noted of an event that comes a second time: that says so itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Noticed:
    """``place`` counts within the batch. ``stream`` is 0 for what belongs to none."""

    place: int
    kind: Anomaly
    stream: int
    detail: str = ""


LONGEST_NUMBER = 18


def judge_sequence(stream: Stream, sequence: str, place: int) -> Noticed | None:
    """Compare the event's own number to the one before it in the stream, and remember it.

    The first number of a stream may be any (retention may have cut the beginning). What is no whole number is not judged.
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
        return Noticed(place=place, kind=Anomaly.SEQUENCE_SKIPS, stream=stream.id, detail=missing)
    stream.last_sequence = before
    detail = f"{sequence} comes behind {before}"
    return Noticed(place=place, kind=Anomaly.SEQUENCE_GOES_BACK, stream=stream.id, detail=detail)


def earlier_by(microseconds: int) -> str:
    """By how much an event's time lies before that of an earlier one, in words."""
    seconds = microseconds / 1_000_000
    for length, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds")):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit} before an earlier event of its stream"
    return f"{microseconds:,} microseconds before an earlier event of its stream"


def record(partition: int, first_ordinal: int, noticed: Sequence[Noticed]) -> None:
    """Write them down, and count them."""
    rows = [
        (partition, first_ordinal + found.place, found.kind.value, found.stream or None, found.detail) for found in noticed
    ]
    columns = {"partition_id": "bigint", "ordinal": "bigint", "kind": "text", "stream_id": "bigint", "detail": "text"}
    sql.insert("index_anomalyrow", columns, rows, on_conflict="DO NOTHING")
    counts: dict[str, int] = {}
    for found in noticed:
        counts[found.kind.value] = counts.get(found.kind.value, 0) + 1
    sql.insert(
        "index_anomalycount",
        {"partition_id": "bigint", "kind": "text", "events": "bigint"},
        [(partition, kind, count) for kind, count in counts.items()],
        on_conflict="(partition_id, kind) DO UPDATE SET events = index_anomalycount.events + excluded.events",
    )
