"""Everything that a text in the search box may mean. The index is asked several bounded questions."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from dashboard.gateway import desk
from dashboard.privacy import (
    AccessProfile,
    any_is_personal,
    display_id,
    given_id,
    is_personal,
    known_handle,
    may_ask_for_ids,
    may_search,
)
from dashboard.rendering import EventLine, aggregate_url, build_pointer_line
from dashboard.rendering.text import humanize_type
from dashboard.web.event_detail import MOST_TOGETHER
from eventstore.model import Aggregate, AggregateType, DeliveryState, IndexedTopic, Pointer, ValueMatches

MOST_HITS = 20
_SEPARATOR = re.compile(r"\s*[/:]\s*|\s+|[-_#]")
"""Between an aggregate type and an id. Hyphens as in subjects, ``loan-173688``: only behind a type that exists."""
SHORTEST_TYPE = 3
"""Characters of a text that is looked for in event types."""
_BARE = re.compile(r'[^\s()"*]+')
"""What needs no quotes as a value of a filter, so that a ``*`` may follow."""
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb<>"
_TRAILING = ".,;:"


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueHits:
    """The events whose searchable value of this name is the text. ``matches`` says whether these are all."""

    name: str
    lines: Sequence[EventLine]
    matches: ValueMatches


@dataclass(frozen=True, kw_only=True, slots=True)
class EventTypeHit:
    """An event type whose name holds the text, and the addresses of its events in each topic, by the topic's name."""

    name: str
    topics: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What a text may mean: aggregates whose id begins with it, events with this id or at this position, a conversation,
    events with this searchable value (only for people who may see payloads), aggregate types and topics of this name, and
    event types that hold it.

    ``text`` is what was searched for: the text as typed, or cleaned. ``in_other_case``: if nothing was found, the text in
    lower or upper case, if that finds something. ``all_types`` are those of the index, if the search had to ask for them.
    """

    text: str
    aggregates: Sequence[Aggregate] = ()
    events: Sequence[EventLine] = ()
    places: Sequence[EventLine] = ()
    conversation: Sequence[EventLine] = ()
    values: Sequence[ValueHits] = ()
    types: Sequence[AggregateType] = ()
    all_types: Sequence[AggregateType] = ()
    topics: Sequence[IndexedTopic] = ()
    event_types: Sequence[EventTypeHit] = ()
    in_other_case: str = ""
    most: int = MOST_HITS
    most_together: int = MOST_TOGETHER

    def only(self) -> str:
        """The address of the only hit. Empty if there are several or none, or if there may be more than were looked at."""
        if not all(hits.matches.all_aggregates for hits in self.values):
            return ""
        urls = [aggregate_url(aggregate.type, aggregate.id) for aggregate in self.aggregates]
        urls += [line.url for line in (*self.events, *self.places, *self.conversation)]
        urls += [reverse("aggregate_type", args=[type.name]) for type in self.types]
        urls += [reverse("topic", args=[topic.topic]) for topic in self.topics]
        urls += [url for type in self.event_types for _, url in type.topics]
        # People search for a value to find the aggregate that has it.
        urls += {line.aggregate_url for hits in self.values for line in hits.lines}
        return urls[0] if len(urls) == 1 else ""

    @property
    def all_of(self) -> list[tuple[str, str]]:
        """If there may be more aggregates than shown: their types, with the address of all whose id begins so."""
        if len(self.aggregates) < self.most:
            return []
        types = sorted({aggregate.type for aggregate in self.aggregates})
        return [(type, f"{reverse('aggregate_type', args=[type])}?{urlencode({'q': self.text})}") for type in types]

    def __bool__(self) -> bool:
        lists = (self.aggregates, self.events, self.places, self.conversation, self.values, self.types, self.topics)
        return any(lists) or bool(self.event_types)


def search(text: str, profile: AccessProfile) -> Hits:
    """Search for the text as typed. If that finds nothing, search without the quotes and stops of a copied id."""
    types, topics = cache(desk().index.aggregate_types), cache(desk().index.topics)

    def look_up(text: str) -> Hits:
        return _look_up(text, profile, types, topics)

    bare = text.strip(_QUOTES).rstrip(_TRAILING).strip(_QUOTES).strip()
    hits = look_up(text)
    if not hits and bare and bare != text:
        hits = look_up(bare) or hits
    if hits:
        return hits
    other = next((other for other in dict.fromkeys((bare.lower(), bare.upper())) if other != bare and look_up(other)), "")
    return replace(hits, in_other_case=other)


def _look_up(
    text: str,
    profile: AccessProfile,
    types: Callable[[], Sequence[AggregateType]],
    topics: Callable[[], Mapping[str, IndexedTopic]],
) -> Hits:
    """Each look-up is one bounded question to the index. The types come last, because they take longest."""
    hits = Hits(
        text=text,
        aggregates=_aggregates(text, profile, types),
        events=_lines(_not_of_asked(text, desk().index.with_event_id(text), profile), profile),
        places=_lines(desk().index.at_spelled(text, topics()), profile),
        conversation=_lines(_not_of_asked(text, desk().index.conversation(text), profile), profile),
        values=_values(text, profile),
        topics=[topic for topic in topics().values() if topic.gone_at is None and _is_named(topic, text)],
    )
    if hits.aggregates:
        return hits
    if _SEPARATOR.search(text):
        hits = replace(hits, aggregates=_aggregates_of_named_type(text, types(), profile))
    if hits:
        return hits
    hits = replace(hits, types=[type for type in types() if text.lower() in _names_of(type)], all_types=types())
    return hits if hits else replace(hits, event_types=_event_types(text))


def _event_types(text: str) -> list[EventTypeHit]:
    """The event types that hold the text, as they are written or in plain words ("document uploaded")."""
    found = desk().index.event_types_like(text.split()) if len(text) >= SHORTEST_TYPE else {}
    return [
        EventTypeHit(name=name, topics=[(topic, _events_of(name, topic)) for topic in topics])
        for name, topics in found.items()
        if text.lower() in name.lower() or text.lower() in humanize_type(name).lower()
    ]


def _events_of(type: str, topic: str) -> str:
    return f"{reverse('topic', args=[topic])}?{urlencode({'filter': f'type={quoted(type)}'})}"


def filters_for(text: str, *, sees_values: bool) -> list[tuple[str, str]]:
    """What a search that reads a topic can look for: in words, and as a filter. Only what this person may filter by."""
    words = text.split()
    ways = []
    if sees_values:
        ways.append(("all these words" if len(words) > 1 else "anywhere", " ".join(map(quoted, words))))
        ways += [("this phrase", quoted(text))] if len(words) > 1 else []
        ways += [("subject", f"subject:{quoted(text)}"), ("key", f"key:{quoted(text)}")]
    if _BARE.fullmatch(text):
        ways.append(("event ids that begin with it", f"id:{text}*"))
    return ways


def delivery_filter(subscription: str, state: DeliveryState) -> str:
    """The filter for what became of events in a subscription: ``delivery:mailer=pending``."""
    plain = subscription and not set(subscription) & set(' \t\n()"') and subscription.isprintable()
    return f"delivery:{subscription if plain else quoted(subscription)}={state.value.replace(' ', '-')}"


def quoted(text: str) -> str:
    """The text as a value of a filter, whatever it holds."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_named(topic: IndexedTopic, text: str) -> bool:
    return text in (topic.topic, topic.topic.rpartition("/")[2])


