"""From hashes to places: search the segments of a key table in one statement."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from eventstore.extent import asked_once
from eventstore.index.segments.numbers import by_age, every_number, numbers_of
from eventstore.index.tables import sql
from eventstore.index.tables.extents import live_partitions
from eventstore.model.events import TopicKind


class Place(NamedTuple):
    """The event that a key points to. Its text still has to be compared: another text may have the same hash."""

    hash: int
    partition: int
    ordinal: int


@asked_once
def newest_segment() -> int:
    """Return the number of the newest segment that has keys."""
    ((newest,),) = sql.query("SELECT coalesce(max(segment), 0) FROM index_indexedpartition", [])
    return int(newest)


@asked_once
def partitions_with(*, derived: bool) -> Sequence[int]:
    """Return the live rows of partitions with copies, or of those with events."""
    rows, events = live_partitions(), TopicKind.EVENTS.value
    which = rows.exclude(kind=events) if derived else rows.filter(kind=events)
    return list(which.values_list("pk", flat=True))


def places(table: str, hash: int, partitions: Sequence[int], *, limit: int, newest_first: bool = False) -> list[Place]:
    """Return the places of a hash in these partition rows, first written first, or last. In merged segments, those of a
    partition row with a lower number count as written first.
    """
    order = "segment DESC, partition_id DESC, ordinal DESC" if newest_first else "segment, partition_id, ordinal"
    statement = (
        f"SELECT hash, partition_id, ordinal FROM {table} WHERE segment IN {sql.in_list()} AND hash = %s "
        f"AND partition_id IN {sql.in_list()} ORDER BY {order} LIMIT %s"
    )
    found: list[list[Place]] = []
    for numbers in reversed(by_age(every_number())):
        rows = sql.query(statement, [sql.as_list(numbers), hash, sql.as_list(partitions), limit])
        found.append([Place(*row) for row in rows])
    together = [place for part in (found if newest_first else reversed(found)) for place in part]
    return list(dict.fromkeys(together))[:limit]  # a key that was moved between two statements is in both


def places_of_each(table: str, hashes: Sequence[int], *, limit: int) -> list[Place]:
    """Return places of all of these hashes, in any partition row."""
    rows = sql.query(
        f"SELECT hash, partition_id, ordinal FROM {table} "
        f"WHERE segment IN {sql.in_list()} AND hash IN {sql.in_list()} LIMIT %s",
        [sql.as_list(every_number()), sql.as_list(hashes), limit],
    )
    return [Place(*row) for row in rows]


def first_places(table: str, hashes: Sequence[int], segments: range, partitions: Sequence[int]) -> list[Place]:
    """Return one place of each hash in each of these segments, or in all that were merged together, if these partition rows
    have it there, oldest segment first.

    Enough to tell whether a hash is there at all, at the same cost for one place as for a million. Another text with the same
    hash in the same segment would hide it: with 1.6 million events in merged ones, one case in 180 million.
    """
    if not hashes or not segments:
        return []
    rows = sql.query(
        "SELECT s.value, h.value, (SELECT k.partition_id || ' ' || k.ordinal "
        f"FROM {table} k WHERE k.segment = s.value AND k.hash = h.value AND k.partition_id IN {sql.in_list()} LIMIT 1) "
        f"FROM {sql.listed('s')} CROSS JOIN {sql.listed('h')}",
        [sql.as_list(partitions), sql.as_list(numbers_of(segments[0], segments[-1])), sql.as_list(hashes)],
    )
    there = sorted((segment, hash, place) for segment, hash, place in rows if place is not None)
    return [Place(hash, *map(int, place.split())) for _, hash, place in there]


def ids_in(segments: range) -> Iterator[list[tuple[int, int]]]:
    """Yield the hash of every event id in these segments, with its partition row, many at a time."""
    for number in numbers_of(segments[0], segments[-1]) if segments else ():
        yield from sql.query_in_pieces("SELECT hash, partition_id FROM index_idkey WHERE segment = %s", [number])


def ends_of_topic(partition: int) -> dict[int, int]:
    """Return the next ordinal of each row of this row's topic and build, including its own.

    Within these rows, an event id should occur only once. Rows of a log that is gone are left out: a topic that was made anew
    may hold the same events again.
    """
    rows = sql.query(
        "SELECT p.id, p.next_ordinal FROM index_indexedpartition own JOIN index_indexedpartition p "
        "ON p.topic = own.topic AND p.ended_at IS NULL AND (p.build = own.build OR (p.live AND own.live)) WHERE own.id = %s",
        [partition],
    )
    return dict(rows)
