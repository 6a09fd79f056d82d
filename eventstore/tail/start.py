"""Where a subscriber begins, and which place that is in each partition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Protocol

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import NO_TIME, Message, Position, Topic
from eventstore.model.log import Log
from eventstore.model.merge import newest_first_key
from eventstore.tail.aggregates import first_published

MOST_LAST = 10_000
MOST_LAST_BYTES = 64 * 1024 * 1024
"""Payload bytes that a start "the last N events" reads at most to find them."""

SMALLEST_READ, LARGEST_READ = 20, 1_000
BYTES_A_READ = 4 * 1024 * 1024
"""Payload bytes after which a read ends, estimated from the messages of earlier reads."""


class Reading(Protocol):
    """What a topic's tail reads: the incarnation of each partition, and how far it has come."""

    @property
    def incarnations(self) -> Mapping[int, str]: ...

    def read_to(self) -> tuple[int, Mapping[int, str]]: ...


Places = Mapping[int, str]
"""By partition, the token of the last event that a subscriber has; "" for the beginning."""


def place_key(topic: str, partition: int) -> str:
    """Return the name of a place outside this process."""
    return f"{topic}#{partition}"


def incarnation_key(topic: str, partition: int) -> str:
    """Return the name under which the incarnation of a partition accompanies its place."""
    return f"incarnation {place_key(topic, partition)}"


def other_logs(log: Log, topic: str, places: Places, named: Mapping[str, str], tail: "Reading") -> set[int]:
    """Return the partitions whose places lie in another log than the one that has the topic's name now.

    ``named`` is what a subscriber came back with. A place behind the end of a log cannot be its own either; the store is asked
    for the end only if the tail has not come so far.
    """
    other = {
        partition
        for partition, now in tail.incarnations.items()
        if now and named.get(incarnation_key(topic, partition), now) != now and places.get(partition)
    }
    read_to = tail.read_to()[1]
    beyond = {at for at, place in places.items() if at not in other and place > read_to.get(at, "")}
    if not beyond:
        return other
    end_at = {end.partition: end.farthest.token for end in log.ends(topic) if end.farthest is not None}
    return other | {at for at in beyond if places[at] > end_at.get(at, places[at])}


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Where a subscriber begins. At most one choice is set; none means from now on.

    - ``places``: after these events, by ``place_key``. "" means from the beginning, and so does a partition that is not
      named. ``incarnation_key`` says in which log each of them lies.
    - ``aggregate``: a type and an id, only with ``places``. A topic without a named partition then begins with the
      aggregate's first event there, since it had none before.
    - ``since``: with what was published at or after this time.
    - ``position``: with this event and what follows it in its partition; in the other partitions, with what was
      published since.
    - ``last``: with this many events of all topics together, 1 to 10,000. Large events count up to 64 MB together, at
      least one.
    """

    places: Mapping[str, str] | None = None
    since: datetime | None = None
    position: Position | None = None
    last: int | None = None
    aggregate: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if sum(choice is not None for choice in (self.places, self.since, self.position, self.last)) > 1:
            raise InvalidPosition("A tail begins at one place: name places, a time, a position or a number of events.")
        if self.since is not None and self.since.tzinfo is None:
            raise InvalidPosition("The time to begin at must say its zone, as in 2026-01-31T12:00:00Z.")
        if self.last is not None and not 1 <= self.last <= MOST_LAST:
            raise InvalidPosition(f"A tail can begin 1 to {MOST_LAST:,} events back.")

    def comes_back_to(self, topic: Topic) -> bool:
        """Whether ``places`` names a partition of this topic, so that the subscriber has been there before."""
        if self.places is None:
            return False
        keys = (place_key(topic.name, partition) for partition in range(topic.partitions))
        return self.aggregate is None or any(key in self.places for key in keys)

    @property
    def now(self) -> bool:
        return self.places is None and self.since is None and self.position is None and self.last is None


def places_at(log: Log, topics: Sequence[Topic], start: Start) -> dict[str, dict[int, str]]:
    """Return, by topic and partition, the place after which the subscriber begins. For every start except "now"."""
    if start.places is not None:
        new = [topic for topic in topics if not start.comes_back_to(topic)]
        firsts = first_published(*start.aggregate) if start.aggregate and new else {}
        return {
            topic.name: _places_since(log, topic, firsts[topic.name])
            if topic in new and topic.name in firsts
            else named_places(log, topic, start.places)
            for topic in topics
        }
    if start.last is not None:
        return _places_before_last(log, topics, start.last)
    if start.position is not None:
        return _places_at_position(log, topics, start.position)
    assert start.since is not None, "a start at now needs no reading"
    return {topic.name: _places_since(log, topic, start.since) for topic in topics}


def newest_first(log: Log, topic: str, partition: int, *, down_to: str = "") -> Iterator["Mark"]:
    """Yield the partition's events, newest first, down to a place (excluded). Reads in pieces and keeps no payload."""
    before: Position | None = None
    limit = SMALLEST_READ
    while True:
        found = log.read_backward(topic, partition, before=before, limit=limit)
        for message in found:
            if message.position.token <= down_to:
                return
            yield Mark(published=message.published, position=message.position, size=len(message.payload))
        if len(found) < limit:
            return
        before = found[-1].position
        limit = next_limit(limit, found, LARGEST_READ)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Where an event lies. ``size`` is its payload's size in bytes."""

    published: datetime
    position: Position
    size: int


