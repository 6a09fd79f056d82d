"""The desk's face for what the index knows: aggregates, pointers, anomalies, hours and the index's own progress.

It is imported by the desk once Django's models are there, never by ``eventstore.index`` itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from eventstore.config.searchable_values import Searchable, lookup_forms
from eventstore.index.lookup import anomaly_lookup, hour_counts, progress, queries
from eventstore.index.lookup.labels import labelled, with_label
from eventstore.index.lookup.spelled import labelled_anywhere, pointers_spelled, positions_spelled
from eventstore.index.lookup.stream_keys import page_number
from eventstore.index.lookup.value_lookup import by_value
from eventstore.index.tables.extents import whole_partitions
from eventstore.model.anomalies import Anomaly
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Page, Position
from eventstore.model.log import Log
from eventstore.model.pointers import AnomalyLine, IndexedTogether, IndexedTopic, Pointer, ValueMatches
from eventstore.model.progress import IndexProgress, TopicProgress, TroubledPartition


class IndexFace:
    """``desk.index``. Works while the store is away. Every answer is bounded; pointers come with the labels of positions."""

    aggregate_types = staticmethod(queries.aggregate_types)
    aggregate_type_named = staticmethod(queries.aggregate_type_named)
    aggregates = staticmethod(queries.aggregates)
    latest_aggregates = staticmethod(queries.latest_aggregates)
    most_sorted = queries.MOST_SORTED
    aggregates_anywhere = staticmethod(queries.aggregates_anywhere)
    aggregate = staticmethod(queries.aggregate)
    hours = staticmethod(hour_counts.hours_of)
    event_types_like = staticmethod(hour_counts.event_types_like)
    anomaly_counts = staticmethod(anomaly_lookup.anomaly_counts)
    made_anew = staticmethod(progress.made_anew)
    running_indexers = staticmethod(progress.running_indexers)

    def __init__(self, *, log: Log, searchables: tuple[Searchable, ...] = (), hash_key: str = "") -> None:
        """``searchables`` are the declared searchable values; ``hash_key`` is the secret by which they are hashed."""
        self._log = log
        self._searchables, self._hash_key = searchables, hash_key
        self.middle_hours = hour_counts.KnownMiddles().of

    def topics(self) -> Mapping[str, IndexedTopic]:
        """What the index knows of each topic, by name."""
        return {topic.topic: topic for topic in queries.indexed_topics()}

    def together(self) -> IndexedTogether:
        """What the index knows of all topics together."""
        return queries.indexed_together()

    def is_whole(self, topic: str) -> bool:
        """Whether every event of the topic is within the extent that is asked for (``eventstore.extent``)."""
        return whole_partitions().filter(topic=topic).exists()

    def progress(self) -> tuple[IndexProgress, Sequence[TopicProgress]]:
        """How far the index is: with everything together that the store still has, and with each topic, by name."""
        topics = progress.topics()
        return progress.combined([topic.progress for topic in topics if topic.gone_at is None]), topics

    def troubled(self) -> Sequence[TroubledPartition]:
        """The partitions whose indexer fails again and again, those first that have failed for longest."""
        return [replace(one, after=one.after and self._label_if_any(one.after)) for one in progress.troubled()]

    # -- events

    def with_event_id(self, event_id: str) -> Sequence[Pointer]:
        """The events of this id, at most 20: originals first. More than one original is worth a warning."""
        return self._labelled(queries.by_event_id(event_id))

    def at_spelled(self, text: str, topics: Mapping[str, IndexedTopic]) -> Sequence[Pointer]:
        """The events at the position that this text is, in any form that a page, a frame or the broker's tools show. A label
        alone counts if it is of several numbers (``118:4021``). ``topics`` are those of ``topics()``."""
        found = positions_spelled(self._log, text, topics) or labelled_anywhere(self._log, text, topics.values())
        return self._labelled(pointers_spelled(self._log, found))

    def positions_spelled(self, text: str, topic: str) -> Sequence[Position]:
        """The positions in this topic that the text may mean. One alone counts whether it is indexed or not. A label alone
        may mean one in each partition: of those, the indexed ones count."""
        found = positions_spelled(self._log, text, self.topics(), topic)
        indexed = [pointer.position for pointer in self._labelled(pointers_spelled(self._log, found))]
        return indexed or (found if len(found) == 1 else [])

    def with_value(self, text: str) -> Mapping[str, ValueMatches]:
        """The events that have this text as a declared searchable value: by the value's name, each by time, at most 200, with
        some events of each aggregate.

        Never show this to people that may not see payloads: they could find out values by guessing.
        """
        forms: dict[str, list[str]] = {}
        for name, stored in lookup_forms(text, self._searchables, self._hash_key):
            forms.setdefault(name, []).append(stored)
        found = {name: by_value(name, stored) for name, stored in forms.items()}
        return {
            name: replace(matches, pointers=self._labelled(matches.pointers))
            for name, matches in found.items()
            if matches.pointers
        }

    def conversation(self, correlation_id: str) -> Sequence[Pointer]:
        """The events of one correlation id, by time, at most 200."""
        return self._labelled(queries.by_correlation(correlation_id))

    def effects_of(self, event_id: str) -> Sequence[Pointer]:
        """The events that name this one as their cause, by time, at most 200."""
        return self._labelled(queries.caused_by(event_id))

    # -- anomalies

    def anomalies(
        self,
        kind: Anomaly,
        *,
        aggregate: tuple[str, str] | None = None,
        before: str = "",
        after: str = "",
        limit: int = 50,
    ) -> Page[AnomalyLine]:
        """The events with this kind of anomaly (of one aggregate's type and id), the last one found first.

        ``newer`` is the ``after`` of the page above, ``older`` the ``before`` of the next one.
        """
        page = anomaly_lookup.anomaly_lines(
            kind.value,
            before=_number(before),
            after=_number(after),
            limit=limit,
            streams=queries.stream_numbers(*aggregate) if aggregate else None,
        )
        lines = [replace(line, pointer=labelled(self._log, line.pointer)) for line in page.items]
        return Page(items=lines, newer=page.newer, older=page.older)

    def anomalies_of(self, pointer: Pointer) -> Mapping[str, str]:
        """Return the anomalies of this event: details by kind, empty if the kind says everything."""
        place = pointer.position
        return (
            anomaly_lookup.details_at(place.topic, place.partition, pointer.ordinal, pointer.ended_at)
            if pointer.anomalies
            else {}
        )

    def unreadable_with_key(self, key: str, topics: Collection[str], limit: int = 20) -> Sequence[Pointer]:
        """The messages in these topics that could not be read and have this key, first indexed first."""
        return self._labelled(anomaly_lookup.unreadable_with_key(key, topics, limit))

    def _label_if_any(self, position: Position) -> Position:
        """The position with its label. One that is none of this store's may be the very trouble: it has no label."""
        try:
            return with_label(self._log, position)
        except InvalidPosition:
            return position

    def _labelled(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        return [labelled(self._log, pointer) for pointer in pointers]


def _number(page_token: str) -> int | None:
    """The number that a page of anomalies ends with."""
    return page_number(page_token) if page_token else None
