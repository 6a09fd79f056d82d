"""Find out whether an event id is new in its topic, without searching the whole history for each event.

The ids of a small batch are looked up exactly. For a large batch, Bloom filters first tell which ids *may* be there, and only
those are looked up. There is one filter for about 1.6 million events: it is stored in the index once its segments are full,
and the last one is in memory. The filter bits of an id depend on its topic, because an id that occurs in two topics is not a
duplicate.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

import numpy as np
from django.db.models import Max, Sum
from numpy.typing import NDArray

from eventstore.index.lookup.key_tables import Place, ends_of_topic, first_places, ids_in, newest_segment
from eventstore.index.models import BlockRow, IndexedPartition, SeenFilter
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, Columns, ids_of
from eventstore.index.tables.keys import Hashes, Key
from eventstore.index.tables.keys import hashes as hashes_of
from eventstore.index.writing.anomalies import DetectedAnomaly
from eventstore.model.anomalies import Anomaly

EVENTS_PER_SEGMENT = 65_536
"""Events of the whole index whose keys share one part of each key table, a *segment*.

A batch of catching up changes most pages of that part, and a page is written whole: with a million events in a segment, each
event cost seven kilobytes of log.
"""
FEW = 64
"""Largest number of ids that are looked up directly, without a filter."""
SEGMENTS_PER_FILTER = 24
"""Segments covered by a filter that is stored."""
BITS = 1 << 25
"""Bits of a filter that is stored: 21 for each of 1.6 million ids. The one in memory has twice as many, for twice the ids.

