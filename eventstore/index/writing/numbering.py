"""Give a prepared batch the numbers that only the index knows: types, names of values, streams and versions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from eventstore.index.tables import sql
from eventstore.index.writing import anomalies, streams
from eventstore.index.writing.anomalies import DetectedAnomaly
from eventstore.index.writing.partition import Partition
from eventstore.index.writing.prepared_batch import PreparedBatch
from eventstore.index.writing.streams import Stream
from eventstore.model.anomalies import Anomaly


def names_in(prepared: PreparedBatch) -> set[str]:
    """Return every name in the batch.

    New names get their numbers together and in order. Two writers that meet the same new names may wait for each other, but
    never in a circle.
    """
    of_values = {name for found in prepared.values.values() for name, _ in found}
    return {type for type, _ in prepared.hours if type} | prepared.aggregate_types | of_values


def assign_numbers(
    partition: Partition, prepared: PreparedBatch, numbers: Mapping[str, int], segment: int
) -> list[DetectedAnomaly]:
    """Fill in the numbers that the batch's columns lack, add each event to its stream, and return the anomalies found.

    ``numbers`` holds the number of each name that ``names_in`` returns.
    """
    columns = prepared.columns
    of_types = {type: numbers[type] if type else 0 for type, _ in prepared.hours}
    columns.types = [of_types[type] for type in prepared.types]
    columns.values = {
        place: [(numbers[name], text) for name, text in dict.fromkeys(found)] for place, found in prepared.values.items()
    }
    if partition.topic.derived:
        columns.streams, columns.versions = [0] * len(prepared), [0] * len(prepared)
        return []
    return _assign_streams(partition, prepared, segment)


def _assign_streams(partition: Partition, prepared: PreparedBatch, segment: int) -> list[DetectedAnomaly]:
    """Give each event its stream and version, save the streams, and return the anomalies in order of place."""
    found, begun = streams.streams_of(partition.id, prepared.aggregates, partition.known, segment, partition.memory.names)
    detected = _add_events(prepared, found)
    detected += _check_sequences(partition, prepared, found)
    detected += _of_messages(prepared)
    met = [stream for stream in found if stream is not None]
    touched = {stream.id: stream for stream in met}.values()
    _count_types(partition.id, [stream.type for stream in met], touched, begun)
    streams.save(partition.id, touched, begun)
    return sorted(detected, key=attrgetter("place"))


def _add_events(prepared: PreparedBatch, found: Sequence[Stream | None]) -> list[DetectedAnomaly]:
    """Count each event in its stream, fill the columns of streams and versions, and return the events whose time goes back."""
    columns = prepared.columns
    detected: list[DetectedAnomaly] = []
    numbers: list[int] = []
    versions: list[int] = []
    for place, (stream, type, time) in enumerate(zip(found, columns.types, columns.times, strict=True)):
        if stream is None:
            numbers.append(0)
            versions.append(0)
            continue
        if stream.add(type, time):
            detail = anomalies.earlier_by(stream.last_time - time)
            detected.append(DetectedAnomaly(place=place, kind=Anomaly.TIME_GOES_BACK, stream=stream.id, detail=detail))
        numbers.append(stream.id)
        versions.append(stream.events)
    columns.streams, columns.versions = numbers, versions
    return detected


def _check_sequences(partition: Partition, prepared: PreparedBatch, found: Sequence[Stream | None]) -> list[DetectedAnomaly]:
    """Return the events whose sequence skips or goes back in their stream."""
    detected = []
    for place, (sequence, source) in prepared.sequences.items():
        stream = found[place]
        if stream is None:
            continue
        if anomaly := anomalies.check_sequence(stream, sequence, place, source, partition.counters):
            detected.append(anomaly)
    return detected


def _of_messages(prepared: PreparedBatch) -> list[DetectedAnomaly]:
    """Return the events whose payload does not decode, or whose message fits no envelope."""
    numbers = prepared.columns.streams
    return [
        DetectedAnomaly(place=place, kind=kind, stream=numbers[place], detail=detail)
        for kind, details in ((Anomaly.SCHEMA, prepared.schema_problems), (Anomaly.UNREADABLE, prepared.unreadable))
        for place, detail in details.items()
    ]


def _count_types(partition: int, met: Iterable[int], touched: Iterable[Stream], begun: Iterable[Stream]) -> None:
    """Add the batch to the counts of aggregate types. ``met`` has the type number of each event that belongs to a stream."""
    new = Counter([stream.type for stream in begun])
    last: dict[int, int] = {}
    for stream in touched:
        if stream.last_time > last.get(stream.type, streams.BEFORE_ALL):
            last[stream.type] = stream.last_time
    larger = "greatest" if sql.postgres() else "max"
    sql.insert(
        "index_typecount",
        dict.fromkeys(("partition_id", "type_id", "streams", "events", "last_time"), "bigint"),
        [(partition, type, new[type], events, last[type]) for type, events in Counter(met).items()],
        on_conflict="(partition_id, type_id) DO UPDATE SET streams = index_typecount.streams + excluded.streams, "
        "events = index_typecount.events + excluded.events, "
        f"last_time = {larger}(index_typecount.last_time, excluded.last_time)",
    )
