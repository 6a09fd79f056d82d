"""Where a cursor went over events that its consumers were never given: they were skipped, cleared or expired, or are older
than the subscription.

No store tells of it. It follows from looks at a cursor: it moved, while consumers were given nothing and acknowledged nothing,
or less than it moved over. A look at a broker is two answers, first what was given and then where the cursor stands, with a
moment between them. So a move is judged by what had been given at the look after it: what a consumer did in that moment is
never taken for a jump.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from eventstore.subscriptions.samples import is_another_log

MOST_PASSAGES = 200
"""Ranges that are kept of a cursor. The newest ones stay."""
MOST_BACKS = 20
"""Undos that are kept of a cursor: so many may happen between two looks of a process at what others have noted."""
MOST_HOLES = 200
"""Ranges acknowledged beyond a cursor that are kept with a look. If there are more, what it moved over is not told apart."""
HELD_IS_UNCOUNTED = frozenset({SubscriptionType.EXCLUSIVE, SubscriptionType.FAILOVER, SubscriptionType.UNKNOWN})
"""Types of which a broker does not count what a consumer holds (verified with 4.0.8)."""

EventsIn = Callable[[str, str], int | None]
"""Counts the events of the partition between two tokens (excluded, included); ``None`` where the index does not know them."""


class Passage(Struct, frozen=True, kw_only=True):
    """A range of a partition (``start`` excluded, ``end`` included; tokens) that a cursor went over.

    ``certain``: none of it was given to a consumer. Otherwise some of it was not, and nobody knows which. With ``before``, it
    holds of events published before then alone.
    """

    start: str
    end: str
    certain: bool
    found: datetime
    before: datetime | None = None
    recorded: bool = False
    """A cursor reset of ours went over it."""

    def covers(self, token: str, published: datetime) -> bool:
        return self.start < token <= self.end and (self.before is None or published < self.before)


class Back(Struct, frozen=True, kw_only=True):
    """An undo of ours: these ranges (tokens, in order) were given back at this time. Nothing that had gone over them by then
    counts any more."""

    at: datetime
    ranges: tuple[tuple[str, str], ...]


class Mark(Struct, frozen=True, kw_only=True):
    """A cursor at one look.

    - ``done`` counts what it has acknowledged of what is there, in the store's unit.
    - ``given`` counts events given to consumers since the store loaded the partition, ``added`` what was published since then;
      ``None`` where the store counts neither. ``delivered`` is when an event was last given.
    - ``held`` is how many events its consumers hold and may acknowledge; ``None`` if the store does not tell.
    - ``members`` are its consumers, by name and time of connection; ``acked`` is when one of them last acknowledged something.
    """

    place: str = ""
    holes: tuple[tuple[str, str], ...] = ()
    many_holes: bool = False
    done: int | None = 0
    given: int | None = 0
    added: int | None = 0
    held: int | None = 0
    members: tuple[str, ...] = ()
    acked: datetime | None = None
    delivered: datetime | None = None
    log: tuple[int, str] | None = None
    at: datetime | None = None


BIRTH = Mark()
"""Where a subscription began: before everything, as far as anybody knows."""


class Track(Struct, frozen=True, kw_only=True):
    """What is known of one cursor's way: the last two looks, and what it went over. ``older`` is ``None`` if nothing is known
    of what was before, and ``BIRTH`` at the second look at a cursor that is known from its beginning; it was made before
    ``placed``."""

    older: Mark | None
    newer: Mark
    passages: tuple[Passage, ...] = ()
    placed: datetime | None = None
    backs: tuple[Back, ...] = ()


class Followed(Struct, frozen=True, kw_only=True):
    """The track after a look, and with it what the last move went over as it seems now: the next look proves it."""

    track: Track
    seeming: tuple[Passage, ...]

    @property
    def passages(self) -> Sequence[Passage]:
        return [*self.track.passages, *self.seeming]


def follow(
    track: Track | None,
    cursor: Cursor,
    subscription: Subscription,
    at: datetime,
    *,
    events_in: EventsIn,
    absent_before: bool = False,
) -> Followed:
    """Return the track with this look. ``absent_before``: an earlier look at the topic did not find the subscription."""
    now = mark_of(cursor, subscription, at)
    if track is not None and is_another_log(track.newer.log, now.log):
        track, absent_before = None, False
    if track is None:
        if not (absent_before or _counts_all(cursor)):
            return Followed(track=Track(older=None, newer=now), seeming=())
        begun = Track(older=BIRTH, newer=now, placed=cursor.placed)
        return Followed(track=begun, seeming=tuple(_jump(BIRTH, now, now, events_in, cursor.placed)))
    anew = _loaded_anew(track.newer, now)
    proven: tuple[Passage, ...] = ()
    if track.older is not None:
        # Where nobody was connected at the look, nobody did anything within it.
        later = now if track.newer.members and not anew else track.newer
        jumped = _jump(track.older, track.newer, later, events_in, track.placed)
        proven = _without_backs(jumped, [back for back in track.backs if track.newer.at is None or track.newer.at <= back.at])
    passages = (*track.passages, *proven)[-MOST_PASSAGES:]
    if anew or now.place < track.newer.place:
        kept = tuple(cut for one in passages if (cut := _up_to(one, now)))
        return Followed(track=Track(older=None, newer=now, passages=kept, backs=track.backs), seeming=())
    following = Track(older=track.newer, newer=now, passages=passages, backs=track.backs)
    return Followed(track=following, seeming=tuple(_jump(track.newer, now, now, events_in, None)))


def skipped(followed: Followed, ranges: Sequence[tuple[str, str]], at: datetime, *, certain: bool = True) -> Followed:
    """Return what is known once a move of ours has gone over these ranges, of which nothing was
    acknowledged before; not ``certain``: once it may have."""
    track = followed.track
    new = tuple(Passage(start=first, end=last, certain=certain, found=at, recorded=True) for first, last in ranges)
    return replace(followed, track=replace(track, passages=(*track.passages, *new)[-MOST_PASSAGES:]))


def put_back(followed: Followed, back: Back) -> Followed:
    """Return what is known once an undo of ours has given these ranges back."""
    return _with_backs(followed, [back])


def with_recorded(followed: Followed, other: Followed, since: datetime | None) -> Followed:
    """Return ``followed`` with those moves and undos of ours that ``other`` has noted since then."""
    track, noted = followed.track, other.track
    backs = [one for one in noted.backs if one not in track.backs and (since is None or one.at > since)]
    new = tuple(
        one for one in noted.passages if one.recorded and (since is None or one.found > since) and one not in track.passages
    )
    with_new = replace(track, passages=(*track.passages, *new)[-MOST_PASSAGES:]) if new else track
    found = replace(followed, track=with_new)
    return _with_backs(found, backs) if backs else found


def _with_backs(followed: Followed, backs: Sequence[Back]) -> Followed:
    track = followed.track
    passages = tuple(
        piece for one in track.passages for piece in _left_of(one, [back for back in backs if one.found <= back.at])
    )
    return replace(
        followed,
        track=replace(track, passages=passages[-MOST_PASSAGES:], backs=(*track.backs, *backs)[-MOST_BACKS:]),
        seeming=_without_backs(followed.seeming, backs),
    )


def _without_backs(passages: Iterable[Passage], backs: Sequence[Back]) -> tuple[Passage, ...]:
    return tuple(piece for one in passages for piece in _left_of(one, backs))


def _left_of(passage: Passage, backs: Sequence[Back]) -> Sequence[Passage]:
    """Return the pieces of the passage that none of these undos gave back."""
    pieces = [passage]
    for back in backs:
        pieces = [
            replace(one, start=start, end=end)
            for one in pieces
            for start, end in _without(_within(back.ranges, one), one.start, one.end)
        ]
    return pieces


def _within(ranges: Sequence[tuple[str, str]], passage: Passage) -> Sequence[tuple[str, str]]:
    return [(start, end) for start, end in ranges if start < passage.end and passage.start < end]


def unseen(place: str, at: datetime) -> Followed:
    """Return what is known of a cursor that a reset has just moved here, and that nobody looked at before."""
    mark = Mark(place=place, done=None, given=None, added=None, held=None, at=at)
    return Followed(track=Track(older=None, newer=mark), seeming=())


def mark_of(cursor: Cursor, subscription: Subscription, at: datetime) -> Mark:
    """Return what is kept of a cursor at a look."""
    members = [one for one in subscription.consumers if one.partition in (None, cursor.partition)]
    counters = cursor.counters
    told = not counters or subscription.type not in HELD_IS_UNCOUNTED or not members
    return Mark(
        place=cursor.acknowledged.token if cursor.acknowledged else "",
        holes=tuple((start.token, end.token) for start, end in cursor.holes[:MOST_HOLES]),
        many_holes=len(cursor.holes) > MOST_HOLES,
        done=cursor.done,
        given=counters[1] if len(counters) > 1 else None,
        added=counters[0] if counters else None,
        held=sum(one.unacked for one in members) if told else None,
        members=tuple(sorted(f"{one.name} {one.connected_since}" for one in members)),
        acked=max((one.acked for one in members if one.acked), default=None),
        delivered=subscription.delivered,
        log=cursor.log,
        at=at,
    )


def _counts_all(cursor: Cursor) -> bool:
    """Whether what the store counts goes back to the first event of the partition: it never loaded the partition anew, or
    forgets nothing with that."""
    return cursor.entries is not None and (not cursor.counters or cursor.counters[0] == cursor.entries)


def _jump(before: Mark, after: Mark, later: Mark, events_in: EventsIn, born_before: datetime | None) -> Iterator[Passage]:
    """Yield what the cursor went over from ``before`` to ``after``, if less of it was given by ``later``."""
    if after.place <= before.place or before.many_holes or later.at is None:
        return
    certain = _nothing_acknowledged(before, later)
    if not certain and not _too_few_given(before, after, later, events_in):
        return
    until = born_before if before == BIRTH and not certain else None
    for start, end in _without(before.holes, before.place, after.place):
        yield Passage(start=start, end=end, certain=certain, found=later.at, before=until)


def _without(holes: Sequence[tuple[str, str]], start: str, end: str) -> Iterator[tuple[str, str]]:
    """Yield what lies between, except for these ranges: they were acknowledged."""
    for first, last in (*holes, (end, end)):
        if start < min(first, end):
            yield start, min(first, end)
        start = max(start, last)


def _nothing_acknowledged(before: Mark, later: Mark) -> bool:
    """Whether no consumer can have acknowledged anything between the looks."""
    if before.given is None or later.given is None:
        return later.delivered == before.delivered and before.held == 0
    given = later.given - before.given
    if before.held == 0 and given <= (later.held or 0):
        return True
    return not given and (later.members == before.members and later.acked == before.acked)


def _too_few_given(before: Mark, after: Mark, later: Mark, events_in: EventsIn) -> bool:
    """Whether the cursor moved over more than consumers had to acknowledge. The store counts messages given.

    Its entries may hold several, or none (markers); the index knows the events.
    """
    if before.given is None or later.given is None or before.held is None or before.done is None or after.done is None:
        return False
    given = later.given - before.given + before.held
    if after.done - before.done <= given:
        return False
    events = events_in(before.place, after.place)
    held_already = sum(events_in(*hole) or 0 for hole in before.holes)
    return events is not None and events - held_already > given


def _loaded_anew(before: Mark, now: Mark) -> bool:
    pairs = ((before.added, now.added), (before.given, now.given))
    return any(was is not None and is_ is not None and is_ < was for was, is_ in pairs)


def _up_to(passage: Passage, now: Mark) -> Passage | None:
    """Return the part of the passage that is still acknowledged although the cursor went back."""
    if passage.end <= now.place or any(start <= passage.start and passage.end <= end for start, end in now.holes):
        return passage
    return replace(passage, end=now.place) if passage.start < now.place else None
