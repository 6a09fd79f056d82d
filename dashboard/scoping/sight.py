"""What lies within a scope: topics (those of copies with them), types of aggregates, and whatever names one of them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from dashboard.access.copies import origins_of
from dashboard.access.scopes import ANY, Scope
from eventstore.config import Config
from eventstore.extent import Extent
from eventstore.model import Event, IndexedTopic, Message, Pointer, Position, Topic, TopicKind
from eventstore.streams import Row

_NESTED = ("position", "pointer", "row", "event", "message", "backlog", "subscription", "job", "resource", "held", "original")
"""Attributes in which a thing has another one, in whose scope it lies."""
_PLAIN = (str, bytes, int, float)
_WORDS = re.compile(r"[\s\"'`(),;:=]+")
FREE = frozenset({"reason", "ticket", "case", "digest", "approval"})
"""Fields in which people, or the program, write sentences, and codes: a word there may be that of anything."""
CODES = frozenset({"kind", "way", "format", "form", "role", "role_before", "role_after", "mark", "outcome", "state", "wanted"})
"""Fields that hold a word of the program's own, such as "event"."""
_NAMES = """
address aggregate aggregates all_counted backlog before build canary_of chosen consumers consumption days entries event
event_ids events failed fields filter filtered found from groups groups_after groups_before hours imported job kept left_out
letters minutes name of only parts path places positions projection range reveal reveals sent source steps stopped
subscription target time times to tokens topic topics until values waits what
"""
OWN = FREE | CODES | frozenset(_NAMES.split())
"""Names of fields in what jobs are asked for and in the details of acts: as such they name nothing of the store."""
BY_NAME = frozenset({"chosen", "places", "positions", "topics", "until"})
"""Fields whose own fields are called by names of the store."""


