"""The copies of many events in dead-letter and retry topics, and which subscription sent each."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from eventstore.config.subscriptions import DeclaredSubscription, fits
from eventstore.config.topic_kinds import belongs_to
from eventstore.extent import asked_once
from eventstore.index.lookup.key_tables import places_of_each
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.models import current_partitions
from eventstore.index.tables.keys import Link, hashed
from eventstore.index.tables.secret import index_key
from eventstore.model.events import Position, TopicKind
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.subscriptions.letters import SUFFIXES, declared_topics

MAY_LAG = timedelta(minutes=1)
"""How long ago the index may have been seen to have read everything, without being called behind."""
_SUFFIXES = tuple(SUFFIXES.values())
MOST_COPIES = 2_000
MOST_ASKED = 50
"""Copies whose subscription only their message tells, that are read for one page."""

SenderOf = Callable[[Sequence[Pointer]], Mapping[Position, str]]
"""Returns the subscription that each copy's message names, of those that name one."""


class DerivedTopic(NamedTuple):
    name: str
    kind: str
    partitions: frozenset[int]
    """The index's rows of it in which something is indexed."""
    behind: bool = False
    """The index may not have read all of it."""

    def is_of(self, topic: str, declared: Sequence[DeclaredSubscription]) -> bool:
        """Whether copies of the topic's events go there: by its name, or as declared."""
        return belongs_to(self.name, topic) or any(
            fits(topic, one.topics) and fits(self.name, declared_topics(one, TopicKind(self.kind))) for one in declared
        )


class Copy(NamedTuple):
    pointer: Pointer
    kind: str
    sender: str
    """The subscription; empty if nothing tells."""


class Found(NamedTuple):
    """The copies of each event, oldest first. ``complete``: otherwise there are more copies of these events than are read."""

    of_each: Mapping[Position, Sequence[Copy]]
    complete: bool


@asked_once
def derived_topics() -> list[DerivedTopic]:
    """Return the dead-letter and retry topics that the index knows."""
    caught_up = timezone.now() - MAY_LAG
    rows = current_partitions().filter(kind__in=[kind.value for kind in SUFFIXES])
    found: dict[tuple[str, str], set[int]] = {}
    late: set[tuple[str, str]] = set()
    for pk, topic, kind, events, gone, as_of in rows.values_list(
        "pk", "topic", "kind", "next_ordinal", "gone_at", "caught_up_at"
    ):
        found.setdefault((topic, kind), set()).update([pk] if events else [])
        if gone is None and (as_of is None or as_of < caught_up):
            late.add((topic, kind))
    return [DerivedTopic(*key, frozenset(pks), key in late) for key, pks in found.items()]


def derived_of(topics: Collection[str], declared: Sequence[DeclaredSubscription]) -> list[DerivedTopic]:
    """Return those to which copies of these topics' events go."""
    return [one for one in derived_topics() if any(one.is_of(topic, declared) for topic in topics)] if topics else []


def are_behind(topics: Collection[str], there: Collection[str], declared: Sequence[DeclaredSubscription]) -> bool:
    """Whether some copies of these topics' events may not be indexed: the index is behind in a topic where they go, or has not
    found one yet that is ``there`` in the store."""
    known = derived_topics()
    if any(one.behind and one.is_of(topic, declared) for one in known for topic in topics):
        return True
    names = {one.name for one in known}
    new = [name for name in there if name not in names and _may_take_copies(name, declared)]
    return any(_takes_copies(name, topic, declared) for name in new for topic in topics)


def _may_take_copies(name: str, declared: Sequence[DeclaredSubscription]) -> bool:
    """Whether the topic of this name, which the index does not know, is one of copies by its name or as declared."""
    return name.endswith(_SUFFIXES) or any(fits(name, (*one.dead_letter, *one.retry)) for one in declared)


def _takes_copies(name: str, topic: str, declared: Sequence[DeclaredSubscription]) -> bool:
    """Whether copies of the topic's events go to the topic of this name, which the index does not know."""
    by_name = belongs_to(name, topic) and name.endswith(_SUFFIXES)
    return by_name or any(fits(topic, one.topics) and fits(name, (*one.dead_letter, *one.retry)) for one in declared)


