"""Sets of whole numbers as disjoint, ordered ``(first, last)`` pairs, both ends included. They are small if numbers come
in runs."""

import json
from collections.abc import Iterable, Iterator, Sequence

Ranges = Sequence[tuple[int, int]]


def union(*several: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(pair for ranges in several for pair in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def without(ranges: Ranges, number: int) -> list[tuple[int, int]]:
    pieces = (
        [(first, number - 1), (number + 1, last)] if first <= number <= last else [(first, last)] for first, last in ranges
    )
    return [(first, last) for pair in pieces for first, last in pair if first <= last]


def less(ranges: Ranges, taken: Ranges) -> list[tuple[int, int]]:
    """Return what is in the first and not in the second."""
    return [gap for first, last in ranges for gap in gaps(taken, first, last)]


def gaps(taken: Ranges, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield what lies from ``first`` to ``last`` and in none of the ranges."""
    at = first
    for start, end in taken:
        if start > last:
            break
        if start > at:
            yield (at, start - 1)
        at = max(at, end + 1)
    if at <= last:
        yield (at, last)


def each(ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


def size(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


def of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    return union((number, number) for number in numbers)


def dumps(ranges: Ranges) -> str:
    return json.dumps(list(ranges), separators=(",", ":"))


def loads(text: str) -> list[tuple[int, int]]:
    return [(first, last) for first, last in json.loads(text)]
