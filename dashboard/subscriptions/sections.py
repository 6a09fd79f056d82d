"""What a subscription's page shows beside its figures: what blocks it, who waits, how far each partition is, who is connected.

All of it comes from one look at the cursors, however many partitions there are.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest

from dashboard.gateway import desk
from dashboard.privacy import (
    MASKED,
    AccessProfile,
    DisplayValue,
    Origin,
    any_is_personal,
    display_id,
    display_value,
    given_id,
    is_personal,
    known_handle,
    may_ask_for_ids,
    origin_of,
    plan_of,
    sees_id,
    sees_name,
    without_own_id,
)
from dashboard.privacy.plans import State
from dashboard.privacy.treatments import text_of
from dashboard.rendering import EventLine, aggregate_url, build_line, build_pointer_line
from dashboard.subscriptions.backlog_cache import Line
from dashboard.subscriptions.type_pictures import PICTURES
from dashboard.web.event_detail import Detail, detail_of
from dashboard.web.global_search import delivery_filter
from dashboard.web.pages import profile_of
from eventstore.comparison import ELEMENT, Comparison, Difference, What
from eventstore.config import Show, Wild
from eventstore.model import ConnectedConsumer, DeliveryState, EventStoreError, Pointer, Subscription
from eventstore.subscriptions import Holder, LetterTopic, Progress, Reached, WaitingOfAggregate

MOST_CURSORS, MOST_CONSUMERS = 60, 60
"""Rows of a table. The worst come first."""
NEXT_EVENTS = 10
LONGEST_AGGREGATE = 1_024
MOST_UNREADABLE = 20
"""Unreadable messages with the asked aggregate's id as key that are looked for."""
HASHES = 65_536
"""Key hashes that the consumers of a key_shared subscription share. Brokers since 4.0 give none the hash 0."""

WORDS = {
    What.ENVELOPE: "Format",
    What.FORM: "Payload",
    What.SCHEMA: "Schema",
    What.CONTENT_TYPE: "Content type",
    What.MISSING: "Field missing",
    What.NEW: "New field",
    What.KIND: "Field of another kind",
    What.SIZE: "Size",
    What.MISSING_PROPERTY: "Property missing",
    What.NEW_PROPERTY: "New property",
}
PROPERTIES = (What.MISSING_PROPERTY, What.NEW_PROPERTY)
OF_THE_EVENT = {What.CONTENT_TYPE: "content_type", What.SIZE: "size", What.SCHEMA: "schema_version"}
"""What is said of the event as a whole, by the path of masking."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DifferenceLine:
    """A difference as somebody may see it: names of fields and values are masked like values, since publishers chose them."""

    what: What
    words: str
    path: DisplayValue
    now: DisplayValue
    before: DisplayValue
    value_now: DisplayValue
    value_before: DisplayValue


@dataclass(frozen=True, kw_only=True, slots=True)
class HolderView:
    """What blocks one partition. ``detail`` is the event, opened: of the first one only, and ``None`` for the others."""

    partition: int
    line: EventLine
    detail: Detail | None
    handled: EventLine | None
    differences: Sequence[DifferenceLine]
    comparison: Comparison | None
    searched: int
    batch: int
    unreadable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateView:
    """An aggregate's waiting events, with links to its page and to those of its events that wait."""

    found: WaitingOfAggregate
    shown_id: str
    first: EventLine | None
    url: str
    waiting_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerView:
    """A connected consumer. ``active`` is ``None`` where all consumers of a partition receive."""

    consumer: ConnectedConsumer
    active: bool | None

    @property
    def share(self) -> float:
        """How much of the key hashes it is given, in percent."""
        return 100 * sum(last - first + 1 for first, last in self.consumer.key_ranges) / HASHES


def sections(request: HttpRequest, line: Line, *, away: bool) -> dict[str, Any]:
    """The context of the page's sections."""
    told, here = line.subscription, desk().subscriptions
    reached = here.reach(told)
    profile = profile_of(request)
    progress = sorted(here.progress(told, reached), key=_worst_first)
    consumers = [_consumer(told, consumer) for consumer in told.consumers]
    return {
        "picture": PICTURES.get(told.type),
        "next": [build_line(row, profile) for row in here.next_waiting(reached, NEXT_EVENTS)],
        "holders": holders_of(here.holders(line.backlog, reached), profile),
        "summary": here.waiting_summary(reached) if line.backlog.waiting else None,
        "progress": progress[:MOST_CURSORS],
        "more_progress": progress[MOST_CURSORS:],
        "consumers": sorted(consumers, key=_busiest_first)[:MOST_CONSUMERS],
        "more_consumers": max(0, len(consumers) - MOST_CONSUMERS),
        "has_permits": any(view.consumer.permits is not None for view in consumers),
        "has_ranges": any(view.consumer.key_ranges for view in consumers),
        "has_active": any(view.active is not None for view in consumers),
        "letters": [] if away else _letters(told),
        **_asked_aggregate(request, told, reached),
    }


def _worst_first(one: Progress) -> tuple[int, int]:
    return -(one.cursor.backlog), one.cursor.partition


def _busiest_first(view: ConsumerView) -> tuple[bool, bool, int, str]:
    consumer = view.consumer
    return not consumer.blocked, view.active is False, -consumer.unacked, consumer.name


def _consumer(told: Subscription, consumer: ConnectedConsumer) -> ConsumerView:
    active = {cursor.partition: cursor.active for cursor in told.cursors}.get(consumer.partition or 0, "")
    return ConsumerView(consumer=consumer, active=consumer.name == active if active else None)


