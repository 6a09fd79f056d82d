"""The originals of many letters, by the places or the ids that the letters name: a few queries for a page."""

from collections.abc import Mapping, Sequence, Set

from eventstore.index.lookup import queries
from eventstore.index.lookup.key_tables import places_of_each
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.models import current_partitions
from eventstore.index.tables.keys import hashed
from eventstore.index.tables.secret import index_key
from eventstore.letters.origin import Origin
from eventstore.model.errors import StoreRefused, StoreUnreachable, UnknownTopic
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer

MOST_PLACES = 10
"""Candidates for each id that are looked at."""

Said = tuple[Pointer, Origin]
"""A letter as the index knows it, and what its message says."""


def originals_of(log: Log, letters: Sequence[Said], source: str) -> Mapping[Position, Pointer]:
    """Return the original of each letter, by the letter's position, as far as it is indexed.

    ``source`` is the topic of letters that name none. An event at the place that a letter names counts only with the letter's
    own id, since a topic that was made anew has other events at the same places.
    """
    found = _at_places(log, letters, source)
    missing = [said for said in letters if said[0].position not in found]
    return {**found, **_with_ids(missing, source)}


class Beginnings:
    """Where the logs of topics begin, asked once for each topic. For one look: it remembers."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._firsts: dict[str, Mapping[int, Position | None] | None] = {}

    def is_gone(self, original: Pointer) -> bool:
        """Whether its topic no longer holds it. Of a topic that cannot be asked now, nothing is said to be gone."""
        topic = original.position.topic
        if topic not in self._firsts:
            self._firsts[topic] = self._asked(topic)
        firsts = self._firsts[topic]
        if original.ended_at is not None:
            return True
        if firsts is None:
            return False
        first = firsts.get(original.position.partition)
        return first is None or original.position < first.beginning

    def _asked(self, topic: str) -> Mapping[int, Position | None] | None:
        try:
            return {ends.partition: ends.first for ends in self._log.ends(topic)}
        except UnknownTopic:
            return {}
        except (StoreRefused, StoreUnreachable):
            return None


def _at_places(log: Log, letters: Sequence[Said], source: str) -> Mapping[Position, Pointer]:
    partitions = _partitions_of({origin.topic or source for _, origin in letters})
    named: dict[Position, list[Position]] = {}
    for letter, origin in letters:
        topic = origin.topic or source
        numbers = [n for n in partitions.get(topic, ()) if origin.partition in (None, n)]
        named[letter.position] = [place for n in numbers if (place := _labelled(log, topic, n, letter.original))]
    known = queries.at_each(sorted({place for places in named.values() for place in places}, key=Position.encode))
    found: dict[Position, Pointer] = {}
    for letter, _ in letters:
        for place in named[letter.position]:
            there = known.get(place)
            if there is not None and _is_it(letter, there):
                found.setdefault(letter.position, there)
    return found


def _partitions_of(topics: Set[str]) -> Mapping[str, Sequence[int]]:
    """Return the numbers of the indexed partitions of each topic, in order. Letters may name any topic."""
    found: dict[str, list[int]] = {}
    rows = current_partitions().filter(topic__in=sorted(topics)).order_by("topic", "number")
    for topic, number in rows.values_list("topic", "number"):
        found.setdefault(topic, []).append(number)
    return found


def _labelled(log: Log, topic: str, partition: int, label: str) -> Position | None:
    return log.labelled(topic, partition, label) if label else None


def _is_it(letter: Pointer, there: Pointer) -> bool:
    """Whether this event may be the letter's original. Where positions stand in for ids, they differ."""
    return letter.event_id == there.event_id or any(
        one.unreadable or one.event_id == one.position.encode() for one in (letter, there)
    )


def _with_ids(letters: Sequence[Said], source: str) -> Mapping[Position, Pointer]:
    """Return the first event of each letter's topic that has the id which the letter names, or else the letter's own id."""
    wanted = {letter.position: _ids(letter) for letter, _ in letters}
    ids = sorted({id for named in wanted.values() for id in named})
    topics = {origin.topic or source for _, origin in letters}
    if not ids:
        return {}
    rows = set(current_partitions().filter(topic__in=topics).values_list("pk", flat=True))
    key = index_key()
    places = places_of_each("index_idkey", [hashed(key, id) for id in ids], limit=MOST_PLACES * len(ids))
    there = pointers_at(sorted((place.partition, place.ordinal) for place in places if place.partition in rows))
    by_id: dict[tuple[str, str], Pointer] = {}
    for pointer in there:
        by_id.setdefault((pointer.position.topic, pointer.event_id), pointer)
    found: dict[Position, Pointer] = {}
    for letter, origin in letters:
        named = [by_id[at] for id in wanted[letter.position] if (at := (origin.topic or source, id)) in by_id]
        if named:
            found[letter.position] = named[0]
    return found


def _ids(letter: Pointer) -> Sequence[str]:
    own = () if letter.unreadable else (letter.event_id,)
    return [id for id in (letter.original, *own) if id]