Every batch asks every filter. One that says wrongly that an id may be there costs a search in each of its segments: of a batch
of 20,000 new ids it does so three times, and with 16 bits and four probes, as before, it would be 48 times.
"""
PROBES = 8
"""Bits that are set for an id. Two are looked at first, and the others of those ids that are left."""
OLDER_BYTES, OLDER_PROBES = 1 << 21, 4
"""Of a filter that an older version has stored."""
COUNT_AGAIN = 5.0
TOPIC_LOCK = 0x4576_4964
"""The first half of the keys of advisory locks. The second half stands for the topic."""

_STEPS = np.array([[0x9E3779B97F4A7C15], [0xC2B2AE3D27D4EB4F]], dtype=np.uint64)
_NUMBERS = np.arange(PROBES, dtype=np.uint64)[:, np.newaxis]
Bits = NDArray[np.uint8]


class DuplicateDetector:
    """What one process remembers of event ids, and of how many events the index has."""

    def __init__(self) -> None:
        self._filters: list[tuple[range, Bits]] = []
        self._live: tuple[int, Bits] | None = None
        """The filter in memory: its first segment, and its bits."""
        self._filtered_to: dict[int, int] = {}
        """By partition row: the ordinal up to which the filters know its ids."""
        self._uncommitted: dict[int, int] = {}
        """By partition row: the first ordinal of what was looked up since ``begin``."""
        self._ends_at_find: Mapping[int, int] = {}
        """The next ordinals of the rows of that batch's topic, at the time when its ids were looked up."""
        self._found_places: set[int] = set()
        """The places in that batch whose ids were there already."""
        self._total, self._newest, self._counted = 0, 0, 0.0
        self._salts: dict[int, int] = {}

    def segment_now(self) -> int:
        """Return the segment for new keys, from the number of events in the whole index some seconds ago at most."""
        if time.monotonic() - self._counted > COUNT_AGAIN:
            found = IndexedPartition.objects.aggregate(total=Sum("next_ordinal"), newest=Max("segment"))
            self._total, self._newest = found["total"] or 0, found["newest"] or 0
            self._counted = time.monotonic()
        return max(self._newest, self._total // EVENTS_PER_SEGMENT)  # never back into a segment whose filter is stored

    def find(self, partition: int, columns: Columns, hashes: Hashes, key: Key) -> list[DetectedAnomaly]:
        """Return the events of the batch whose id is in their topic already, or earlier in the batch.

        Call it in the batch's transaction, before its keys are written.
        """
        self._total += len(columns)
        within = _repeated_within(columns.ids, hashes)
        if len(columns) <= FEW and self._live is None:
            self._ends_at_find, everywhere = ends_of_topic(partition), range(newest_segment() + 1)
            known = _known(self._ends_at_find, columns.ids, hashes, np.arange(len(columns)), everywhere)
        else:
            known = self._by_filters(partition, columns.ids, hashes, key)
        self._uncommitted.setdefault(partition, self._ends_at_find[partition])
        self._found_places = known | within
        return _as_anomalies(columns, self._found_places)

    def find_concurrent(self, partition: int, columns: Columns) -> list[DetectedAnomaly]:
        """Return the events of the batch whose id another writer has committed in the topic since ``find``, and that ``find``
        did not return.

        Call it last in the batch's transaction. Until that ends, no other writer of the topic gets past this call: of two that
        write the same id concurrently, the second finds the first one's event.
        """
        if not sql.postgres():
            return []  # SQLite's transaction is the only one that writes
        sql.query("SELECT pg_advisory_xact_lock(%s, %s)", [TOPIC_LOCK, self._salt(partition) - (1 << 31)])
        ends = ends_of_topic(partition)
        moved = [row for row, end in ends.items() if row != partition and end > self._ends_at_find.get(row, 0)]
        new = {id for row in moved for id in _ids_between(row, self._ends_at_find.get(row, 0), ends[row])}
        late = {place for place, id in enumerate(columns.ids) if id in new} if new else set()
        return _as_anomalies(columns, late - self._found_places)

    def begin(self) -> None:
        """Take what was looked up so far for committed. Without it, ``forget`` forgets more than it has to."""
        self._uncommitted.clear()

    def forget(self, partition: int | None = None) -> None:
        """Forget the batches that were rolled back: another writer may write other events at their ordinals.

        Of one partition row, if the transaction goes on. That may still fail, so where each row was before it stays known.
        """
        gone = self._uncommitted.keys() if partition is None else self._uncommitted.keys() & {partition}
        self._filtered_to |= {row: self._uncommitted[row] for row in gone}

    def _by_filters(self, partition: int, ids: Sequence[str], hashes: Hashes, key: Key) -> set[int]:
        self._load()
        mine = self._ends_at_find = ends_of_topic(partition)
        self._catch_up_with_others(mine, key)
        assert self._live is not None
        start, bits = self._live
        probes = Probes(hashes, self._salt(partition))
        found: set[int] = set()
        for segments, sealed in self._filters:
            found |= _known(mine, ids, hashes, _maybe(sealed, probes), segments)
        found |= _known(mine, ids, hashes, _maybe(bits, probes), range(start, newest_segment() + 1))
        _set(bits, probes)
        self._filtered_to[partition] = mine[partition] + len(ids)
        return found

    def _catch_up_with_others(self, mine: Mapping[int, int], key: Key) -> None:
        """Add to the filter in memory the ids that other writers have written in the topic since the last call."""
        known = self._filtered_to
        behind = {row: (start, end) for row, end in mine.items() if (start := known.get(row, 0)) < end}
        if sum(end - start for start, end in behind.values()) > SEGMENTS_PER_FILTER * EVENTS_PER_SEGMENT:
            self._live = None  # reading the keys again is quicker
            self._load()
            return
        assert self._live is not None
        for row, (start, end) in behind.items():
            ids = _ids_between(row, start, end)
            _set(self._live[1], Probes(hashes_of(key, ids), self._salt(row)))
            self._filtered_to[row] = end

    def _load(self) -> None:
        """Bring the filters up to date with the index, and store the filter of segments that are full."""
        sealed_to = self._filters[-1][0].stop if self._filters else 0
        if self._live is not None and self.segment_now() < sealed_to + 2 * SEGMENTS_PER_FILTER:
            return
        kept = {row.first_segment: row for row in SeenFilter.objects.filter(first_segment__gte=sealed_to)}
        while sealed_to in kept or self.segment_now() >= sealed_to + 2 * SEGMENTS_PER_FILTER:
            self._filters.append(_opened(kept[sealed_to]) if sealed_to in kept else self._sealed(sealed_to))
            sealed_to = self._filters[-1][0].stop
        self._filtered_to = dict(IndexedPartition.objects.values_list("pk", "next_ordinal"))  # before the keys are read
        self._live = (sealed_to, self._filled(range(sealed_to, newest_segment() + 1), 2 * BITS))

    def _sealed(self, first: int) -> tuple[range, Bits]:
        """Build and store the filter of the full segments from this one on. Another writer may do so at the same time."""
        segments = range(first, first + SEGMENTS_PER_FILTER)
        bits = self._filled(segments, BITS)
        row = SeenFilter(first_segment=segments.start, last_segment=segments.stop - 1, bits=bits.tobytes())
        SeenFilter.objects.bulk_create([row], ignore_conflicts=True)
        return segments, bits

    def _filled(self, segments: range, size: int) -> Bits:
        """Build a filter of so many bits of all ids in these segments."""
        bits = np.zeros(size // 8, dtype=np.uint8)
        for rows in ids_in(segments):
            both = np.array(rows, dtype=np.uint64)
            for partition in np.unique(both[:, 1]):
                _set(bits, Probes(both[both[:, 1] == partition, 0], self._salt(int(partition))))
        return bits

    def _salt(self, partition: int) -> int:
        """Return a number that stands for the topic and build of this partition row."""
        if partition not in self._salts:
            for row in IndexedPartition.objects.all():
                self._salts[row.pk] = crc32(f"{row.build} {row.topic}".encode("utf-8", "surrogatepass"))
        return self._salts.get(partition, 0)


def _as_anomalies(columns: Columns, places: Iterable[int]) -> list[DetectedAnomaly]:
    return [
        DetectedAnomaly(
            place=place,
            kind=Anomaly.DUPLICATE_ID,
            stream=columns.streams[place],
            detail="an earlier event of the topic has the same id",
        )
        for place in sorted(places)
    ]


def _repeated_within(ids: Sequence[str], hashes: Hashes) -> set[int]:
    """Return the places of ids that occur earlier in the list as well."""
    if len(np.unique(hashes)) == len(ids):  # nearly always; other threads run during this call
        return set()
    met: set[str] = set()
    again = set()
    for place, id in enumerate(ids):
        if id in met:
            again.add(place)
        met.add(id)
    return again


class Probes:
    """Where some hashes are in a filter: a row for each probe, the bit that each hash falls on.

    That is worked out once for all filters of a size, with few NumPy calls: each one releases the interpreter to the reader
    threads, and has to wait until they return it.
    """

    def __init__(self, hashes: Hashes, salt: int) -> None:
        first, second = (hashes ^ np.uint64(salt)) * _STEPS
        self._bits = ((first + _NUMBERS * second) >> np.uint64(32)).astype(np.uint32)
        self._of_size: dict[int, tuple[NDArray[np.intp], Bits]] = {}

    def of_size(self, size: int) -> tuple[NDArray[np.intp], Bits]:
        """Return the byte into which each probe falls in a filter of so many bytes, and its bit in that byte."""
        if size not in self._of_size:
            there = self._bits & np.uint32(8 * size - 1)
            masks = np.uint8(1) << (there & np.uint32(7)).astype(np.uint8)
            self._of_size[size] = (there >> np.uint32(3)).astype(np.intp), masks
        return self._of_size[size]


def _maybe(bits: Bits, probes: Probes) -> NDArray[np.intp]:
    """Return the places of the hashes that may be in the filter. Most are known not to be after the first few probes."""
    bytes, masks = probes.of_size(len(bits))
    count = OLDER_PROBES if len(bits) == OLDER_BYTES else PROBES
    left = np.flatnonzero((bits[bytes[0]] & masks[0] != 0) & (bits[bytes[1]] & masks[1] != 0))
    found: NDArray[np.intp] = left[np.all(bits[bytes[2:count, left]] & masks[2:count, left], axis=0)]
    return found


def _set(bits: Bits, probes: Probes) -> None:
    """Set the bits of all probes. Of several in one byte each round sets the last: ``bitwise_or.at`` takes them one by one,
    which took a fifth of the time of writing a batch.
    """
    bytes, masks = (part.ravel() for part in probes.of_size(len(bits)))
    while len(bytes):
        bits[bytes] |= masks
        left = np.flatnonzero(bits[bytes] & masks == 0)
        bytes, masks = bytes[left], masks[left]


def _known(mine: Mapping[int, int], ids: Sequence[str], hashes: Hashes, maybe: NDArray[np.intp], segments: range) -> set[int]:
    """Return the places among ``maybe`` whose ids these segments of these partitions really hold."""
    by_hash: dict[int, list[int]] = {}
    for place in maybe.tolist():
        by_hash.setdefault(int(hashes[place]), []).append(place)
    candidates: dict[int, list[Place]] = {}
    for there in first_places("index_idkey", list(by_hash), segments, list(mine)):
        candidates.setdefault(there.hash, []).append(there)
    known: set[int] = set()
    while candidates:  # one round, unless two texts share a hash
        for hash, id in _ids_at([found[0] for found in candidates.values()]):
            known.update(place for place in by_hash[hash] if ids[place] == id)
        candidates = {
            hash: found[1:] for hash, found in candidates.items() if len(found) > 1 and not known.issuperset(by_hash[hash])
        }
    return known


def _ids_at(there: Sequence[Place]) -> set[tuple[int, str]]:
    """Return the hash and the event id of each place."""
    by_block: dict[tuple[int, int], list[Place]] = {}
    for place in there:
        by_block.setdefault((place.partition, place.ordinal - place.ordinal % FULL), []).append(place)
    found = set()
    for (partition, start), inside in by_block.items():
        block = BlockRow.objects.filter(partition_id=partition, first_ordinal=start).first()
        if block is not None:
            ids = ids_of(bytes(block.data))
            found |= {(place.hash, ids[place.ordinal - start]) for place in inside if place.ordinal - start < len(ids)}
    return found


def _ids_between(partition: int, start: int, end: int) -> list[str]:
    """Return the event ids of the partition row from ordinal ``start`` to ``end``, the latter excluded."""
    first = start - start % FULL
    rows = BlockRow.objects.filter(partition_id=partition, first_ordinal__gte=first, first_ordinal__lt=end)
    ids = [id for data in rows.order_by("first_ordinal").values_list("data", flat=True) for id in ids_of(bytes(data))]
    return ids[start - first : end - first]


def _opened(row: SeenFilter) -> tuple[range, Bits]:
    return range(row.first_segment, row.last_segment + 1), np.frombuffer(bytes(row.bits), dtype=np.uint8)
