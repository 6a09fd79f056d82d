"""Check that the key tables find each event of a partition, and hold no other key of it.

If a partition has many events in each segment, its keys of a group of segments (``segments``) are read once: at least 130 MB.
If it has few, its keys are looked up, many in one statement, so that a quiet partition of a busy index does not cost a walk
through all of it. A look-up finds a missing key, but not an extra one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventstore.index.segments.numbers import GROUP, numbers_of, segments_under
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, Columns
from eventstore.index.tables.keys import Key as HashKey
from eventstore.index.tables.keys import Link, hashes, value_hash
from eventstore.index.tables.secret import index_key

WORTH_READING = 2_048
"""Average events of the partition in a segment from which on groups are read whole."""

IDS, LINKS, STREAMS = "index_idkey", "index_linkkey", "index_streamkey"
_COLUMN = {IDS: "hash", LINKS: "hash", STREAMS: "stream_id"}

Key = tuple[str, int, int]
"""The table, the hash or stream id, and the ordinal."""
Found = tuple[int, str]
"""An ordinal, and what is wrong with its keys."""
Numbers = NDArray[np.int64]


@dataclass(kw_only=True, slots=True)
class _Group:
    """A partition's keys in a group of segments: by table, ordinals in order, their keys, and the numbers under which these
    lie. ``blocks``: the ordinals of the blocks that were compared with it.
    """

    keys: Mapping[str, tuple[Numbers, Numbers, Numbers]]
    blocks: range


@dataclass(kw_only=True, slots=True)
class KeyCheck:
    """How far the keys of one partition row are compared. Blocks come in order, up to ``end`` (an ordinal)."""

    partition: int
    end: int
    key: HashKey
    whole: bool
    """Whether groups are read whole; otherwise keys are looked up."""
    first_segment: int
    values: bool = True
    """Whether the keys of searchable values are compared. Otherwise other links that are too many are not found either."""
    before: int = 0
    """The segment of the previous block."""
    groups: dict[int, _Group] = field(default_factory=dict)
    """Those that were read and are still needed."""


def key_check(partition: int, end: int, first_segment: int, last_segment: int, *, values: bool = True) -> KeyCheck:
    """Return the check of a partition row whose blocks lie in these segments, first and last included."""
    whole = end >= WORTH_READING * (last_segment - first_segment + 1)
    return KeyCheck(partition=partition, end=end, whole=whole, first_segment=first_segment, values=values, key=index_key())


def check_keys(check: KeyCheck, columns: Columns, first: int, segment: int) -> list[Found]:
    """Return what is wrong with the keys of the block that begins at ordinal ``first``.

    ``segment`` is the segment of the block's latest event. Its other events may lie in earlier segments, back to that of the
    previous block.
    """
    expected = _expected(check, columns, first)
    segments = range(check.before if first else 0, segment + 1)
    missing = set(expected)
    extra: list[Found] = []
    if check.whole:
        extra = _close(check, segments.start // GROUP)
        for number in range(max(segments.start, check.first_segment) // GROUP, segment // GROUP + 1):
            if number not in check.groups:
                check.groups[number] = _read(check.partition, number, first)
            group = check.groups[number]
            group.blocks = range(group.blocks.start, first + len(columns))
            there = list(_of_block(group, first, len(columns)))
            rightly = {key for key, under in there if key in expected and _meet(segments_under(under), segments)}
            missing -= rightly
            extra += _too_many(check, [(key, under) for key, under in there if key not in rightly])
        segments = range(segments.start, min(segments.stop, check.first_segment))
    if missing and segments:
        missing -= set(_looked_up(check.partition, missing, segments, first))
    check.before = segment
    return [*((ordinal, expected[table, key, ordinal]) for table, key, ordinal in missing), *extra]


def finish(check: KeyCheck) -> list[Found]:
    """Return the keys that no block explains. Call it after the last block."""
    return _close(check, max(check.groups, default=0) + 1)


def _close(check: KeyCheck, before: int) -> list[Found]:
    """Drop the groups before this one, and return the keys in them of events that are in none of their blocks."""
    left: list[tuple[Key, int]] = []
    for number in [number for number in check.groups if number < before]:
        group = check.groups.pop(number)
        for table, (ordinals, keys, numbers) in group.keys.items():
            outside = np.flatnonzero((ordinals < group.blocks.start) | (ordinals >= group.blocks.stop))
            chosen = zip(*(column[outside].tolist() for column in (keys, ordinals, numbers)), strict=True)
            left += [((table, key, ordinal), under) for key, ordinal, under in chosen]
    return _too_many(check, left)


def _of_block(group: _Group, first: int, count: int) -> Iterator[tuple[Key, int]]:
    """Yield the group's keys of the block that begins at ordinal ``first``, each with its number."""
    for table, (ordinals, keys, numbers) in group.keys.items():
        start, end = np.searchsorted(ordinals, [first, first + count]).tolist()
        for ordinal, key, under in zip(*(one[start:end].tolist() for one in (ordinals, keys, numbers)), strict=True):
            yield (table, key, ordinal), under


