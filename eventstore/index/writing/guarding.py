"""Prepare events so that one of them never stops the others: what cannot be prepared is indexed as unreadable."""

from collections.abc import Sequence

from eventstore.config.searchable_values import ValuesOf
from eventstore.envelope.parts import unreadable_event
from eventstore.index.tables.keys import Key
from eventstore.index.writing.prepared_batch import PreparedBatch, prepare_batch
from eventstore.model.errors import NOT_THE_MESSAGE, reported
from eventstore.model.events import Event, Topic


def prepare_events(topic: Topic, key: Key, events: Sequence[Event], values_of: ValuesOf | None) -> PreparedBatch:
    """Do as ``prepare_batch``, with the searchable values of each event. An event on which it fails becomes an unreadable one.

    The batch is prepared as a whole. Only if that fails is each event tried by itself.
    """
    try:
        return _prepared(topic, key, events, values_of)
    except NOT_THE_MESSAGE:
        raise
    except Exception:  # noqa: BLE001 -- each event is tried again, and the one that fails is reported
        return _prepared(topic, key, indexable(topic, key, events, values_of), values_of)


def indexable(topic: Topic, key: Key, events: Sequence[Event], values_of: ValuesOf | None) -> list[Event]:
    """Return these events as they can be indexed, each by itself: as it is, or as an unreadable one."""
    return [_indexable(topic, key, event, values_of) for event in events]


def _indexable(topic: Topic, key: Key, event: Event, values_of: ValuesOf | None) -> Event:
    try:
        _prepared(topic, key, [event], values_of)
    except NOT_THE_MESSAGE:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever one event does, the others are indexed
        return unreadable_event(event.message, reported(error, event.position.where))
    return event


def _prepared(topic: Topic, key: Key, events: Sequence[Event], values_of: ValuesOf | None) -> PreparedBatch:
    return prepare_batch(topic, key, events, values_of(topic, events) if values_of else ())
