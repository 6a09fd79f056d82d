"""Opens the subscriber for what a client wants to watch. These functions block, so call them in a thread."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from dashboard.access.scopes import Scope
from dashboard.gateway import desk
from dashboard.privacy import AccessProfile, given_id
from dashboard.scoping.current import answering
from dashboard.scoping.special import limited
from dashboard.sockets.tail.begin import MOST_TOPICS, Begin, InvalidBegin
from eventstore.model import Topic, UnknownTopic
from eventstore.search import Filter, parse_filter
from eventstore.tail import TailSubscriber

T = TypeVar("T")


class AggregateNotIndexed(UnknownTopic):
    """The index knows no topic with events of the aggregate."""


def meant_by(begin: Begin, profile: AccessProfile) -> Begin:
    """What the client means: with the aggregate's id where it gives a handle, and an id that nothing has where it gives a
    personal id and may not."""
    if begin.aggregate is None:
        return begin
    type, given = begin.aggregate
    return replace(begin, aggregate=(type, given_id(type, given, profile)))


def topics_of(begin: Begin) -> list[Topic]:
    """The topics to watch, each once.

    Raises ``UnknownTopic`` if a topic does not exist, ``AggregateNotIndexed`` if the aggregate is in no topic,
    ``InvalidBegin`` if it is in too many, and ``StoreUnreachable``.
    """
    if begin.aggregate is not None and not begin.topics:
        topics = _topics_of_aggregate(*begin.aggregate)
    else:
        topics = [desk().log.topic(name) for name in begin.topics]
    return list({topic.name: topic for topic in topics}.values())


def filter_of(begin: Begin, requested: Filter | None, scope: Scope) -> Filter | None:
    """The requested filter, restricted to what lies in the scope, and to the aggregate if there is one."""
    within = limited(requested, scope)
    if begin.aggregate is None:
        return within
    return (within or parse_filter("")).of_aggregate(*begin.aggregate)


def as_seen_in(scope: Scope, work: Callable[[], T]) -> T:
    """Do this work of opening a tail for somebody with this scope."""
    with answering(lambda: scope):
        return work()


def open_subscriber(
    begin: Begin, topics: Sequence[Topic], filter: Filter | None, wake: Callable[[], None], *, complete: bool
) -> TailSubscriber:
    """The subscriber of these topics. Raises any ``EventStoreError``, and ``InvalidBegin``."""
    names = [topic.name for topic in topics]
    start = begin.start
    if start.position is not None and start.position.topic not in names:
        raise InvalidBegin("The position to begin from is not in a topic that this tail follows.")
    if start.places is not None:
        start = replace(start, aggregate=begin.aggregate)
    return desk().tail.open(topics, start, wake, filter=filter, complete=complete)


def has_new_topics(begin: Begin, followed: Collection[str]) -> bool:
    """Whether an aggregate that is followed in all topics now has events in a topic that is not followed yet."""
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
    """The aggregate's topics that still exist. The index also remembers deleted ones."""
    names = _names_of_aggregate(type, id)
    if not names:
        raise AggregateNotIndexed(
            "The index knows no event of this aggregate, so that there is no topic to follow: name topics as well."
        )
    topics: list[Topic] = []
    for name in names:
        with suppress(UnknownTopic):
            topics.append(desk().log.topic(name))
        if len(topics) > MOST_TOPICS:
            raise InvalidBegin(f"This aggregate is in more than {MOST_TOPICS} topics: name those to follow.")
    if not topics:
        raise AggregateNotIndexed(
            "The topics in which the index knows events of this aggregate are gone: name topics as well."
        )
    return topics
