"""Where each cursor was last seen, so that one that goes back is noticed, and told apart: a crash, or a reset.

A broker shows acknowledgements from its memory. If it crashes, it comes back with those that it had saved, and the cursors
stand where they stood before: nobody reset them. The counts that it keeps of a partition begin anew with it, which is how
the two are told apart. Samples are kept in this process, for as long as it runs. What other processes saw is taken over.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from eventstore.model.events import Position
from eventstore.model.subscriptions import Cursor, Subscription
from eventstore.subscriptions.past import NO_PAST, Past, continued

MOST_SAMPLES = 20_000
"""Cursors whose last place is kept; those that were seen longest ago give way."""
MOST_HOLES = 200
"""Ranges beyond a cursor that are kept with it. A cursor with more of them is compared by its place alone."""
A_WHILE = timedelta(minutes=2)

Holes = Sequence[tuple[Position, Position]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setback:
    """A cursor has lost acknowledgements. ``was`` and ``came_to`` are its places before and after (``None``: the beginning).

    It happened between ``seen`` and ``found``. ``ranges_lost`` counts ranges that had been acknowledged beyond the cursor.
    """

    partition: int
    was: Position | None
    came_to: Position | None
    ranges_lost: int
    until: Position
    """What was acknowledged last. Once the cursor is there again, all that was lost has been acknowledged anew."""
    seen: datetime
    found: datetime
    restarted: bool
    """The store has loaded the partition anew meanwhile, as after a crash. If not, somebody has reset the cursor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Since when a cursor stands where it stands, as far as this process has seen.

    ``moved``: it stood elsewhere at the look of that time. Otherwise that was the first look, and it may have stood for long.
    """

    since: datetime
    moved: bool
    attended: datetime | None = None
    """When the first consumer was there while it stood, as the store tells or as was seen; ``None``: none was seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    place: Position | None
    holes: Holes
    counters: tuple[int, ...]
    log: tuple[int, str] | None
    backlog: int
    at: datetime
    standing: Standing
    setback: Setback | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What earlier looks at a subscription tell: the setbacks that it has not made up for yet, and by partition since when
    each cursor stands."""

    setbacks: Sequence[Setback] = ()
    standing: Mapping[int, Standing] = field(default_factory=dict)
    past: Past = NO_PAST


NOTHING_SEEN = Seen()


class Samples:
    """Thread-safe."""

    def __init__(self, most: int = MOST_SAMPLES, *, a_while: timedelta = A_WHILE) -> None:
        """``a_while``: over how long a backlog is compared to tell that it grows."""
        self._most, self._a_while = most, a_while
        self._past: OrderedDict[tuple[str, str], Past] = OrderedDict()
        self._lock = threading.Lock()
        self._last: OrderedDict[tuple[str, str, int], Sample] = OrderedDict()

    def see(self, subscription: Subscription, now: datetime) -> Seen:
        """Note where the cursors stand, and return what is known from earlier looks."""
        found, standing, vanished = [], {}, False
        with self._lock:
            for cursor in subscription.cursors:
                key = (subscription.topic, subscription.name, cursor.partition)
                before = self._last.pop(key, None)
                vanished = vanished or (before is not None and _lost_to_trimming(before, cursor))
                sample = _attended(_next(before, cursor, now), first_connected(subscription, cursor.partition, now))
                self._last[key] = sample
                standing[cursor.partition] = sample.standing
                if sample.setback:
                    found.append(sample.setback)
            name = (subscription.topic, subscription.name)
            known = self._past.pop(name, NO_PAST)
            past = continued(known, subscription, now, vanished=vanished, a_while=self._a_while)
            self._past[name] = past
            self._forget_oldest()
        return Seen(setbacks=found, standing=standing, past=past)

    def learn(self, subscription: Subscription, seen: Seen, at: datetime) -> None:
        """Take over what another process saw then, unless this one has looked since."""
        setbacks = {setback.partition: setback for setback in seen.setbacks}
        with self._lock:
            for cursor in subscription.cursors:
                key, number = (subscription.topic, subscription.name, cursor.partition), cursor.partition
                if key not in self._last or self._last[key].at < at:
                    standing = seen.standing.get(number) or Standing(since=at, moved=False)
                    self._last[key] = _sample(cursor, at, standing, setbacks.get(number))
            name = (subscription.topic, subscription.name)
            if (self._past.get(name, NO_PAST).at or at) <= at:
                self._past[name] = seen.past
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        while len(self._last) > self._most:
            self._last.popitem(last=False)
        while len(self._past) > self._most:
            self._past.popitem(last=False)


def first_connected(subscription: Subscription, partition: int, now: datetime) -> datetime | None:
    """When the first of the consumers connected that get this partition now: ``now``, if the store does not tell; ``None`` if
    there is none."""
    times = [one.connected_since or now for one in subscription.consumers if one.partition in (None, partition)]
    return min(times, default=None)


def _next(before: Sample | None, cursor: Cursor, now: datetime) -> Sample:
    if before is not None and is_another_log(before.log, cursor.log):
        before = None  # its topic was made anew: the cursor begins there
    setback = _setback(before, cursor, now) if before else None
    if setback is None and before is not None and before.setback and is_before(_place(cursor), before.setback.until):
        setback = before.setback
    return _sample(cursor, now, _standing(before, cursor, now), setback)


def _attended(sample: Sample, connected: datetime | None) -> Sample:
    """Note who is there. Consumers that come and go do not begin their time anew."""
    before = sample.standing.attended
    if connected is None or (before is not None and before <= connected):
        return sample
    return replace(sample, standing=replace(sample.standing, attended=connected))


def _sample(cursor: Cursor, at: datetime, standing: Standing, setback: Setback | None) -> Sample:
    return Sample(
        standing=standing,
        place=_place(cursor),
        holes=tuple(cursor.holes) if len(cursor.holes) <= MOST_HOLES else (),
        counters=cursor.counters,
        log=cursor.log,
        backlog=cursor.backlog,
        at=at,
        setback=setback,
    )


def _standing(before: Sample | None, cursor: Cursor, now: datetime) -> Standing:
    if before is None:
        return Standing(since=now, moved=False)
    return before.standing if before.place == _place(cursor) else Standing(since=before.at, moved=True)


def _lost_to_trimming(before: Sample, cursor: Cursor) -> bool:
    """Whether the cursor has gone on although the store has delivered nothing since, and the place where it was is gone.

    It says something only where nobody was connected: acknowledgements of what was delivered before would look alike. A cursor
    that somebody moved on has passed events over, too, but they are still there.
    """
    place = _place(cursor)
    if cursor.start is None or not is_before(before.place, cursor.start):
        return False
    if is_another_log(before.log, cursor.log) or len(before.counters) < 2 or len(cursor.counters) < 2:
        return False
    went_on = is_before(before.place, place)
    added, delivered = (now - then for then, now in zip(before.counters[:2], cursor.counters[:2], strict=True))
    return went_on and delivered == 0 and added >= 0 and cursor.backlog < before.backlog + added


def is_another_log(before: tuple[int, str] | None, now: tuple[int, str] | None) -> bool:
    """As ``Cursor.log`` says: within one log the text changes only if the number grows."""
    return before is not None and now is not None and now[1] != before[1] and now[0] <= before[0]


def is_counted_anew(before: Sequence[int], now: Sequence[int]) -> bool:
    """As ``Cursor.counters`` says: one that fell shows that the store has loaded the partition anew."""
    return any(after < count for count, after in zip(before, now, strict=False))


def _setback(before: Sample, cursor: Cursor, now: datetime) -> Setback | None:
    lost = _lost_ranges(before.holes, cursor)
    known = [*([before.place] if before.place else []), *(last for _, last in lost)]
    if not lost and not is_before(_place(cursor), before.place):
        return None
    return Setback(
        partition=cursor.partition,
        was=before.place,
        came_to=_place(cursor),
        ranges_lost=len(lost),
        until=max(known),
        seen=before.at,
        found=now,
        restarted=is_counted_anew(before.counters, cursor.counters),
    )


def _lost_ranges(holes: Holes, cursor: Cursor) -> Holes:
    """Return the ranges that are not wholly acknowledged any more."""
    if len(cursor.holes) > MOST_HOLES:
        return ()
    there = {(begin.token, end.token) for begin, end in cursor.holes}
    changed = [pair for pair in holes if (pair[0].token, pair[1].token) not in there]
    return [(first, last) for first, last in changed if not _is_acknowledged(first, last, cursor)]


def _is_acknowledged(first: Position, last: Position, cursor: Cursor) -> bool:
    if not is_before(_place(cursor), last):
        return True
    # The cursor may have moved into the range, so that only the rest of it has to be found beyond.
    place = _place(cursor)
    start = first if place is None else max(first, place)
    return any(begin <= start and last <= end for begin, end in cursor.holes)


def is_before(place: Position | None, other: Position | None) -> bool:
    """``None`` is the beginning."""
    return other is not None and (place is None or place < other)


def _place(cursor: Cursor) -> Position | None:
    return cursor.acknowledged or cursor.beginning
