"""Which events a replay takes: found in the index, without reading a payload.

What one aggregate has, or what a few ids name, is known event by event. A range is known by its ends. What a filter takes of a
range is known if the filter asks for nothing that only the events themselves tell, and if the range is not too long.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from eventstore.index.lookup import pointers, queries
from eventstore.index.lookup.ordinals import ordinal_after
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.lookup.stream_keys import Stretch, ordinals_on, stretches_in
from eventstore.index.tables.extents import leaves_types_out
from eventstore.model.errors import InvalidPosition, InvalidReplay
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.replays.order import MOST_ORDINALS, Bounds, Chosen, Kind, What
from eventstore.replays.planning.partitions import Seen, There, check_whole, tokens_at
from eventstore.search import Filter, parse_filter

MOST_KNOWN = 50_000
"""Events of one aggregate that are found one by one."""
MOST_FILTERED = 20_000
"""Events that a filter is asked about by what the index knows of them: about half a second."""
MOST_IDS = 200
"""Event ids of one replay."""
AT_ONCE = 2_000
NAMED = frozenset({Kind.AGGREGATE, Kind.EVENT})
"""Choices that name what they take."""

Known = Mapping[tuple[str, int], Sequence[int]]
"""Ordinals by topic and partition."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is chosen.

    - ``topics``: as the order keeps it. ``known``: the ordinals, where each event is known; ``None`` for whole ranges.
    - ``events``: how many; ``None`` where a filter has to read them first.
    - ``trimmed``: how many events of what was asked for retention has removed; ``None`` for some, nobody knows how many.
    - ``missing``: event ids of which the projection's topics have no event.
    """

    topics: Chosen
    known: Known | None
    events: int | None
    trimmed: int | None = 0
    missing: Sequence[str] = ()


@dataclass(kw_only=True, slots=True)
class _Found:
    """Ranges of ordinals, and single ones, as they are found."""

    ranges: dict[tuple[str, int], tuple[There, int, int]] = field(default_factory=dict)
    trimmed: int | None = 0


def choose(log: Log, what: What, seen: Seen) -> Choice:
    """Find the events. Raises ``InvalidReplay`` for what cannot be meant, and where types of aggregates are left out
    (``eventstore.extent``) for whatever would take some of them along."""
    if what.kind not in NAMED:
        check_whole(seen)
    match what.kind:
        case Kind.AGGREGATE:
            return _of_aggregate(what, seen)
        case Kind.EVENT:
            return _of_ids(what, seen)
        case Kind.FILTER:
            return _matching(_ranges(log, what, seen), parse_filter(what.filter))
        case _:
            return _whole(_ranges(log, what, seen))


def _ranges(log: Log, what: What, seen: Seen) -> _Found:
    """The ranges from where the replay begins to the frozen ends."""
    found = _Found()
    for one in seen.partitions:
        asked = _start(log, what, one)
        if asked is None:
            continue
        begins, cut = asked
        if found.trimmed is not None:
            found.trimmed = None if cut is None else found.trimmed + cut
        if begins < one.end:
            found.ranges[one.place] = (one, begins, one.end)
    return found


def _start(log: Log, what: What, one: There) -> tuple[int, int | None] | None:
    """The ordinal at which the replay begins in this partition, and how many events before it are gone; ``None`` if it takes
    nothing there."""
    if what.positions:
        token = what.positions.get(one.row.number) if one.row.topic == what.topic else None
        if token is None:
            return None
        place = log.position(one.row.topic, one.row.number, token)
        asked = ordinal_after(one.row, place, inclusive=True)
        return max(asked, one.kept), max(0, one.kept - asked)
    if what.time is None:
        return one.kept, one.kept
    first = log.first_since(one.row.topic, one.row.number, what.time)
    if first is None:
        return None
    begins = ordinal_after(one.row, first.beginning)
    return max(begins, one.kept), None if 0 < begins <= one.kept and _is_cut(one, what) else 0


def _is_cut(one: There, what: What) -> bool:
    """Whether the last event that retention has removed is one of those that were asked for."""
    last = pointers_at([(one.row.pk, one.kept - 1)])
    return bool(last) and what.time is not None and last[0].published >= what.time


def _whole(found: _Found) -> Choice:
    tokens = tokens_at((one, at) for one, first, end in found.ranges.values() for at in (first, end - 1))
    topics: dict[str, dict[int, Bounds]] = {}
    for one, first, end in found.ranges.values():
        topics.setdefault(one.row.topic, {})[one.row.number] = _bounds(one, first, end, tokens)
    events = sum(end - first for _, first, end in found.ranges.values())
    return Choice(topics=topics, known=None, events=events, trimmed=found.trimmed)


def _bounds(
    one: There, first: int, end: int, tokens: Mapping[tuple[int, int], str], ordinals: tuple[int, ...] | None = None
) -> Bounds:
    return Bounds(
        first=first,
        end=end,
        first_token=_token(tokens, one, first),
        last_token=_token(tokens, one, end - 1),
        ordinals=ordinals,
        build=one.row.pk,
    )


def _token(tokens: Mapping[tuple[int, int], str], one: There, ordinal: int) -> str:
    if not (token := tokens.get((one.row.pk, ordinal))):
        raise InvalidReplay(f"The index of {one.row.topic} has just changed. Plan this again.")
    return token


def _single(found: Iterable[tuple[There, Sequence[int]]], trimmed: int = 0, missing: Sequence[str] = ()) -> Choice:
    """These events, each of them known."""
    each = [(one, ordinals) for one, ordinals in found if ordinals]
    events = sum(len(ordinals) for _, ordinals in each)
    tokens = tokens_at((one, at) for one, ordinals in each for at in (ordinals[0], ordinals[-1]))
    topics: dict[str, dict[int, Bounds]] = {}
    for one, ordinals in each:
        kept = tuple(ordinals) if events <= MOST_ORDINALS else None
        bounds = _bounds(one, ordinals[0], ordinals[-1] + 1, tokens, kept)
        topics.setdefault(one.row.topic, {})[one.row.number] = bounds
    known = {one.place: ordinals for one, ordinals in each}
    return Choice(topics=topics, known=known, events=events, trimmed=trimmed, missing=missing)


def _of_aggregate(what: What, seen: Seen) -> Choice:
    type, id = what.aggregate
    by_row = {one.row.pk: one for one in seen.partitions}
    found: list[tuple[There, Sequence[int]]] = []
    trimmed = 0
    for topic in dict.fromkeys(one.row.topic for one in seen.partitions):
        for stretch in stretches_in(topic, id, type).values():
            one = by_row.get(stretch.partition)
            if one is None:
                continue
            ordinals = [at for at in islice(_all_of(stretch), MOST_KNOWN + 1) if at < one.end]
            if len(ordinals) > MOST_KNOWN:
                raise InvalidReplay(f"This aggregate has more than {MOST_KNOWN:,} events. Replay a part, by a filter.")
            left = [at for at in ordinals if at >= one.kept]
            trimmed += len(ordinals) - len(left)
            found.append((one, left))
    return _single(found, trimmed)


def _all_of(stretch: Stretch) -> Iterator[int]:
    start = 0
    while page := ordinals_on(stretch, start, AT_ONCE):
        yield from page
        start = page[-1] + 1


def _of_ids(what: What, seen: Seen) -> Choice:
    if len(what.events) > MOST_IDS:
        raise InvalidReplay(f"At most {MOST_IDS} single events are replayed at once. Replay their aggregate, or a filter.")
    by_place = {one.place: one for one in seen.partitions}
    found: dict[tuple[str, int], set[int]] = {}
    missing, trimmed = [], 0
    for id in dict.fromkeys(what.events):
        there = False
        for pointer in _with_id(id):
            place = pointer.position.topic, pointer.position.partition
            one = by_place.get(place)
            if one is None or pointer.ended_at is not None or pointer.ordinal >= one.end:
                continue
            there = True
            trimmed += pointer.ordinal < one.kept
            if pointer.ordinal >= one.kept:
                found.setdefault(place, set()).add(pointer.ordinal)
        missing += [] if there else [id]
    return _single(((by_place[place], sorted(ordinals)) for place, ordinals in found.items()), trimmed, missing)


def _with_id(id: str) -> Sequence[Pointer]:
    """All events with this id. Raises ``InvalidReplay`` for more than the index lists.

    Where types are left out, copies are too: the index does not know of which aggregate they are."""
    found = queries.by_event_id(id, limit=2 * pointers.MOST_CANDIDATES)
    if leaves_types_out():
        found = [pointer for pointer in found if not pointer.derived]
    originals = sum(not pointer.derived for pointer in found)
    if originals >= pointers.MOST_CANDIDATES:
        raise InvalidReplay(f"At least {originals:,} events have the id {id}. Replay their aggregate, or a filter.")
    return found


def _matching(found: _Found, filter: Filter) -> Choice:
    """What the filter takes of the ranges, as far as the index tells."""
    if filter.empty:
        raise InvalidReplay("The filter is empty. Say what it is to find, or replay everything.")
    whole = _whole(found)
    if filter.reads_payload or (whole.events or 0) > MOST_FILTERED:
        return Choice(topics=whole.topics, known=None, events=None, trimmed=found.trimmed)
    chosen: list[tuple[There, Sequence[int]]] = []
    for one, first, end in found.ranges.values():
        passing = _passing(one, first, end, filter)
        if passing is None:
            return Choice(topics=whole.topics, known=None, events=None, trimmed=found.trimmed)
        chosen.append((one, passing))
    known = _single(chosen)
    return Choice(topics=known.topics, known=known.known, events=known.events, trimmed=found.trimmed)


def _passing(one: There, first: int, end: int, filter: Filter) -> Sequence[int] | None:
    """The ordinals that pass; ``None`` if the events themselves are needed to tell."""
    passing: list[int] = []
    for start in range(first, end, AT_ONCE):
        for pointer in pointers_at([(one.row.pk, at) for at in range(start, min(end, start + AT_ONCE))]):
            answer = filter.matches_pointer(pointer)
            if answer is None:
                return None
            passing += [pointer.ordinal] if answer else []
    return passing


def without(choice: Choice, aggregate: tuple[str, str], seen: Seen) -> Choice:
    """The choice without the events of one aggregate. Whole ranges stay as they are, and whoever sends leaves them out."""
    if aggregate == ("", ""):
        return choice
    own = _of_aggregate(What(kind=Kind.AGGREGATE, aggregate=aggregate), seen).known or {}
    if choice.known is None:
        inside = sum(_is_inside(choice.topics, place, at) for place, ordinals in own.items() for at in ordinals)
        return replace(choice, events=None if choice.events is None else choice.events - inside)
    by_place = {one.place: one for one in seen.partitions}
    left = [(by_place[at], minus(ordinals, own.get(at, ()))) for at, ordinals in choice.known.items()]
    return replace(_single(left), trimmed=choice.trimmed)


def alone(choice: Choice, aggregate: tuple[str, str], seen: Seen) -> Choice:
    """Of the choice, the events of one aggregate. What a filter takes of them is known when they are read, as before."""
    if aggregate == ("", ""):
        return choice
    own = _of_aggregate(What(kind=Kind.AGGREGATE, aggregate=aggregate), seen).known or {}
    by_place = {one.place: one for one in seen.partitions}
    left = [(by_place[at], _chosen_of(choice, at, ordinals)) for at, ordinals in own.items() if at in by_place]
    found = replace(_single(left), trimmed=choice.trimmed)
    return found if choice.events is not None else replace(found, known=None, events=None)


def _chosen_of(choice: Choice, place: tuple[str, int], ordinals: Sequence[int]) -> Sequence[int]:
    """Those of these ordinals that are chosen."""
    if choice.known is not None:
        return common(ordinals, choice.known.get(place, ()))
    return [at for at in ordinals if _is_inside(choice.topics, place, at)]


def minus(ordinals: Sequence[int], others: Sequence[int]) -> Sequence[int]:
    """The ordinals that are not among the others, in order. Both may be tens of thousands."""
    gone = frozenset(others)
    return [at for at in ordinals if at not in gone]


def common(ordinals: Sequence[int], others: Sequence[int]) -> Sequence[int]:
    """The ordinals that are among the others too, in order."""
    there = frozenset(others)
    return [at for at in ordinals if at in there]


def _is_inside(topics: Chosen, place: tuple[str, int], ordinal: int) -> bool:
    bounds = topics.get(place[0], {}).get(place[1])
    return bounds is not None and bounds.first <= ordinal < bounds.end


def check_positions(what: What) -> None:
    """Raise ``InvalidPosition`` for places without a topic: a place lies in one partition of one topic."""
    if what.positions and not what.topic:
        raise InvalidPosition("Say in which topic these positions are.")
