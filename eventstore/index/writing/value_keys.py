"""The keys by which events are found by their searchable values, once these change after the event was indexed.

An event's keys lie in the segment in which it was written, or, if it got the value later, in one up to that of its block.
While they change, none is moved to merged segments (``segments.holding``).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from eventstore.index.segments.holding import hold
from eventstore.index.segments.numbers import number_for, numbers_between
from eventstore.index.tables import sql
from eventstore.index.tables.database import connection


class ValueKey(NamedTuple):
    """A key that lies in one of these segments, first and last included."""

    first_segment: int
    last_segment: int
    hash: int
    partition: int
    ordinal: int


def delete_value_keys(keys: Iterable[ValueKey]) -> None:
    """Delete these keys, in a transaction. Looks into each of their segments, of which there are many only in a quiet
    partition."""
    wanted = list(keys)
    if not wanted:
        return
    merged = hold()
    rows = [
        (sql.as_list(numbers_between(key.first_segment, key.last_segment, merged)), key.hash, key.partition, key.ordinal)
        for key in wanted
    ]
    with connection().cursor() as cursor:
        cursor.executemany(
            f"DELETE FROM index_linkkey WHERE segment IN {sql.in_list()} AND hash = %s AND partition_id = %s AND ordinal = %s",
            rows,
        )


def insert_value_keys(segment: int, partition: int, first: int, keys: Sequence[tuple[int, int]]) -> None:
    """In a transaction, insert keys that are not there yet, each a hash and the place of its event after ordinal ``first``."""
    hashes = np.array([hash for hash, _ in keys], dtype=np.uint64)
    places = np.array([place for _, place in keys], dtype=np.uint64)
    sql.insert_keys("index_linkkey", number_for(segment, hold()), partition, first, hashes, places)
