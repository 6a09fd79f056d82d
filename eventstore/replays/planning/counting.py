"""What the chosen events are: how many aggregates, of which types, and how large. From the index, without reading a payload.

A range is counted block by block (256 events each). Of one that is too long for that, the index still knows how many events of
each type its partitions hold, which is the most that can be among the chosen ones.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db.models import Sum

from eventstore.index.lookup.pointers import open_blocks, pointers_at
from eventstore.index.models import HourCount
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, Columns
from eventstore.index.tables.names import Names
from eventstore.model.pointers import Pointer
from eventstore.replays.order import Bounds
from eventstore.replays.planning.choosing import Choice

MOST_BLOCKS = 1_000
"""Blocks that are opened to count: 256,000 events, about half a second."""
BLOCKS_AT_ONCE = 100
SHOWN = 10
"""Events that are listed of the first and of the last ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """- ``aggregates``: how many; ``None`` if that was not counted.
    - ``types``: how many events of each type; ``exact`` says whether these are counts, or the most that there can be.
    - ``size``: bytes of payloads, estimated from some of the events where not all were counted; ``None`` without any.
    """

    aggregates: int | None
    types: Mapping[str, int]
    exact: bool
    size: int | None


def counted(choice: Choice) -> Counts:
    blocks = _blocks(choice)
    some = list(islice(blocks, MOST_BLOCKS + 1))
    if len(some) > MOST_BLOCKS:
        return _estimated(choice)
    streams: set[int] = set()
    types: Counter[int] = Counter()
    size = 0
    for columns, places in _opened(some):
        for number in places:
            types[columns.types[number]] += 1
            size += columns.sizes[number]
            streams.add(columns.streams[number])
    return Counts(
        aggregates=None if choice.events is None else _aggregates_of(streams - {0}),
        types=_named(types),
        exact=choice.events is not None,
        size=None if choice.events is None else size,
    )


def _blocks(choice: Choice) -> Iterator[tuple[int, int, Sequence[int]]]:
    """Yield the partition row and the first ordinal of each block that holds chosen events, with their places in it."""
    for topic, partitions in choice.topics.items():
        for number, bounds in partitions.items():
            if choice.known is None:
                yield from _of_range(bounds)
            else:
                yield from _of_ordinals(bounds.build, choice.known[topic, number])


def _of_range(bounds: Bounds) -> Iterator[tuple[int, int, Sequence[int]]]:
    for start in range(bounds.first - bounds.first % FULL, bounds.end, FULL):
        yield bounds.build, start, range(max(0, bounds.first - start), min(FULL, bounds.end - start))


def _of_ordinals(build: int, ordinals: Sequence[int]) -> Iterator[tuple[int, int, Sequence[int]]]:
    by_block: dict[int, list[int]] = {}
    for ordinal in ordinals:
        by_block.setdefault(ordinal - ordinal % FULL, []).append(ordinal % FULL)
    for start, places in by_block.items():
        yield build, start, places


def _opened(wanted: Sequence[tuple[int, int, Sequence[int]]]) -> Iterator[tuple[Columns, Sequence[int]]]:
    for start in range(0, len(wanted), BLOCKS_AT_ONCE):
        some = wanted[start : start + BLOCKS_AT_ONCE]
        blocks = open_blocks((build, first) for build, first, _ in some)
        for build, first, places in some:
            columns = blocks.get((build, first))
            if columns is not None:
                yield columns, [number for number in places if number < len(columns)]


def _estimated(choice: Choice) -> Counts:
    """Of more events than are counted: the types that their partitions hold, and a size by some of the events."""
    builds = [bounds.build for partitions in choice.topics.values() for bounds in partitions.values()]
    rows = HourCount.objects.filter(partition_id__in=builds).values("type_id").annotate(total=Sum("events"))
    types = Counter({row["type_id"]: row["total"] for row in rows})
    sizes = [columns.sizes[number] for columns, places in _opened(_some(_blocks(choice))) for number in places]
    size = None if choice.events is None or not sizes else choice.events * sum(sizes) // len(sizes)
    return Counts(aggregates=None, types=_named(types), exact=False, size=size)


def _some(blocks: Iterable[tuple[int, int, Sequence[int]]]) -> Sequence[tuple[int, int, Sequence[int]]]:
    return list(islice(islice(blocks, 0, None, 50), 20))


def _named(types: Mapping[int, int]) -> Mapping[str, int]:
    texts = Names().texts_of(types)
    return {texts[number]: count for number, count in sorted(types.items()) if texts[number]}


def _aggregates_of(streams: set[int]) -> int:
    """One aggregate may have streams in several partitions."""
    if not streams:
        return 0
    distinct = f"SELECT DISTINCT type_id, aggregate_id FROM index_streamrow WHERE id IN {sql.in_list()}"  # noqa: S608
    ((count,),) = sql.query(f"SELECT count(*) FROM ({distinct}) AS found", [sql.as_list(sorted(streams))])  # noqa: S608
    return int(count)


def edges(choice: Choice) -> tuple[Sequence[Pointer], Sequence[Pointer]]:
    """The first and the last of the chosen events, each in the order in which they were published.

    Of a filter that has to read events, those between which it looks.
    """
    first: list[tuple[str, int, int]] = []
    last: list[tuple[str, int, int]] = []
    builds: dict[tuple[str, int], int] = {}
    for topic, partitions in choice.topics.items():
        for number, bounds in partitions.items():
            all_of: Sequence[int] = range(bounds.first, bounds.end)
            ordinals = all_of if choice.known is None else choice.known[topic, number]
            builds[topic, number] = bounds.build
            first += [(topic, number, at) for at in ordinals[:SHOWN]]
            last += [(topic, number, at) for at in ordinals[-SHOWN:]]
    places = [(builds[topic, number], at) for topic, number, at in {*first, *last}]
    found = {(one.position.topic, one.position.partition, one.ordinal): one for one in pointers_at(places)}
    newest = _by_time(found[at] for at in last if at in found)[-SHOWN:]
    oldest = _by_time(found[at] for at in first if at in found)[:SHOWN]
    shown = {pointer.position for pointer in oldest}
    return oldest, [pointer for pointer in newest if pointer.position not in shown]


def _by_time(found: Iterable[Pointer]) -> list[Pointer]:
    return sorted(found, key=lambda one: (one.published, one.position.topic, one.position.partition, one.ordinal))