def _letters(told: Subscription) -> Sequence[LetterTopic]:
    try:
        return desk().subscriptions.letter_topics(told)
    except EventStoreError:  # the store refuses the list of topics, or is away since: the rest of the page needs it not
        return []


def holders_of(found: Sequence[Holder], profile: AccessProfile) -> Sequence[HolderView]:
    """What blocks each partition, masked; the first one opened."""
    limit = settings.EVENTDESK.limits.payload_preview_bytes
    return [
        HolderView(
            partition=holder.partition,
            line=build_line(holder.held, profile),
            detail=None if number else detail_of(holder.held, profile, limit),
            handled=build_line(holder.handled, profile) if holder.handled else None,
            differences=[
                difference_line(one, profile, origin_of(holder.held.event) if holder.held.event else None)
                for one in (holder.comparison.differences if holder.comparison else ())
            ],
            comparison=holder.comparison,
            searched=holder.searched,
            batch=holder.batch,
            unreadable=holder.held.pointer is not None and holder.held.pointer.unreadable,
        )
        for number, holder in enumerate(found)
    ]


def difference_line(one: Difference, profile: AccessProfile, origin: Origin | None = None) -> DifferenceLine:
    now, before = (_told(text, one.what, profile, origin) for text in (one.now, one.before))
    values: list[DisplayValue]
    if profile.sees_values:
        named, values = True, [one.value_now, one.value_before]
    elif origin is None or one.what in PROPERTIES:
        named = origin is not None and sees_name(f"properties.{one.path}", profile, origin)
        values = [text and MASKED for text in (one.value_now, one.value_before)]
    else:
        parts = tuple(Wild.ELEMENT if part == ELEMENT else part for part in one.parts)
        state = plan_of(profile, origin).data.at(parts)
        named = state.open or state.spelled
        values = [text and _value(text, state, profile, origin) for text in (one.value_now, one.value_before)]
    if named and origin is not None:  # some publishers name a field or a property by the id
        named = all(without_own_id(name, origin, profile) == name for name in (one.path, *one.parts))
    return DifferenceLine(
        what=one.what,
        words=WORDS[one.what],
        path=one.path if named or not one.path else MASKED,
        now=now,
        before=before,
        value_now=values[0],
        value_before=values[1],
    )


def _told(text: str, what: What, profile: AccessProfile, origin: Origin | None) -> DisplayValue:
    """What a difference says of the event as a whole: seen as the event's own page shows it."""
    path = OF_THE_EVENT.get(what)
    return display_value(text, path, profile, origin) if path and text else text


def _value(text: str, state: State, profile: AccessProfile, origin: Origin) -> DisplayValue:
    """A field's value, or how much an object or a list holds. Both events are of one type and so under the same rules."""
    if not (state.whole or (state.show is Show.PLAIN and text[0] not in "{[")):
        return MASKED
    if text[0] in "{[" or sees_id(origin.aggregate_type, origin.aggregate_id, profile):
        return text
    try:
        return text_of(without_own_id(json.loads(text), origin, profile))
    except ValueError:  # its beginning alone: nobody knows what it repeats
        return MASKED


def _asked_aggregate(request: HttpRequest, told: Subscription, reached: Reached) -> dict[str, Any]:
    """Whether the aggregate that the form names waits here: ``id``, ``type/id`` or ``type id``."""
    asked = request.GET.get("aggregate", "").strip()
    if not asked:
        return {"asked_aggregate": ""}
    text, profile = asked[:LONGEST_AGGREGATE], profile_of(request)
    found: list[WaitingOfAggregate] = []
    meant = _meanings(text, profile)
    for type, id in meant:
        found += desk().subscriptions.waiting_of_aggregate(reached, told.topic, id, type)
    asks_for_ids = may_ask_for_ids(profile) or not any_is_personal()
    shown = [one for one in found if asks_for_ids or not is_personal(one.type) or (one.type, one.id) in meant]
    views = [_aggregate(each, told, profile) for each in shown]
    ids = {one.found.id for one in views} | ({text} if asks_for_ids else set())
    keyed = [pointer for id in sorted(ids) for pointer in desk().index.unreadable_with_key(id, [told.topic], MOST_UNREADABLE)]
    unreadable = desk().subscriptions.waiting_of(reached, keyed)
    return {
        "asked_aggregate": text,
        "asked_without_right": not asks_for_ids,
        "asked_found": sorted(views, key=lambda view: -view.found.events),
        "asked_unreadable": [build_pointer_line(pointer) for pointer in unreadable],
    }


def _meanings(text: str, profile: AccessProfile) -> list[tuple[str, str]]:
    """What was typed as a handle, as an id of any type, and as a type with an id: ids may contain slashes and spaces."""
    if named := known_handle(text):
        return [named]
    parts = [(text[:at], text[at + 1 :].strip()) for mark in "/ " if 0 < (at := text.find(mark)) < len(text) - 1]
    split = [(type, given_id(type, id, profile)) for type, id in parts]
    return [("", text), *dict.fromkeys(split)]


def _aggregate(found: WaitingOfAggregate, told: Subscription, profile: AccessProfile) -> AggregateView:
    url = aggregate_url(found.type, found.id)
    return AggregateView(
        found=found,
        shown_id=display_id(found.type, found.id, profile),
        first=_first_line(found.first, profile) if found.first else None,
        url=url,
        waiting_url=f"{url}?{urlencode({'filter': delivery_filter(told.name, DeliveryState.PENDING)})}",
    )


def _first_line(pointer: Pointer, profile: AccessProfile) -> EventLine:
    [row] = desk().streams.rows_of([pointer])
    return build_line(row, profile)
