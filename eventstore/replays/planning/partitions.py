"""The partitions that a replay reads from: what the store still has of each, and up to where the plan looks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.index.lookup.pointers import published_at
from eventstore.index.models import IndexedPartition
from eventstore.index.tables.extents import leaves_types_out, whole_partitions
from eventstore.model.errors import InvalidReplay
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.subscriptions.counting import is_fresh

Until = Mapping[str, Mapping[int, int]]
"""The ordinals behind the last events that a plan looks at, by topic and partition."""


NOT_ALL = (
    "Not all events that this would look at are in your scope. Replay aggregates or events by their ids, or ask somebody who "
    "has every type of aggregates in their scope."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class There:
    """One partition. The store still has the events from the ordinal ``kept`` on. The plan looks no further than ``end``."""

    row: IndexedPartition
    kept: int
    end: int

    @property
    def place(self) -> tuple[str, int]:
        return self.row.topic, self.row.number

    def position(self, token: str) -> Position:
        return Position(topic=self.row.topic, partition=self.row.number, token=token)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """``behind``: the index has not caught up with one of the partitions. ``unknown``: topics or partitions that it does not
    know."""

    partitions: Sequence[There]
    behind: bool
    unknown: Sequence[str]

    @property
    def until(self) -> Until:
        found: dict[str, dict[int, int]] = {}
        for one in self.partitions:
            found.setdefault(one.row.topic, {})[one.row.number] = one.end
        return found


def look(log: Log, topics: Iterable[str], until: Until | None) -> Seen:
    """Look at these topics, by their full names. ``until`` is what an earlier plan has frozen: nothing behind it counts."""
    found: list[There] = []
    unknown: list[str] = []
    for topic in topics:
        rows = queries.partition_rows(topic)
        firsts = {ends.partition: ends.first for ends in log.ends(topic)}
        unknown += [f"{topic} partition {number}" for number in firsts if number not in rows]
        kept = _kept(rows, firsts)
        for number in sorted(rows):
            end = rows[number].next_ordinal if until is None else until.get(topic, {}).get(number, 0)
            found.append(There(row=rows[number], kept=kept[number], end=min(end, rows[number].next_ordinal)))
    now = timezone.now()
    return Seen(partitions=found, behind=any(not is_fresh(one.row, now) for one in found), unknown=unknown)


def _kept(rows: Mapping[int, IndexedPartition], firsts: Mapping[int, Position | None]) -> Mapping[int, int]:
    """The ordinal of the first event that is left; behind all of them where nothing is."""
    begins = {number: first.beginning for number, first in firsts.items() if first is not None and number in rows}
    ordinals = ordinals_in((rows[number], place) for number, place in begins.items())
    return {number: ordinals[begins[number]] if number in begins else row.next_ordinal for number, row in rows.items()}


def check_whole(seen: Seen) -> None:
    """Raise ``InvalidReplay`` where these topics have events that are left out (``eventstore.extent``): whoever takes a range
    takes them along."""
    if leaves_types_out():
        topics = {one.row.topic for one in seen.partitions}
        if topics - set(whole_partitions().filter(topic__in=topics).values_list("topic", flat=True)):
            raise InvalidReplay(NOT_ALL)


def tokens_at(places: Iterable[tuple[There, int]]) -> Mapping[tuple[int, int], str]:
    """The tokens of the events with these ordinals, by the index's number of the partition and the ordinal."""
    return {place: token for place, (token, _) in published_at((one.row.pk, ordinal) for one, ordinal in places).items()}
