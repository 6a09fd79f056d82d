"""What a search reads of each partition. It is decided at the start, so that a search ends however much is published
meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import ordinal_after
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position, Topic
from eventstore.model.log import Log
from eventstore.model.merge import BEGINNING, END, decode_page_token, encode_page_token

OLDER, NEWER = "older", "newer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A part of one partition's log, from ``lower`` to ``upper``. Each end is included or not."""

    topic: str
    partition: int
    lower: Position
    upper: Position
    lower_included: bool = True
    upper_included: bool = True

    def holds(self, position: Position) -> bool:
        return self.is_above_lower(position) and self.is_below_upper(position)

    def is_above_lower(self, position: Position) -> bool:
        return position > self.lower or (self.lower_included and position == self.lower)

    def is_below_upper(self, position: Position) -> bool:
        return position < self.upper or (self.upper_included and position == self.upper)


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """How many events a search has to read, as the index counts them. ``at_least``: the index has not reached the end."""

    events: int
    at_least: bool


def spans_of(log: Log, topic: Topic, *, since: datetime | None, onward: str, newest_first: bool) -> list[Span]:
    """Return what there is to read now of each partition that holds something.

    ``since`` leaves out what was published earlier. ``onward`` says where an earlier search in the same direction ended
    (see ``onward_of``). Raises ``InvalidPosition`` for any other ``onward``.
    """
    passed = _passed(onward, newest_first)
    found = []
    for ends in log.ends(topic.name):
        if ends.first is None or ends.last is None:
            continue
        first = ends.first.beginning
        if since is not None:
            start = log.first_since(topic.name, ends.partition, since)
            if start is None:
                continue
            first = max(first, start)
        whole = Span(topic=topic.name, partition=ends.partition, lower=first, upper=ends.last)
        span = _rest(log, whole, passed.get(str(ends.partition), ""), newest_first)
        if span is not None:
            found.append(span)
    return found


def onward_of(spans: Sequence[Span], reached: Mapping[int, Position], newest_first: bool) -> str:
    """Return the token from which another search goes on. ``reached`` is the last event read of each partition."""
    boundaries = {}
    for span in spans:
        last = reached.get(span.partition)
        if last is not None:
            boundaries[str(span.partition)] = ("-" if newest_first else "+") + last.token
        else:
            edge, included = (span.upper, span.upper_included) if newest_first else (span.lower, span.lower_included)
            boundaries[str(span.partition)] = ("+" if newest_first is included else "-") + edge.token
    return encode_page_token(OLDER if newest_first else NEWER, boundaries)


def expected_of(spans: Sequence[Span]) -> Expected | None:
    """Return the number of events in these spans; ``None`` if one of the partitions is not indexed."""
    events, at_least = 0, False
    for span in spans:
        partition = queries.partition_rows(span.topic).get(span.partition)
        if partition is None or not partition.checkpoint:
            return None
        below_upper = ordinal_after(partition, span.upper, inclusive=not span.upper_included)
        below_lower = ordinal_after(partition, span.lower, inclusive=span.lower_included)
        events += max(0, below_upper - below_lower)
        at_least = at_least or partition.checkpoint < span.upper.token
    return Expected(events=events, at_least=at_least)


def _passed(onward: str, newest_first: bool) -> Mapping[str, str]:
    if not onward:
        return {}
    direction, boundaries = decode_page_token(onward)
    if direction != (OLDER if newest_first else NEWER) or not all(text.isascii() for text in boundaries.values()):
        raise InvalidPosition("This search's address is damaged. Begin the search again.")
    return boundaries


def _rest(log: Log, whole: Span, boundary: str, newest_first: bool) -> Span | None:
    """Return the part of the span that the search which ended at this boundary has not read; ``None`` if nothing is left."""
    if boundary in ("", BEGINNING, END):
        return whole
    place = log.position(whole.topic, whole.partition, boundary[1:])
    behind = boundary[0] == "+"
    if newest_first:
        rest = replace(whole, upper=min(place, whole.upper), upper_included=behind or place > whole.upper)
    else:
        rest = replace(whole, lower=max(place, whole.lower), lower_included=not behind or place < whole.lower)
    empty = rest.upper < rest.lower or (rest.upper == rest.lower and not (rest.upper_included and rest.lower_included))
    return None if empty else rest
