"""A partition that was made anew: its name leads to another log than the one in which the index's checkpoint lies.

A topic was deleted and created again, a broker came back without its data or with those of a backup, or another cluster took
over. Three signs tell: the store calls it another incarnation; the log ends before the checkpoint, which no log can do whose
events are only ever appended and trimmed; or another event lies at the checkpoint. The old row then ends and keeps its
pointers, and a new one begins beside it.
"""

import logging
from collections.abc import Iterable, Mapping

from django.db.models import F, Max
from django.db.models.functions import Now

from eventstore.index.indexer import leases
from eventstore.index.indexer.leases import Leased
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.models import IndexedPartition
from eventstore.index.tables.database import atomic
from eventstore.index.writing.partition import Partition
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Message, Position, Topic
from eventstore.model.log import Log

log = logging.getLogger(__name__)

CREATED = "the store created it later than what was indexed"
ENDS_BEFORE = "it ends before the last indexed event"
OTHER_EVENT = "another event lies where the last indexed one was"
CAME_BACK = "it was gone for a time, and no longer has the last indexed event"


class PartitionMadeAnew(EventStoreError):
    """The partition that was to be opened is another one than the one that was indexed. The text says what told."""


def verify(store: Log, partition: Partition, incarnation: str, *, was_gone: bool) -> bool:
    """Raise ``PartitionMadeAnew`` if the log is not the one that the partition's checkpoint lies in.

    ``incarnation`` is what the store says now. ``was_gone``: the store did not have the topic for a time. Costs a read of one
    event if there is a checkpoint. Return whether the store has answered: silence proves nothing, neither that it is another
    log nor that it is this one.
    """
    why, answered = _told(store, partition, incarnation, was_gone=was_gone)
    if why:
        raise PartitionMadeAnew(f"{partition.topic.name} partition {partition.number} was made anew: {why}.")
    return answered


def why_another_log(store: Log, row: IndexedPartition) -> str:
    """Return why the store's word alone tells that it has another log than this row; empty if it does not."""
    if not (row.checkpoint and row.incarnation) or row.number >= store.topic(row.topic).partitions:
        return ""
    return _cheap_sign(row.incarnation, store.incarnation(row.topic, row.number), row.checkpoint, None)


def begin_anew(row: int, epoch: int, error: str) -> bool:
    """End this row, and begin a new one beside it. Return false if another process has the row by now."""
    with atomic():
        rows = IndexedPartition.objects.select_for_update().filter(pk=row, epoch=epoch, live=True, ended_at=None)
        old = rows.first()
        if old is None:
            return False
        ended = {"ended_at": Now(), "ended_why": error, "epoch": F("epoch") + 1, "behind": None, "gone_at": None}
        IndexedPartition.objects.filter(pk=row).update(**ended, owner="", leased_until=None)
        lives = IndexedPartition.objects.filter(topic=old.topic, number=old.number).aggregate(newest=Max("anew"))["newest"]
        IndexedPartition.objects.create(
            topic=old.topic, number=old.number, kind=old.kind, build=old.build, anew=int(lives) + 1
        )
    log.warning("%s Its %d indexed events stay findable; what it holds now is indexed beside them.", error, old.next_ordinal)
    return True


def end_those_made_anew(store: Log, topics: Mapping[str, Topic], ends: Mapping[tuple[str, int], Position | None]) -> None:
    """Begin anew the free partitions that were made anew, for an indexer that will open only those that are behind.

    ``ends`` are the ends of all partitions now.
    """
    for leased in _indexed_of(topics):
        if not leased.free or (leased.topic, leased.number) not in ends:
            continue
        now = store.incarnation(leased.topic, leased.number)
        why = _cheap_sign(leased.incarnation, now, leased.checkpoint, ends[leased.topic, leased.number])
        if why == ENDS_BEFORE:  # or another indexer has indexed later events since the ends were asked for
            why = _cheap_sign(leased.incarnation, now, leased.checkpoint, _end_of(store, leased.topic, leased.number))
        if why:
            begin_anew(leased.id, leased.epoch, f"{leased.topic} partition {leased.number} was made anew: {why}.")


def _indexed_of(topics: Mapping[str, Topic]) -> Iterable[Leased]:
    return (leased for leased in leases.partitions() if leased.topic in topics and leased.checkpoint)


def _cheap_sign(indexed: str, now: str, checkpoint: str, last: Position | None) -> str:
    if indexed and now and indexed != now:
        return CREATED
    return ENDS_BEFORE if last is not None and last.token < checkpoint else ""


def _told(store: Log, partition: Partition, incarnation: str, *, was_gone: bool) -> tuple[str, bool]:
    """Return why this is another log, empty if nothing tells so, and whether the store has answered at all."""
    position = partition.checkpoint.position
    if position is None:
        return "", True
    if why := _cheap_sign(partition.incarnation, incarnation, position.token, None):
        return why, True
    topic, number = partition.topic.name, partition.number
    found = store.read_forward(topic, number, after=position, inclusive=True, limit=1)
    if found and found[0].position == position:
        return "" if _is_the_last_indexed(partition, found[0]) else OTHER_EVENT, True
    if not found:  # which proves nothing: a broker may be silent for a while
        end = _end_of(store, topic, number)
        if end is not None:
            return (ENDS_BEFORE, True) if end < position else ("", False)
    unknown = not (partition.incarnation and incarnation)
    return CAME_BACK if was_gone and unknown else "", True  # otherwise retention has trimmed it


def _end_of(store: Log, topic: str, number: int) -> Position | None:
    """Return the place behind which nothing lies, told without reading where the store can."""
    return {end.partition: end.farthest for end in store.ends(topic)}.get(number)


def _is_the_last_indexed(partition: Partition, message: Message) -> bool:
    """Compare what the index keeps of every message: when it was published, and its size.

    An index from before batches were taken apart has the size of the whole message.
    """
    pointers = pointers_at([(partition.id, partition.checkpoint.next_ordinal - 1)])
    sizes = {len(message.payload), message.member.message_bytes if message.member else len(message.payload)}
    return all(one.published == message.published and one.size in sizes for one in pointers)
