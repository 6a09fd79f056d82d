"""Under which numbers the keys of some segments lie.

New keys lie under the number of their segment. Every look-up probes each number, so the keys of 24 full segments, a *group*,
are moved under one number that is the group's (``merging``), a piece at a time. Up to ``merged_to`` that is over. From there
on, a key lies under its segment's number or its group's, never under both.

So whoever asks for some segments asks for whole groups, in one statement, which sees each key once. What was read of
``merged_to`` may be old: then a few numbers more are asked for. Whoever asks for one number after the other takes them in this
order, as keys are only ever moved to the group's number, which comes after those of its segments.
"""

from collections.abc import Sequence

from eventstore.extent import asked_once
from eventstore.index.tables import sql

GROUP = 24
"""Segments of a group: some 1.6 million events. Never change it, as the groups' numbers count by it."""
SHORT = 128
"""So many groups have numbers that SQLite keeps in one byte: those of 200 million events."""
_FIRST, _FIRST_LONG = -SHORT, -(1 << 15)
MOST_GROUPS = (1 << 15) - SHORT
"""Groups that can be merged: fifty thousand million events. The numbers of all take two bytes at most."""


def group_number(group: int) -> int:
    """Return the number under which the keys of a whole group lie, given its place among the groups. It is below zero."""
    return group + (_FIRST if group < SHORT else _FIRST_LONG)


def segments_under(number: int) -> range:
    """Return the segments whose keys may lie under this number."""
    if number >= 0:
        return range(number, number + 1)
    group = number - (_FIRST if number >= _FIRST else _FIRST_LONG)
    return range(group * GROUP, (group + 1) * GROUP)


def by_age(numbers: Sequence[int]) -> list[list[int]]:
    """Return these numbers in one part, or two, older ones first. In each part, an order by number is one by age.

    Ask for the newer part first: keys are only ever moved to the same part, or to the older one.
    """
    if all(number >= _FIRST for number in numbers):
        return [list(numbers)]
    older = [number for number in numbers if _FIRST <= number < 0]
    return [older, [number for number in numbers if not _FIRST <= number < 0]]


@asked_once
def merged_to() -> int:
    """Return the first segment that is not merged, or was not a while ago: a multiple of ``GROUP``."""
    ((reached,),) = sql.query("SELECT coalesce(max(merged_to), 0) FROM index_mergingrow", [])
    return int(reached)


@asked_once
def every_number() -> list[int]:
    """Return all numbers under which there are keys."""
    ((newest, reached),) = sql.query(
        "SELECT (SELECT coalesce(max(segment), 0) FROM index_indexedpartition), "
        "(SELECT coalesce(max(merged_to), 0) FROM index_mergingrow)",
        [],
    )
    return numbers_between(0, newest, reached)


def numbers_of(first: int, last: int) -> list[int]:
    """Return the numbers under which the keys of these segments lie, first and last included."""
    return numbers_between(first, last, merged_to())


def numbers_between(first: int, last: int, merged: int) -> list[int]:
    """Do as ``numbers_of``, knowing what is merged. Begins with the group of ``first``."""
    found: list[int] = []
    for group in range(first // GROUP, last // GROUP + 1):
        start = group * GROUP
        if start >= merged:
            found += range(start, min(start + GROUP, last + 1))
        found.append(group_number(group))
    return found


def number_for(segment: int, merged: int) -> int:
    """Return the number under which a key of this segment is to be written."""
    return segment if segment >= merged else group_number(segment // GROUP)