def last_of(log: Log, places: Mapping[str, Places], most: int, most_bytes: int) -> dict[str, dict[int, str]]:
    """Return the places before the last events of all topics together.

    Only events after ``places`` count: at most ``most`` events and ``most_bytes`` bytes, but at least one event.
    """
    ends = {(topic, end.partition): end.last.token for topic in places for end in log.ends(topic) if end.last is not None}
    sources = [
        newest_first(log, topic, partition, down_to=token)
        for topic, of_topic in places.items()
        for partition, token in of_topic.items()
    ]
    oldest: dict[tuple[str, int], Position] = {}
    room = most_bytes
    for mark in islice(merge(*sources, key=lambda mark: newest_first_key(mark.published), reverse=True), most):
        if room < mark.size and oldest:
            break
        room -= mark.size
        oldest[mark.position.topic, mark.position.partition] = mark.position
    found: dict[str, dict[int, str]] = {}
    for topic, of_topic in places.items():
        for partition, token in of_topic.items():
            first = oldest.get((topic, partition))
            newest = ends.get((topic, partition), "")
            found.setdefault(topic, {})[partition] = max(token, _before(log, first) if first else newest)
    return found


def next_limit(limit: int, found: Sequence[Message], most: int) -> int:
    """Return how many messages the next read may ask for, estimated from the size of the messages of this read."""
    largest = max((len(message.payload) for message in found), default=0)
    return max(1, min(most, limit * 4, BYTES_A_READ // max(1, largest)))


def time_reached(found: Sequence[Message]) -> datetime:
    """Return when the last of these was published, or the last one before it whose publish time is known."""
    return next((one.published for one in reversed(found) if one.published != NO_TIME), NO_TIME)


def named_places(log: Log, topic: Topic, named: Mapping[str, str]) -> dict[int, str]:
    """Return the places that ``named`` has for this topic; "" for partitions that are not named."""
    tokens = {partition: named.get(place_key(topic.name, partition), "") for partition in range(topic.partitions)}
    return {
        partition: log.position(topic.name, partition, token).token if token else "" for partition, token in tokens.items()
    }


def _places_before_last(log: Log, topics: Sequence[Topic], last: int) -> dict[str, dict[int, str]]:
    everything = {topic.name: dict.fromkeys(range(topic.partitions), "") for topic in topics}
    return last_of(log, everything, last, MOST_LAST_BYTES)


def _places_since(log: Log, topic: Topic, when: datetime) -> dict[int, str]:
    """Return the place before the first event published at or after the time. What arrives after the ends were read is
    given anyway. For ``NO_TIME`` it is the beginning."""
    if when == NO_TIME:
        return dict.fromkeys(range(topic.partitions), "")
    places: dict[int, str] = {}
    for ends in log.ends(topic.name):
        first = log.first_since(topic.name, ends.partition, when)
        places[ends.partition] = _before(log, first) if first else ends.last.token if ends.last else ""
    return places


def _places_at_position(log: Log, topics: Sequence[Topic], position: Position) -> dict[str, dict[int, str]]:
    topic = next((topic for topic in topics if topic.name == position.topic), None)
    if topic is None or position.partition >= topic.partitions:
        raise InvalidPosition("This position is in none of the topics that are to be watched. Open the event again.")
    exact = log.position(position.topic, position.partition, position.token)
    published = _published_from(log, exact)
    others = [other for other in topics if other is not topic or topic.partitions > 1]
    if published:
        places = {other.name: _places_since(log, other, published) for other in others}
    else:  # nothing is left from there on, so the other topics have nothing newer to begin with
        places = {other.name: _last_places(log, other.name) for other in others}
    places.setdefault(topic.name, {})[position.partition] = _before(log, exact)
    return places


def _published_from(log: Log, position: Position) -> datetime | None:
    """Return when the event at this position was published, or the first event after it whose publish time is known."""
    found = log.read_forward(position.topic, position.partition, after=position, inclusive=True, limit=1)
    if found and found[0].published == NO_TIME:
        found = log.read_forward(position.topic, position.partition, after=position, limit=SMALLEST_READ)
    return next((message.published for message in found if message.published != NO_TIME), None)


def _last_places(log: Log, topic: str) -> dict[int, str]:
    return {ends.partition: ends.last.token if ends.last else "" for ends in log.ends(topic)}


def _before(log: Log, position: Position) -> str:
    """Return the place just before this position: a subscriber at that place gets this event next."""
    found = log.read_backward(position.topic, position.partition, before=position, limit=1)
    return found[0].position.token if found else ""
