"""The place before a move, as it is kept with the act: what each cursor had acknowledged, and what the move itself did.

The record keeps tokens, in the details of an act under ``KEPT``: ``before`` is written before anything is moved. ``until``
says for each partition up to where the move acknowledges everything, ``passed`` which single ranges it acknowledges. For a
move to the latest edge that is known after it alone, and is then with the outcome.

A cursor may have acknowledged a hundred thousand ranges beyond its place. ``MOST_RANGES`` of an act are kept, about 60 kB. An
undo delivers what lies in the others once more.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from eventstore.actions import KEPT, part_name
from eventstore.index.lookup import queries
from eventstore.model.cursor_moves import CursorPlace
from eventstore.model.events import Position
from eventstore.model.subscriptions import Cursor, Subscription
from eventstore.subscriptions.counting import acknowledged_ordinals

BEYOND = ", beyond its place"
MOST_RANGES = 2_000
"""Acknowledged ranges that are kept of one act, over all of its partitions."""

Places = list[tuple[str, str]]
"""Spans of tokens. The empty token is the place before everything."""

T = TypeVar("T", str, int)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Where a cursor stood: everything up to ``mark`` (a token; empty: nothing) and in ``ranges`` was acknowledged.

    ``left_out`` counts further ranges that were not kept, ``events_left_out`` the events in these (``None``: not known).
    ``log`` is ``Cursor.log``.
    """

    mark: str = ""
    ranges: tuple[tuple[str, str], ...] = ()
    left_out: int = 0
    events_left_out: int | None = 0
    log: tuple[int, str] | None = None

    @property
    def acknowledged(self) -> Places:
        return union([("", self.mark)], self.ranges)

    @property
    def edge(self) -> str:
        """The token behind which ranges were left out, if any were: up to there everything is known."""
        return self.ranges[-1][1] if self.ranges else self.mark


