"""From an event to its copies in derived topics, and from a copy to its original, as far as both are indexed."""

from collections.abc import Iterable, Sequence

from eventstore.config.topic_kinds import belongs_to
from eventstore.index.lookup import queries
from eventstore.index.writing.copy_origin import mark_of, original_of, parts_of
from eventstore.model.events import TopicKind
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.streams.rows import Row


def copies_of(log: Log, pointer: Pointer) -> Sequence[Pointer]:
    """Return the copies that name this event as their original, by its id or by its place, oldest first.

    A place counts only within the topics derived from the event's own, because the embedded store numbers each topic
    from 0.
    """
    place = log.position(pointer.position.topic, pointer.position.partition, pointer.position.token)
    by_place = [copy for copy in queries.copies_of(place.label) if belongs_to(copy.position.topic, place.topic)]
    by_mark = [copy for copy in queries.copies_of(mark_of(place.message)) if copy.event_id == pointer.event_id]
    found = {copy.position: copy for copy in (*queries.copies_of(pointer.event_id), *by_place, *by_mark)}
    return sorted(found.values(), key=lambda copy: copy.published)


def originals_of(log: Log, copy: Pointer) -> Sequence[Pointer]:
    """Return the event whose id the copy names, or that lies at the place it names; otherwise what has the copy's own id.

    A replay's copy of several events names the message that holds them: then the one with the copy's own id counts.
    """
    found = _with_id(copy.original) or _at_mark(log, copy) or _at_label(log, copy)
    return found or ([] if copy.unreadable else _with_id(copy.event_id))


def _with_id(event_id: str) -> list[Pointer]:
    return [pointer for pointer in queries.by_event_id(event_id) if not pointer.derived] if event_id else []


def _at_mark(log: Log, copy: Pointer) -> list[Pointer]:
    """Return what lies at the place that a replay's copy names, in whatever topic, if it has the copy's id."""
    named = parts_of(copy.original)
    place = log.labelled(*named) if named else None
    there = queries.at_each([place]).values() if place is not None else ()
    return [pointer for pointer in there if pointer.event_id == copy.event_id or copy.unreadable]


def _at_label(log: Log, copy: Pointer) -> list[Pointer]:
    """Return what lies at the place that the copy names, in the topics from which its own topic is derived."""
    topics = [
        topic
        for topic in queries.indexed_topics()
        if topic.kind == TopicKind.EVENTS and belongs_to(copy.position.topic, topic.topic)
    ]
    places = [
        position
        for topic in topics
        for number in range(topic.partitions)
        if (position := log.labelled(topic.topic, number, copy.original)) is not None
    ]
    return list(queries.at_each(places).values())


def count_copies(rows: Iterable[Row]) -> int:
    """How many of these events name an original, as replays, retries and dead letters do."""
    return sum(bool(row.event and original_of(row.event)) for row in rows)