def _values(text: str, profile: AccessProfile) -> list[ValueHits]:
    """The events with this value, by its name. A name is left out if one of its declarations is of a value that is masked."""
    declared = settings.EVENTDESK.searchables
    hidden = {searchable.name for searchable in declared if not may_search(searchable, profile)}
    if {searchable.name for searchable in declared} <= hidden:
        return []
    matches_by_name = {name: found for name, found in desk().index.with_value(text).items() if name not in hidden}
    return [
        ValueHits(name=name, lines=_lines(matches.pointers, profile), matches=matches)
        for name, matches in sorted(matches_by_name.items())
    ]


def _aggregates(text: str, profile: AccessProfile, types: Callable[[], Sequence[AggregateType]]) -> list[Aggregate]:
    """The aggregate with this handle, or those whose id begins with the text, as far as the profile may ask for them."""
    if meant := known_handle(text):
        found = desk().index.aggregate(*meant)
        return _shown([found] if found else [], profile)
    if profile.sees_values or not any_is_personal():
        return _shown(desk().index.aggregates_anywhere(text, limit=MOST_HITS), profile)
    personal = [type.name for type in types() if is_personal(type.name)]
    exact = [desk().index.aggregate(name, text) for name in personal] if may_ask_for_ids(profile) else []
    others = desk().index.aggregates_anywhere(text, limit=MOST_HITS, without=personal)
    return _shown([*filter(None, exact), *others][:MOST_HITS], profile)


def _shown(found: Iterable[Aggregate], profile: AccessProfile) -> list[Aggregate]:
    return [replace(each, id=display_id(each.type, each.id, profile)) for each in found]


def _lines(pointers: Iterable[Pointer], profile: AccessProfile) -> list[EventLine]:
    return [build_pointer_line(pointer, profile=profile) for pointer in pointers]


def _not_of_asked(text: str, pointers: Sequence[Pointer], profile: AccessProfile) -> Sequence[Pointer]:
    """None of them where the text is the personal id of one's aggregate, which publishers may use as another id as well."""
    hides = not may_ask_for_ids(profile)
    named = (is_personal(pointer.aggregate_type) and pointer.aggregate_id == text for pointer in pointers)
    return () if hides and any(named) else pointers


def _of_type(type: str, text: str, profile: AccessProfile) -> list[Aggregate]:
    """The aggregate of this type that the text names, or those whose id begins so."""
    exact = desk().index.aggregate(type, given_id(type, text, profile))
    if exact or (is_personal(type) and not profile.sees_values):
        return _shown([exact] if exact else [], profile)
    return _shown(desk().index.aggregates(type, prefix=text, limit=MOST_HITS).items, profile)


def _aggregates_of_named_type(text: str, types: Sequence[AggregateType], profile: AccessProfile) -> list[Aggregate]:
    """The aggregate that ``patient 4711``, ``patient/4711``, or ``patient:4711`` means, or those whose id begins so.

    Compares with the existing types, because types and ids may contain spaces and slashes themselves.
    """
    aggregates: list[Aggregate] = []
    for type in types:
        for name in _names_of(type):
            separator = _SEPARATOR.match(text, len(name))
            if separator and text[: len(name)].lower() == name and (id := text[separator.end() :]):
                aggregates += _of_type(type.name, id, profile)
                break
    return aggregates[:MOST_HITS]


def _names_of(type: AggregateType) -> set[str]:
    """What people call the type, in lower case: its name, and its name in plain words."""
    return {type.name.lower(), humanize_type(type.name).lower()}
