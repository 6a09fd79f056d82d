"""Batches with given event ids, and the duplicates that the index noticed."""

from collections.abc import Iterable

from eventstore.index.writing import duplicates as detector
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import Event, Topic
from tests.indexing import event, pointers

PATIENTS = Topic(name="patients")
FEW, LARGE = detector.FEW, 3 * detector.FEW


def batch(start: int, ids: Iterable[str], *, partition: int = 0, topic: str = "patients") -> list[Event]:
    """Events of these ids, each of an aggregate of its own, from this number on."""
    return [
        event(start + number, id=id, partition=partition, topic=topic, aggregate=("patient", f"{start + number}"))
        for number, id in enumerate(ids)
    ]


def ids(start: int, end: int) -> list[str]:
    return [f"id-{number}" for number in range(start, end)]


def duplicates(*, topic: str = "patients", partition: int = 0) -> list[int]:
    """The ordinals of the events that are said to be there twice."""
    return [p.ordinal for p in pointers(topic, partition) if Anomaly.DUPLICATE_ID in p.anomalies]