class Sight:
    """One person's scope, held against one store. Made for one answer."""

    def __init__(
        self,
        scope: Scope,
        config: Config,
        *,
        topics: Callable[[], Iterable[IndexedTopic]],
        types: Callable[[], Iterable[str]],
        read: Callable[[Message], Event],
        rows_of: Callable[[Sequence[Pointer]], Sequence[Row]],
    ) -> None:
        """``topics`` and ``types``: those of the whole index. ``read`` and ``rows_of``: of the whole desk."""
        self.scope, self._config = scope, config
        self._all_topics, self._all_types = topics, types
        self._read, self._rows_of = read, rows_of
        self._known: dict[str, bool] = {}
        self.every_type = has_every_type(scope)
        self.extent = Extent(self.has_topic, scope.has_aggregate_type, every_type=self.every_type)

    def has_topic(self, name: str) -> bool:
        """Whether the topic of this canonical name is seen. An empty name is no topic, and hides nothing."""
        if name not in self._known:
            origins = origins_of(name, self._config, lambda: self._topics_with_events)
            self._known[name] = all(map(self.scope.has_topic, origins or [name])) if name else True
        return self._known[name]

    def has_aggregate_type(self, name: str) -> bool:
        return self.extent.has_aggregate_type(name)

    @cached_property
    def _topics_with_events(self) -> Sequence[str]:
        return [topic.topic for topic in self._all_topics() if topic.kind == TopicKind.EVENTS]

    # -- things

    def sees(self, thing: object) -> bool:
        """Whether this may be shown: an event, a topic, a subscription, a job or whatever else has one of them. What has
        nothing to do with the store's contents is."""
        if thing is None or isinstance(thing, _PLAIN):
            return True
        known = self._kinds.get(type(thing))
        if known is not None:
            return known(thing)
        return self._sees_named(thing) and all(self.sees(each) for each in _nested(thing))

    @cached_property
    def _kinds(self) -> Mapping[type, Callable[[Any], bool]]:
        return {
            Position: lambda one: self.has_topic(one.topic),
            Topic: lambda one: self.has_topic(one.name),
            Event: self._sees_event,
            Message: lambda one: self.has_topic(one.position.topic) and (self.every_type or self.sees(self._read(one))),
            Pointer: self._sees_pointer,
            Row: self._sees_row,
        }

    def _sees_event(self, event: Event) -> bool:
        return self.has_topic(event.position.topic) and (bool(event.problem) or self._has_type(event.aggregate_type))

    def _has_type(self, name: str) -> bool:
        return self.every_type or self.has_aggregate_type(name)

    def _sees_pointer(self, pointer: Pointer) -> bool:
        if not self.has_topic(pointer.position.topic) or not self._has_type(pointer.aggregate_type):
            return False
        if self.every_type or not pointer.derived or pointer.aggregate_type:
            return True
        return all(map(self._sees_row, self._rows_of([pointer])))  # of a copy, the event alone tells the aggregate

    def _sees_row(self, row: Row) -> bool:
        if not self.has_topic(row.position.topic):
            return False
        if self.every_type:
            return True
        if row.event is not None:
            return self.sees(row.event)
        return row.pointer is not None and not row.pointer.derived and self._has_type(row.pointer.aggregate_type)

    def _sees_named(self, thing: object) -> bool:
        """By the names that the thing has in fields of its own."""
        topic = getattr(thing, "topic", "")
        name = topic.name if isinstance(topic, Topic) else topic
        if isinstance(name, str) and not self.has_topic(name):
            return False
        if not self._has_type(_text(thing, "aggregate_type")):
            return False
        asked = self._named.get(type(thing).__name__)
        return asked is None or asked(thing)

    @cached_property
    def _named(self) -> Mapping[str, Callable[[Any], bool]]:
        return {
            **{
                kind: lambda one: self._has_type(one.type) for kind in ("Aggregate", "WaitingOfAggregate", "FollowedAggregate")
            },
            "AggregateType": lambda one: self._has_type(one.name),
            "Projection": self.has_projection,
            "Job": lambda one: not self.mentions_hidden(one.arguments),
            "ReplayOrder": lambda one: not self.mentions_hidden(one.projection),
            "Resource": lambda one: not self.mentions_hidden(one.name),
            "LocalRows": lambda one: self.has_projection_named(one.projection),
        }

    def has_projection(self, projection: Any) -> bool:
        """Whether every topic that it reads is seen, of those that are there."""
        there = [topic for topic in self._topics_with_events if projection.reads(topic)]
        return all(map(self.has_topic, there or projection.topics))

    def has_projection_named(self, name: str) -> bool:
        """Whether the projection is seen. What is not declared may have read anything. An empty name hides nothing."""
        return not name or any(self.has_projection(one) for one in self._config.projections if one.name == name)

    # -- texts

    def mentions_hidden(self, value: object) -> bool:
        """Whether a text in this value, as JSON has them, names a topic, projection or type of aggregates that is not seen."""
        if isinstance(value, str):
            return bool(value) and any(self._is_hidden(word) for word in {value, *_WORDS.split(value)})
        if isinstance(value, Mapping):
            return any(self._field_mentions(key, each) for key, each in value.items())
        return isinstance(value, list | tuple | set | frozenset) and any(map(self.mentions_hidden, value))

    def _field_mentions(self, name: object, value: object) -> bool:
        own = name in OWN
        if not own and self.mentions_hidden(name):
            return True
        by_name = name in BY_NAME or not (own or str(name).isdigit())  # numbers are those of partitions
        if by_name and isinstance(value, Mapping) and self.mentions_hidden(list(value)):
            return True
        if own and (name in FREE or (name in CODES and isinstance(value, str))):
            return False
        return self.mentions_hidden(value)

    def _is_hidden(self, word: str) -> bool:
        names = {word, word.rpartition("@")[2], word.partition("/")[0], re.sub(r"-(?:partition-)?\d+\Z", "", word)}
        return not names.isdisjoint(self._hidden)

    @cached_property
    def _hidden(self) -> frozenset[str]:
        topics = {topic.topic: self.has_topic(topic.topic) for topic in self._all_topics()}
        seen_lasts = {name.rpartition("/")[2] for name, seen in topics.items() if seen}
        lasts = {name.rpartition("/")[2] for name, seen in topics.items() if not seen} - seen_lasts
        projections = {one.name for one in self._config.projections if not self.has_projection(one)}
        types = {name for name in self._all_types() if name and not self._has_type(name)}
        return frozenset({name for name, seen in topics.items() if not seen} | lasts | projections | types)


def has_every_type(scope: Scope) -> bool:
    return ANY in scope.aggregate_types and (scope.within is None or has_every_type(scope.within))


def _nested(thing: object) -> Iterable[object]:
    found = (getattr(thing, name, None) for name in _NESTED)
    return [each for each in found if not (each is None or isinstance(each, str) or callable(each))]


def _text(thing: object, name: str) -> str:
    found = getattr(thing, name, "")
    return found if isinstance(found, str) else ""