def kept_of(subscription: Subscription, partitions: Collection[int]) -> Mapping[int, Kept]:
    """The places of these partitions' cursors, of no more than ``MOST_RANGES`` ranges together."""
    cursors = [cursor for cursor in subscription.cursors if cursor.partition in partitions]
    left, found = MOST_RANGES, {}
    for number, cursor in enumerate(sorted(cursors, key=lambda one: len(one.holes))):
        found[cursor.partition] = _kept(subscription.topic, cursor, left // (len(cursors) - number))
        left -= len(found[cursor.partition].ranges)
    return found


def acknowledged_by(cursor: Cursor) -> Places:
    """Everything that the cursor has acknowledged, as spans of tokens."""
    mark = cursor.acknowledged.token if cursor.acknowledged else ""
    return union([("", mark)], ((start.token, end.token) for start, end in cursor.holes))


def written(places: Mapping[int, Kept]) -> dict[str, Any]:
    """As the record keeps them."""
    return {str(partition): _written(place) for partition, place in places.items()}


def read(told: object) -> Mapping[int, Kept]:
    """As the record has them; empty for anything else than ``written`` wrote."""
    if not isinstance(told, Mapping):
        return {}
    return {int(number): _read(place) for number, place in told.items() if isinstance(place, Mapping)}


def kept_in(details: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One part of what an act keeps; empty if it keeps no such part."""
    kept = details.get(KEPT)
    found = kept.get(name) if isinstance(kept, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def before_in(details: Mapping[str, Any], outcome: Mapping[str, Any]) -> Mapping[int, Kept]:
    """Where the cursors stood before the move of this act: right before it where that is known, or else as it was planned."""
    return {**read(kept_in(details, "before")), **read(kept_in(outcome, "before"))}


def stood_at(planned: Kept, place: CursorPlace, partitions: int) -> Kept:
    """Where one of so many cursors stood right before the move. If it had too many ranges to keep: where it stood when it was
    planned."""
    if len(place.holes) > MOST_RANGES // partitions:
        return planned
    ranges = tuple((start.token, end.token) for start, end in place.holes)
    return Kept(mark=place.acknowledged.token if place.acknowledged else "", ranges=ranges, log=planned.log)


def moved_in(partition: int, details: Mapping[str, Any], outcome: Mapping[str, Any]) -> Places | None:
    """What the move of this act acknowledged in a partition by itself; ``None`` if that is not known."""
    number = str(partition)
    until = {**kept_in(details, "until"), **kept_in(outcome, "until")}.get(number)
    passed = kept_in(details, "passed").get(number)
    if until is None and passed is None:
        return None
    return union([("", str(until or ""))], _pairs(str(passed or "")))


def spelled(spans: Mapping[int, Iterable[tuple[str, str]]]) -> dict[str, str]:
    """Spans by partition as the record keeps them, as many as are kept of an act."""
    left, found = MOST_RANGES, {}
    for partition, each in spans.items():
        kept = list(islice(each, left))
        left -= len(kept)
        found[str(partition)] = _spelled(kept)
    return found


def unspelled(told: Mapping[str, Any]) -> Mapping[int, Places]:
    """What ``spelled`` wrote."""
    return {int(partition): _pairs(str(text)) for partition, text in told.items()}


def beyond_name(partition: int) -> str:
    """The name of the part for what was acknowledged beyond the place to which a partition's cursor went back."""
    return f"{part_name(partition)}{BEYOND}"


def failed_in(outcome: Mapping[str, Any]) -> Collection[str]:
    """The names of the parts that failed, of an act's outcome on the record."""
    return {str(part.get("name")) for part in outcome.get("parts", ()) if part.get("outcome") == "failed"}


def positions(topic: str, partition: int, spans: Iterable[tuple[str, str]]) -> list[tuple[Position, Position]]:
    """The spans as ranges of places, as a driver takes them."""
    return [(_position(topic, partition, start), _position(topic, partition, end)) for start, end in spans]


def _kept(topic: str, cursor: Cursor, most: int) -> Kept:
    many = len(cursor.holes) > most
    return Kept(
        mark=cursor.acknowledged.token if cursor.acknowledged else "",
        ranges=tuple((start.token, end.token) for start, end in islice(cursor.holes, most)),
        left_out=max(0, len(cursor.holes) - most),
        events_left_out=_events_behind(topic, cursor, most) if many else 0,
        log=cursor.log,
    )


def _events_behind(topic: str, cursor: Cursor, most: int) -> int | None:
    """How many events lie in the ranges behind the first ones; ``None`` where the index does not know the partition."""
    row = queries.partition_row(topic, cursor.partition)
    if row is None:
        return None
    return sum(end - start for start, end in acknowledged_ordinals(row, cursor)[1 + most :])


def _written(place: Kept) -> dict[str, Any]:
    told: dict[str, Any] = {"mark": place.mark}
    if place.ranges:
        told["ranges"] = _spelled(place.ranges)
    if place.left_out:
        told |= {"left_out": place.left_out, "events_left_out": place.events_left_out}
    if place.log:
        told["log"] = list(place.log)
    return told


def _read(told: Mapping[str, Any]) -> Kept:
    log = told.get("log")
    return Kept(
        mark=str(told.get("mark", "")),
        ranges=tuple(_pairs(str(told.get("ranges", "")))),
        left_out=int(told.get("left_out", 0)),
        events_left_out=told.get("events_left_out", 0),
        log=(int(log[0]), str(log[1])) if log else None,
    )


def _spelled(spans: Iterable[tuple[str, str]]) -> str:
    return " ".join(f"{start}-{end}" for start, end in spans)


def _pairs(text: str) -> Places:
    pairs = (pair.partition("-") for pair in text.split())
    return [(start, end) for start, _, end in pairs]


def _position(topic: str, partition: int, token: str) -> Position:
    return Position(topic=topic, partition=partition, token=token)


# Sets of places or ordinals as spans: of tokens, each begins behind its first one; of ordinals, it ends before its last one.
# Spans that are given may overlap; those that come back are apart and in order.


def union(*several: Iterable[tuple[T, T]]) -> list[tuple[T, T]]:
    """Return what is in any of them."""
    merged: list[tuple[T, T]] = []
    for low, high in sorted(span for spans in several for span in spans if span[0] < span[1]):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def less(spans: Iterable[tuple[T, T]], taken: Iterable[tuple[T, T]]) -> list[tuple[T, T]]:
    """Return what is in the first and not in the second."""
    left: list[tuple[T, T]] = []
    others, number = union(taken), 0
    for low, high in union(spans):
        at = low
        while number < len(others) and others[number][1] <= low:
            number += 1
        ahead = number
        while ahead < len(others) and others[ahead][0] < high:
            start, end = others[ahead]
            if at < start:
                left.append((at, start))
            at, ahead = end, ahead + 1
        if at < high:
            left.append((at, high))
    return left


def common(one: Iterable[tuple[T, T]], other: Iterable[tuple[T, T]]) -> list[tuple[T, T]]:
    """Return what is in both."""
    whole = union(one)
    return less(whole, less(whole, other))


def size(spans: Sequence[tuple[int, int]]) -> int:
    """How many ordinals they hold."""
    return sum(high - low for low, high in union(spans))