def copies_of_each(
    log: Log,
    pointers: Sequence[Pointer],
    declared: Sequence[DeclaredSubscription],
    names: Mapping[str, Sequence[str]],
    told: SenderOf,
) -> Found:
    """Return the copies of each of these events: a few queries, however many events.

    ``names`` are the subscriptions of each topic. Events of a log that is gone have none here: positions begin anew there.
    """
    asked = [pointer for pointer in pointers if pointer.ended_at is None]
    topics = {pointer.position.topic for pointer in asked}
    derived = [one for one in derived_of(topics, declared) if one.partitions]
    if not derived:
        return Found({}, complete=True)
    by_place = {log.position(p.position.topic, p.position.partition, p.position.token).label: p for p in asked}
    by_id: dict[str, list[Pointer]] = {}
    for pointer in asked:
        by_id.setdefault(pointer.event_id, []).append(pointer)
    by_name = {one.name: one for one in derived}
    candidates, complete = _candidates(list(by_place), list(by_id), derived)
    pairs = [
        (original, copy, by_name[copy.position.topic])
        for copy in candidates
        if copy.position.topic in by_name
        for original in _originals(copy, by_place, by_id)
        if by_name[copy.position.topic].is_of(original.position.topic, declared)
    ]
    return Found(_with_senders(pairs, declared, names, told), complete)


def sender_by_name(derived: str, kind: str, topic: str, names: Sequence[str]) -> str:
    """Return which of the topic's subscriptions sends copies there, by the name that clients give such a topic."""
    found = re.fullmatch(rf"{re.escape(topic)}(?:-partition-\d+)?-(.+){SUFFIXES[TopicKind(kind)]}", derived, re.DOTALL)
    return found[1] if found and found[1] in names else ""


def _originals(copy: Pointer, by_place: Mapping[str, Pointer], by_id: Mapping[str, list[Pointer]]) -> list[Pointer]:
    """Return the events that the copy names, by place or by id; by its own id if it names none of them."""
    named = by_place.get(copy.original)
    if named is not None:
        return [named]
    return by_id.get(copy.original) or ([] if copy.original or copy.unreadable else by_id.get(copy.event_id, []))


def _candidates(labels: Sequence[str], ids: Sequence[str], derived: Sequence[DerivedTopic]) -> tuple[list[Pointer], bool]:
    """Return what may be copies, and whether that is all."""
    key, rows = index_key(), frozenset().union(*(one.partitions for one in derived))
    links = [hashed(key, text, Link.ORIGINAL) for text in (*labels, *ids)]
    own = [hashed(key, text) for text in ids]
    linked, all_linked = _places("index_linkkey", links, rows)
    named, all_named = _places("index_idkey", own, rows)
    there = {*linked, *named}
    return pointers_at(sorted(there)[:MOST_COPIES]), all_linked and all_named and len(there) <= MOST_COPIES


def _places(table: str, hashes: Sequence[int], rows: frozenset[int]) -> tuple[list[tuple[int, int]], bool]:
    found = places_of_each(table, hashes, limit=10 * MOST_COPIES)
    return [(place.partition, place.ordinal) for place in found if place.partition in rows], len(found) < 10 * MOST_COPIES


def _with_senders(
    pairs: Sequence[tuple[Pointer, Pointer, DerivedTopic]],
    declared: Sequence[DeclaredSubscription],
    names: Mapping[str, Sequence[str]],
    told: SenderOf,
) -> Mapping[Position, Sequence[Copy]]:
    senders = {
        (original.position, copy.position): _sender(original, derived, declared, names) for original, copy, derived in pairs
    }
    untold = [copy for original, copy, _ in pairs if not senders[original.position, copy.position]]
    read = told(untold[:MOST_ASKED]) if untold else {}
    found: dict[Position, list[Copy]] = {}
    for original, copy, derived in sorted(pairs, key=lambda pair: pair[1].published):
        sender = senders[original.position, copy.position] or read.get(copy.position, "")
        found.setdefault(original.position, []).append(Copy(copy, derived.kind, sender))
    return found


def _sender(
    original: Pointer, derived: DerivedTopic, declared: Sequence[DeclaredSubscription], names: Mapping[str, Sequence[str]]
) -> str:
    topic = original.position.topic
    known = names.get(topic, ())
    for one in declared:
        if fits(derived.name, declared_topics(one, TopicKind(derived.kind))):
            fitting = [name for name in known if one.is_of(topic, name)]
            if len(fitting) == 1:
                return fitting[0]
    return sender_by_name(derived.name, derived.kind, topic, known)