def _meet(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _too_many(check: KeyCheck, left: Iterable[tuple[Key, int]]) -> list[Found]:
    """Return what is wrong with these keys, which no block explains, as far as they are compared."""
    found = []
    for (table, _, ordinal), under in left:
        if ordinal < check.end and (check.values or table != LINKS):
            there = segments_under(under)
            where = f"segment {under}" if len(there) == 1 else f"segments {there[0]} to {there[-1]}"
            found.append((ordinal, f"{_TOO_MANY[table]} too ({where})"))
    return found


_TOO_MANY = {
    IDS: "the index has a key of another event id for it",
    LINKS: "the index has a key of a correlation, causation or value that it does not have for it",
    STREAMS: "the index counts it to another stream",
}


def _expected(check: KeyCheck, columns: Columns, first: int) -> Mapping[Key, str]:
    """Return each key that the block's events must have, with what is wrong if it is missing."""
    expected: dict[Key, str] = {}

    def add(table: str, keys: Iterable[int], places: Iterable[int], missing: str) -> None:
        expected.update({(table, key, first + place): missing for key, place in zip(keys, places, strict=True)})

    add(IDS, hashes(check.key, columns.ids).tolist(), range(len(columns)), "it is not found by its event id")
    for link, texts, name in (
        (Link.CORRELATION, columns.correlations, "correlation id"),
        (Link.CAUSATION, columns.causations, "causation id"),
        (Link.ORIGINAL, columns.originals, "original"),
    ):
        places = [place for place, text in enumerate(texts) if text]
        if places:
            keys = hashes(check.key, [texts[place] for place in places], link).tolist()
            add(LINKS, keys, places, f"it is not found by its {name}")
    for place, values in columns.values.items() if check.values else ():
        keys = [value_hash(check.key, name, text) for name, text in values]
        add(LINKS, keys, [place] * len(keys), "it is not found by a searchable value")
    places = [place for place, stream in enumerate(columns.streams) if stream]
    add(STREAMS, [columns.streams[place] for place in places], places, "it is not found in its stream")
    return expected


def _read(partition: int, group: int, first: int) -> _Group:
    """Return all keys of the partition in this group. The block from ordinal ``first`` on is the first compared with it."""
    of_hash = "SELECT ordinal, hash FROM {} WHERE segment = %s AND partition_id = %s"
    of_stream = (
        "SELECT k.ordinal, k.stream_id FROM {} k JOIN index_streamrow s ON s.id = k.stream_id "
        "WHERE k.segment = %s AND s.partition_id = %s"
    )
    numbers = numbers_of(group * GROUP, (group + 1) * GROUP - 1)
    keys = {}
    for table in (IDS, LINKS, STREAMS):
        statement = (of_stream if table == STREAMS else of_hash).format(table)
        pieces: list[Any] = [np.empty((0, 3), dtype=np.int64)]
        for number in numbers:  # the group's own comes last: keys are only ever moved there
            for rows in sql.query_in_pieces(statement, [number, partition]):
                both = np.array(rows, dtype=np.int64)
                pieces.append(np.column_stack((both, np.full(len(both), number, dtype=np.int64))))
        whole = np.concatenate(pieces)
        whole = whole[np.argsort(whole[:, 0], kind="stable")]
        keys[table] = whole[:, 0], whole[:, 1], whole[:, 2]
    return _Group(keys=keys, blocks=range(first, first))


def _looked_up(partition: int, wanted: Iterable[Key], segments: range, first: int) -> Iterator[Key]:
    """Yield those of a block's keys that these segments have."""
    by_table: dict[str, list[int]] = {}
    for table, key, _ in wanted:
        by_table.setdefault(table, []).append(key)
    numbers = numbers_of(segments[0], segments[-1])
    for table, keys in by_table.items():
        for key, ordinal in _rows(table, sorted(set(keys)), numbers, partition, first):
            yield table, key, ordinal


def _rows(table: str, keys: Sequence[int], numbers: Sequence[int], partition: int, first: int) -> list[tuple[int, int]]:
    column = _COLUMN[table]
    mine, parameters = ("", []) if table == STREAMS else (" AND k.partition_id = %s", [partition])
    inside = f"{mine} AND k.ordinal BETWEEN %s AND %s"
    # On SQLite, CROSS JOIN fixes the order of the loops: one search in the tree for each segment and key.
    return sql.query(
        f"SELECT k.{column}, k.ordinal FROM {sql.listed('s')} CROSS JOIN {sql.listed('w')} "
        f"{'JOIN' if sql.postgres() else 'CROSS JOIN'} {table} k ON k.segment = s.value AND k.{column} = w.value{inside}",
        [sql.as_list(numbers), sql.as_list(keys), *parameters, first, first + FULL - 1],
    )
