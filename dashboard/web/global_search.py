"""What a text in the search box may mean: asked of the index, each look-up bounded by itself."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.gateway import desk
from dashboard.privacy import AccessProfile
from dashboard.rendering import EventLine, aggregate_url, build_pointer_line
from dashboard.rendering.text import humanize_type
from dashboard.web.event_detail import MOST_TOGETHER
from eventstore.model import Aggregate, AggregateType, IndexedTopic, ValueMatches

MOST_HITS = 20
_BETWEEN = re.compile(r"\s*[/:]\s*|\s+")
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb<>"
_BEHIND = ".,;:"


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueHits:
    """The events that have the text as the declared searchable value of this name; ``matches`` says whether these are all."""

    name: str
    lines: Sequence[EventLine]
    matches: ValueMatches


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What a text may mean: aggregates whose id begins with it, events of this very id, a conversation, events with this as a
    searchable value (asked for those alone who may see payloads), aggregate types and topics of this name.

    ``text`` is what was looked for in the end: what was typed, or that text tidied. ``in_other_letters``: where nothing was
    found, the same in small letters or capitals for which there is something.
    """

    text: str
    aggregates: Sequence[Aggregate] = ()
    events: Sequence[EventLine] = ()
    conversation: Sequence[EventLine] = ()
    values: Sequence[ValueHits] = ()
    types: Sequence[AggregateType] = ()
    topics: Sequence[IndexedTopic] = ()
    in_other_letters: str = ""
    most: int = MOST_HITS
    most_together: int = MOST_TOGETHER

    def only(self) -> str:
        """The address of the only thing found; empty where there are more, or none, or where nobody looked at all of them."""
        if not all(found.matches.all_aggregates for found in self.values):
            return ""
        urls = [aggregate_url(found.type, found.id) for found in self.aggregates]
        urls += [line.url for line in (*self.events, *self.conversation)]
        urls += [reverse("aggregate_type", args=[type.name]) for type in self.types]
        urls += [reverse("topic", args=[topic.topic]) for topic in self.topics]
        urls += {
            line.aggregate_url for found in self.values for line in found.lines
        }  # a value is looked up to find who has it
        return urls[0] if len(urls) == 1 else ""

    @property
    def all_of(self) -> list[tuple[str, str]]:
        """Where there may be more aggregates than are shown: their types, each with the address of all that begin so."""
        if len(self.aggregates) < self.most:
            return []
        types = sorted({found.type for found in self.aggregates})
        return [(type, f"{reverse('aggregate_type', args=[type])}?{urlencode({'q': self.text})}") for type in types]

    def __bool__(self) -> bool:
        return bool(self.aggregates or self.events or self.conversation or self.values or self.types or self.topics)


def search(text: str, viewer: AccessProfile) -> Hits:
    """What the text means as it is typed; else without the quotes and stops that come along when an id is copied."""
    types, topics = cache(desk().index.aggregate_types), cache(desk().index.topics)

    def look_up(text: str) -> Hits:
        return _look_up(text, viewer, types, topics)

    bare = text.strip(_QUOTES).rstrip(_BEHIND).strip(_QUOTES).strip()
    hits = look_up(text)
    if not hits and bare and bare != text:
        hits = look_up(bare) or hits
    if hits:
        return hits
    other = next((other for other in dict.fromkeys((bare.lower(), bare.upper())) if other != bare and look_up(other)), "")
    return replace(hits, in_other_letters=other)


def _look_up(
    text: str,
    viewer: AccessProfile,
    types: Callable[[], Sequence[AggregateType]],
    topics: Callable[[], Mapping[str, IndexedTopic]],
) -> Hits:
    """Each look-up is one question to the index, bounded by itself; the types are asked last, since that takes longest."""
    hits = Hits(
        text=text,
        aggregates=desk().index.aggregates_anywhere(text, limit=MOST_HITS),
        events=[build_pointer_line(pointer) for pointer in desk().index.with_event_id(text)],
        conversation=[build_pointer_line(pointer) for pointer in desk().index.conversation(text)],
        values=_values(text) if viewer.sees_values else (),
        topics=[topic for topic in topics().values() if topic.gone_at is None and _is_named(topic, text)],
    )
    if hits.aggregates:
        return hits
    if _BETWEEN.search(text):
        return replace(hits, aggregates=_of_a_named_type(text, types()))
    if hits:
        return hits
    return replace(hits, types=[type for type in types() if text.lower() in _names_of(type)])


def _is_named(topic: IndexedTopic, text: str) -> bool:
    return text in (topic.topic, topic.topic.rpartition("/")[2])


def _values(text: str) -> list[ValueHits]:
    found = desk().index.with_value(text)
    return [
        ValueHits(name=name, lines=[build_pointer_line(pointer) for pointer in matches.pointers], matches=matches)
        for name, matches in sorted(found.items())
    ]


def _of_a_named_type(text: str, types: Sequence[AggregateType]) -> list[Aggregate]:
    """What ``patient 4711``, ``patient/4711`` or ``patient:4711`` means: that aggregate, else those of the type whose id
    begins so.

    Asked of the types that there are, since type and id may hold spaces and slashes themselves.
    """
    found: list[Aggregate] = []
    for type in types:
        for name in _names_of(type):
            between = _BETWEEN.match(text, len(name))
            if between and text[: len(name)].lower() == name and (id := text[between.end() :]):
                exact = desk().index.aggregate(type.name, id)
                found += [exact] if exact else desk().index.aggregates(type.name, prefix=id, limit=MOST_HITS).items
                break
    return found[:MOST_HITS]


def _names_of(type: AggregateType) -> set[str]:
    """What people call it, in small letters: its name, and that in plain words."""
    return {type.name.lower(), humanize_type(type.name).lower()}
