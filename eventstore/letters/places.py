"""Which letters are in a dead-letter topic, and which of them wait: by ordinals, so ten cost as much as a million."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import Ranges, ordinal_after
from eventstore.index.models import IndexedPartition
from eventstore.model.events import Topic
from eventstore.model.log import Ends, Log
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Cursor, Subscription
from eventstore.subscriptions.counting import is_fresh
from eventstore.subscriptions.progress import Reach, Reached, reach

KEEPER = "eventdesk-redrive"
"""The one durable subscription that the desk ever makes: on a dead-letter topic, at earliest, by a person's choice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterTopic:
    """A dead-letter topic as the store and the index show it now.

    - ``source``: the topic whose subscription gives events up to it.
    - ``keeper``: the subscription by whose acknowledgements letters wait: ``eventdesk-redrive``, or else the only other one.
      ``None``: there is none, or several, and nothing tells which letters somebody has dealt with.
    - ``there`` and ``waiting``: all letters that the store still has, and those that the keeper has not acknowledged (all,
      without a keeper), as ranges of ordinals in ``Reach.waiting``. Only what is indexed.
    - ``trimmed``: letters that were indexed and that retention has removed.
    - ``behind``: the index may not have read all of it.
    """

    topic: Topic
    source: str
    subscriptions: Sequence[Subscription]
    keeper: Subscription | None
    there: Reached
    waiting: Reached
    trimmed: int
    behind: bool
    as_of: datetime

    @property
    def ours(self) -> Subscription | None:
        """``eventdesk-redrive``; ``None`` until somebody has made it. Letters are buried and redriven by it alone."""
        return self.keeper if self.keeper is not None and self.keeper.name == KEEPER else None

    @property
    def kept(self) -> bool:
        """Whether some subscription keeps the letters from retention."""
        return bool(self.subscriptions)

    def is_waiting(self, letter: Pointer) -> bool:
        there = self.waiting.get(letter.position.partition)
        return there is not None and letter.ordinal in there.waiting

    @property
    def letters(self) -> int:
        return counted(self.there)

    @property
    def waits(self) -> int:
        return counted(self.waiting)


def counted(reached: Reached) -> int:
    """Return how many letters these are."""
    return sum(len(there.waiting) for there in reached.values())


def look(storage: Storage, topic: Topic, source: str, keeper_name: str = KEEPER) -> DeadLetterTopic:
    """Look at a dead-letter topic. ``keeper_name``: whose acknowledgements count first. Raises what the store raises."""
    now = timezone.now()
    told = storage.subscriptions.of_topic(topic.name) if storage.subscriptions is not None else ()
    services = [one for one in told if not one.kind.of_the_store]
    keeper = _keeper(services, keeper_name)
    indexed = queries.partition_rows(topic.name)
    starts = _starts(storage.log, topic.name, indexed.values())
    there = {number: _all_of(row, starts[number]) for number, row in indexed.items()}
    waiting = _since(reach(keeper), starts) if keeper is not None else there
    return DeadLetterTopic(
        topic=topic,
        source=source,
        subscriptions=services,
        keeper=keeper,
        there=there,
        waiting=waiting,
        trimmed=sum(starts.values()),
        behind=len(indexed) < topic.partitions or not all(is_fresh(row, now) for row in indexed.values()),
        as_of=now,
    )


def _keeper(services: Sequence[Subscription], name: str) -> Subscription | None:
    own = [one for one in services if one.name == name]
    return next(iter(own or (services if len(services) == 1 else ())), None)


def _starts(log: Log, topic: str, rows: Iterable[IndexedPartition]) -> dict[int, int]:
    """Return the ordinal of the first letter that each partition still has."""
    ends = {each.partition: each for each in log.ends(topic)}
    return {row.number: _start(row, ends.get(row.number)) for row in rows}


def _start(row: IndexedPartition, ends: Ends | None) -> int:
    if ends is None or ends.first is None:
        return row.next_ordinal
    return min(row.next_ordinal, ordinal_after(row, ends.first.beginning))


def _all_of(row: IndexedPartition, start: int) -> Reach:
    nothing = Cursor(partition=row.number, acknowledged=None, backlog=0)
    return Reach(partition=row, cursor=nothing, acknowledged=Ranges(()), waiting=Ranges([(start, row.next_ordinal)]))


def _since(reached: Reached, starts: dict[int, int]) -> Reached:
    return {number: replace(there, waiting=there.waiting.since(starts.get(number, 0))) for number, there in reached.items()}
