"""From what a client asks for to the viewer that watches it. Blocks: for a thread."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from dashboard.gateway import desk
from dashboard.sockets.tail.begin import MOST_TOPICS, Begin, NotUnderstood
from eventstore.model import Topic, UnknownTopic
from eventstore.search import Filter, parse_filter
from eventstore.tail import TailSubscriber


class NothingKnown(UnknownTopic):
    """There is no topic in which the index knows an event of the aggregate."""


def topics_of(begin: Begin) -> list[Topic]:
    """The topics to watch, each once. ``UnknownTopic`` for one that is not there, ``NothingKnown`` for an aggregate that is in
    none, ``NotUnderstood`` where it is in too many, ``StoreUnreachable`` where nobody can say."""
    if begin.aggregate is not None and not begin.topics:
        found = _topics_of_aggregate(*begin.aggregate)
    else:
        found = [desk().log.topic(name) for name in begin.topics]
    return list({topic.name: topic for topic in found}.values())


def filter_of(begin: Begin, chosen: Filter | None) -> Filter | None:
    """What the viewer filters by: what was asked for, of the one aggregate where there is one."""
    if begin.aggregate is None:
        return chosen
    return (chosen or parse_filter("")).of_aggregate(*begin.aggregate)


def open_viewer(
    begin: Begin, filter: Filter | None, wake: Callable[[], None], *, complete: bool
) -> tuple[TailSubscriber, Sequence[str]]:
    """The viewer, and the full names of the topics that it watches; any ``EventStoreError``, and ``NotUnderstood``."""
    topics = topics_of(begin)
    names = [topic.name for topic in topics]
    start = begin.start
    if start.position is not None and start.position.topic not in names:
        raise NotUnderstood("The position to begin from is not in a topic that this tail follows.")
    if start.places is not None:
        start = replace(start, aggregate=begin.aggregate)
    return desk().tail.open(topics, start, wake, filter=filter, complete=complete), names


def has_new_topics(begin: Begin, followed: Collection[str]) -> bool:
    """Whether the aggregate that is followed wherever it has events has some in a topic by now that is not followed yet."""
    if begin.aggregate is None or begin.topics:
        return False
    for name in _names_of_aggregate(*begin.aggregate):
        if name not in followed:
            with suppress(UnknownTopic):
                if desk().log.topic(name).name not in followed:
                    return True
    return False


def _names_of_aggregate(type: str, id: str) -> list[str]:
    aggregate = desk().index.aggregate(type, id)
    return sorted({stream.topic for stream in aggregate.streams}) if aggregate else []


def _topics_of_aggregate(type: str, id: str) -> list[Topic]:
    """Those that are still there: the index remembers what it knew of deleted ones."""
    names = _names_of_aggregate(type, id)
    if not names:
        raise NothingKnown(
            "The index knows no event of this aggregate, so that there is no topic to follow: name topics as well."
        )
    found: list[Topic] = []
    for name in names:
        with suppress(UnknownTopic):
            found.append(desk().log.topic(name))
        if len(found) > MOST_TOPICS:
            raise NotUnderstood(f"This aggregate is in more than {MOST_TOPICS} topics: name those to follow.")
    if not found:
        raise NothingKnown("The topics in which the index knows events of this aggregate are gone: name topics as well.")
    return found
