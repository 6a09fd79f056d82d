"""Check that the key tables find each event of a partition, and hold no other key of it.

If a partition has many events in each segment, its keys of a segment are read once and compared as a set. If it has few, its
keys are looked up, many in one statement, so that a quiet partition of a busy index does not cost a walk through all of it. A
look-up finds a missing key, but not an extra one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, Columns
from eventstore.index.tables.keys import Key as HashKey
from eventstore.index.tables.keys import Link, hashes, value_hash
from eventstore.index.tables.secret import index_key

WORTH_READING = 2_048
"""Average events of the partition in a segment from which on segments are read whole."""

IDS, LINKS, STREAMS = "index_idkey", "index_linkkey", "index_streamkey"
_COLUMN = {IDS: "hash", LINKS: "hash", STREAMS: "stream_id"}

Key = tuple[str, int, int]
"""The table, the hash or stream id, and the ordinal."""
Found = tuple[int, str]
"""An ordinal, and what is wrong with its keys."""


@dataclass(kw_only=True, slots=True)
class KeyCheck:
    """How far the keys of one partition row are compared. Blocks come in order, up to ``end`` (an ordinal)."""

    partition: int
    end: int
    key: HashKey
    whole: bool
    """Whether segments are read whole; otherwise keys are looked up."""
    first_segment: int
    values: bool = True
    """Whether the keys of searchable values are compared. Otherwise other links that are too many are not found either."""
    before: int = 0
    """The segment of the previous block."""
    pools: dict[int, set[Key]] = field(default_factory=dict)
    """By segment that was read whole: its keys that no block has explained so far."""


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
    found: set[Key] = set()
    extra: list[Found] = []
    if check.whole:
        extra = _close(check, segments.start)
        for number in range(max(segments.start, check.first_segment), segments.stop):
            if number not in check.pools:
                check.pools[number] = set(_read(check.partition, number))
            there = check.pools[number] & expected.keys()
            check.pools[number] -= there
            found |= there
        segments = range(segments.start, min(segments.stop, check.first_segment))
    missing = expected.keys() - found
    if missing and segments:
        missing -= set(_looked_up(check.partition, missing, segments, first))
    check.before = segment
    return [*extra, *((ordinal, expected[table, key, ordinal]) for table, key, ordinal in missing)]


def finish(check: KeyCheck) -> list[Found]:
    """Return the keys that no block explains. Call it after the last block."""
    return _close(check, max(check.pools, default=0) + 1)


def _close(check: KeyCheck, before: int) -> list[Found]:
    """Drop the segments before this one, and return the keys in them that no block explained."""
    extra = []
    for number in [number for number in check.pools if number < before]:
        pool = check.pools.pop(number)
        left = [(table, at) for table, _, at in pool if at < check.end and (check.values or table != LINKS)]
        extra += [(ordinal, f"{_TOO_MANY[table]} too (segment {number})") for table, ordinal in left]
    return extra


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


def _read(partition: int, segment: int) -> Iterator[Key]:
    """Yield all keys of the partition in this segment."""
    for table in (IDS, LINKS):
        rows = sql.query(f"SELECT hash, ordinal FROM {table} WHERE segment = %s AND partition_id = %s", [segment, partition])
        yield from ((table, hash, ordinal) for hash, ordinal in rows)
    rows = sql.query(
        "SELECT k.stream_id, k.ordinal FROM index_streamkey k JOIN index_streamrow s ON s.id = k.stream_id "
        "WHERE k.segment = %s AND s.partition_id = %s",
        [segment, partition],
    )
    yield from ((STREAMS, stream, ordinal) for stream, ordinal in rows)


def _looked_up(partition: int, wanted: Iterable[Key], segments: range, first: int) -> Iterator[Key]:
    """Yield those of a block's keys that these segments have."""
    by_table: dict[str, list[int]] = {}
    for table, key, _ in wanted:
        by_table.setdefault(table, []).append(key)
    for table, keys in by_table.items():
        for key, ordinal in _rows(table, sorted(set(keys)), segments, partition, first):
            yield table, key, ordinal


def _rows(table: str, keys: Sequence[int], segments: range, partition: int, first: int) -> list[tuple[int, int]]:
    column = _COLUMN[table]
    mine, parameters = ("", []) if table == STREAMS else (" AND k.partition_id = %s", [partition])
    inside = f"{mine} AND k.ordinal BETWEEN %s AND %s"
    # On SQLite, CROSS JOIN fixes the order of the loops: one search in the tree for each segment and key.
    return sql.query(
        f"SELECT k.{column}, k.ordinal FROM {sql.listed('s')} CROSS JOIN {sql.listed('w')} "
        f"{'JOIN' if sql.postgres() else 'CROSS JOIN'} {table} k ON k.segment = s.value AND k.{column} = w.value{inside}",
        [sql.as_list(segments), sql.as_list(keys), *parameters, first, first + FULL - 1],
    )
