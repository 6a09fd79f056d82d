"""Reading the chosen events of a share, in order: a few by their positions, many with a reader."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from eventstore.copying import read_through
from eventstore.index.lookup.pointers import published_at
from eventstore.model.copying import Copying
from eventstore.model.events import Event, Message, Position
from eventstore.model.log import Edge, Log
from eventstore.replays.order import Bounds, ReplayOrder
from eventstore.replays.sending.portions import Portion, judge_of, portion_of

FETCHED_AT_ONCE = 200
AHEAD_SECONDS = 20.0
"""How long what was fetched ahead is kept for a share of this process. Another one may have taken it, for hours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The chosen events of one partition of one topic.

    ``tokens``: where they lie, in order, if each of them is known. ``begun``: waits for the first messages (``begin``).
    """

    topic: str
    partition: int
    bounds: Bounds
    tokens: Sequence[str] | None
    begun: Callable[[], Mapping[Position, Message]] | None = None


def sources_of(order: ReplayOrder, partition: int) -> Sequence[Source]:
    """Return what goes to this partition of the replay topic: the partitions of this number, by topic."""
    return [
        Source(topic=topic, partition=number, bounds=bounds, tokens=_tokens_of(bounds))
        for topic, number, bounds in order.each()
        if number == partition
    ]


def begin(copying: Copying, sources: Sequence[Source]) -> Sequence[Source]:
    """Begin to fetch what comes first, so that it is there once the target's end is noted. For a run that sends from the
    start."""
    first = next(iter(sources), None)
    some = list(islice(_places(first, ""), FETCHED_AT_ONCE)) if first is not None else []
    return [replace(sources[0], begun=copying.begin_fetch(some)), *sources[1:]] if some else sources


_ahead: dict[tuple[str, int], Sequence[Source]] = {}
"""What was begun to fetch for a share before somebody takes it, by its job's id and its partition: one in a process."""


@contextmanager
def begun_ahead(copying: Copying, order: ReplayOrder, job: str, partition: int) -> Iterator[None]:
    """Begin to fetch what comes first of a share that is not made yet. In here, ``taken_ahead`` returns its sources once, and
    nothing after ``AHEAD_SECONDS``."""
    _ahead.clear()
    _ahead[job, partition] = begin(copying, sources_of(order, partition))
    end = threading.Timer(AHEAD_SECONDS, taken_ahead, [job, partition])
    end.daemon = True
    end.start()
    try:
        yield
    finally:
        end.cancel()
        taken_ahead(job, partition)


def taken_ahead(job: str, partition: int) -> Sequence[Source] | None:
    return _ahead.pop((job, partition), None)


def _tokens_of(bounds: Bounds) -> Sequence[str] | None:
    """Return where the chosen events lie, as the index has them; ``None`` if that is not known, or not any more."""
    if bounds.ordinals is None:
        return None
    found = published_at((bounds.build, ordinal) for ordinal in bounds.ordinals)
    tokens = sorted(token for token, _ in found.values())
    same = tokens[:1] == [bounds.first_token] and tokens[-1:] == [bounds.last_token]
    return tokens if len(tokens) == len(bounds.ordinals) and same else None


def portions(
    copying: Copying,
    log: Log,
    order: ReplayOrder,
    source: Source,
    behind: str,
    read: Callable[[Message], Event],
    tick: Callable[[], None],
) -> Iterator[Sequence[Portion]]:
    """Yield what goes of each message behind the place, as far as it is still there. ``tick`` is called again and again."""
    bounds = source.bounds
    judge = judge_of(order, bounds, frozenset(source.tokens) if source.tokens is not None else None, read)
    if source.tokens is not None:
        pieces = _fetched(copying, source, behind, tick)
    else:
        end = _position(log, source, bounds.last_token).message.token
        pieces = read_through(copying, log, source.topic, source.partition, _start(log, source, behind), end, tick)
    for messages in pieces:
        yield [portion_of(message, bounds, judge) for message in messages]


def _fetched(copying: Copying, source: Source, behind: str, tick: Callable[[], None]) -> Iterator[Sequence[Message]]:
    wanted, begun = _places(source, behind), source.begun if not behind else None
    while some := list(islice(wanted, FETCHED_AT_ONCE)):
        tick()
        found = begun() if begun is not None else copying.fetch(some)
        begun = None
        yield [found[at] for at in some if at in found]


def _places(source: Source, behind: str) -> Iterator[Position]:
    """The messages that hold chosen events, in order, as far as the places of all are known."""
    places = (Position(topic=source.topic, partition=source.partition, token=token) for token in source.tokens or ())
    return iter([at for at in dict.fromkeys(place.message for place in places) if at.token > behind])


def _start(log: Log, source: Source, behind: str) -> Position | Edge:
    if behind:
        return _position(log, source, behind)
    if source.bounds.first == 0:
        return Edge.EARLIEST
    first = _position(log, source, source.bounds.first_token)
    before = log.read_backward(source.topic, source.partition, before=first.beginning, limit=1)
    return before[0].position.message if before else Edge.EARLIEST


def _position(log: Log, source: Source, token: str) -> Position:
    return log.position(source.topic, source.partition, token)
