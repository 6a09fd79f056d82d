"""Who indexes which partition: leases in the index's database, shared evenly by all running indexers.

A lease is a row's ``owner`` and ``leased_until``. Each new owner increments ``epoch``, and a writer's transaction refuses any
epoch but its own. So a late twin writes nothing, however long it was paused. Times are the database's, so the indexers' clocks
need not agree.

An indexer that has less than its share sets ``wants_more`` in its row. Those that have more than theirs then release some.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import BooleanField, Case, F, Max, Q, When
from django.db.models.functions import Coalesce, Now

from eventstore.index.indexer.lease_owner import is_dead
from eventstore.index.models import IndexedPartition, IndexerRow, current_partitions
from eventstore.index.tables.database import atomic
from eventstore.model.events import Topic, TopicKind

LEASE = timedelta(seconds=15)
PIECE = 500
"""Rows in one statement."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leased:
    """A live partition's row as it is now.

    ``free``: any indexer may take it. ``checkpoint`` is a token, empty if nothing is indexed yet. ``incarnation``: which log
    of its name the checkpoint lies in. ``gone``: the store no longer has it. ``kind``: the kind of topic as which it is
    indexed. ``trouble``: why its indexer fails again and again.
    """

    id: int
    topic: str
    number: int
    epoch: int
    owner: str
    free: bool
    checkpoint: str
    incarnation: str = ""
    gone: bool = False
    kind: TopicKind = TopicKind.EVENTS
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A running indexer."""

    owner: str
    wants_more: bool


def partitions() -> list[Leased]:
    """Return every live partition of the index."""
    names = ("id", "topic", "number", "epoch", "owner", "checkpoint", "incarnation", "trouble")
    rows = list(current_partitions().values_list(*names, "gone_at", "kind", is_free()))
    dead = {owner for owner in {row[4] for row in rows} if is_dead(owner)}
    return [
        Leased(
            id=id,
            topic=topic,
            number=number,
            epoch=epoch,
            owner=owner,
            checkpoint=checkpoint,
            incarnation=incarnation,
            free=bool(free) or owner in dead,
            gone=gone_at is not None,
            kind=TopicKind(kind),
            trouble=trouble,
        )
        for id, topic, number, epoch, owner, checkpoint, incarnation, trouble, gone_at, kind, free in rows
    ]


def is_free() -> Case:
    """Whether nobody has leased the row, for a query."""
    return Case(When(_free(), then=True), default=False, output_field=BooleanField())


def mark_gone(rows: Sequence[int]) -> None:
    """Mark these partitions as gone from the watched part of the store, unless another indexer has leased them."""
    for start in range(0, len(rows), PIECE):
        some = IndexedPartition.objects.filter(pk__in=rows[start : start + PIECE], gone_at__isnull=True)
        some.filter(_free()).update(gone_at=Now(), behind=None)


def mark_back(rows: Sequence[int]) -> None:
    """Mark these partitions as present in the store."""
    for start in range(0, len(rows), PIECE):
        IndexedPartition.objects.filter(pk__in=rows[start : start + PIECE]).update(gone_at=None)


def note_trouble(owner: str, words: Mapping[int, str]) -> None:
    """Note why the indexing of these rows fails again and again, or with an empty text that it does not any more.

    Only the owner's rows are changed.
    """
    for text in set(words.values()):
        rows = sorted(row for row, other in words.items() if other == text)
        for start in range(0, len(rows), PIECE):
            mine = IndexedPartition.objects.filter(owner=owner, pk__in=rows[start : start + PIECE])
            if text:
                mine.update(trouble=text, trouble_since=Coalesce("trouble_since", Now()))
            else:
                mine.update(trouble="", trouble_since=None)


def make_partitions(topics: Iterable[Topic], known: Collection[tuple[str, int]]) -> bool:
    """Create the missing rows of these topics' partitions; return whether there were any."""
    missing = [(topic, n) for topic in topics for n in range(topic.partitions) if (topic.name, n) not in known]
    builds = _builds({topic.name for topic, _ in missing})
    rows = []
    for topic, number in missing:
        build, kind = builds.get(topic.name, (0, ""))
        rows.append(IndexedPartition(topic=topic.name, number=number, kind=kind or topic.kind.value, build=build))
    IndexedPartition.objects.bulk_create(rows, batch_size=PIECE, ignore_conflicts=True)
    return bool(rows)


def _builds(topics: Collection[str]) -> dict[str, tuple[int, str]]:
    """Return the number and kind of each topic's live build, to which a new partition belongs as well.

    If all builds of a topic were abandoned, return the next number, because the rows of removed builds remain.
    """
    wanted = sorted(topics)
    found: dict[str, tuple[int, str]] = {}
    for start in range(0, len(wanted), PIECE):
        rows = IndexedPartition.objects.filter(topic__in=wanted[start : start + PIECE])
        live = Q(live=True)
        builds = rows.values_list("topic").annotate(
            Max("build"), of_live=Max("build", filter=live), kind=Max("kind", filter=live)
        )
        for topic, newest, of_live, kind in builds:
            found[topic] = (newest + 1, "") if of_live is None else (of_live, kind)
    return found


def take(owner: str, partitions: Sequence[Leased], *, live: bool = True) -> dict[int, int]:
    """Lease those of these partitions that are still free; return their epochs by row. ``live``: the build is the live one."""
    taken: dict[int, int] = {}
    for start in range(0, len(partitions), PIECE):
        piece = partitions[start : start + PIECE]
        dead = {leased.owner for leased in piece if leased.owner and is_dead(leased.owner)}
        with atomic():
            # A row that is locked is being taken or written. The next call decides.
            rows = IndexedPartition.objects.select_for_update(skip_locked=True).order_by("pk")
            free = rows.filter(_free() | Q(owner__in=dead), pk__in=[leased.id for leased in piece], live=live, ended_at=None)
            epochs = dict(free.values_list("pk", "epoch"))
            rows = IndexedPartition.objects.filter(pk__in=epochs)
            rows.update(owner=owner, epoch=F("epoch") + 1, leased_until=Now() + LEASE)
        taken.update({row: epoch + 1 for row, epoch in epochs.items()})
    return taken


def renew(owner: str) -> None:
    """Renew all leases of the owner, from now on."""
    IndexedPartition.objects.filter(owner=owner).update(leased_until=Now() + LEASE)


def release(owner: str, rows: Collection[int] | None = None) -> None:
    """Release those of these partitions that the owner still has; without ``rows``, all that it has."""
    mine = IndexedPartition.objects.filter(owner=owner)
    if rows is None:
        mine.update(owner="", leased_until=None)
        return
    wanted = sorted(rows)
    for start in range(0, len(wanted), PIECE):
        mine.filter(pk__in=wanted[start : start + PIECE]).update(owner="", leased_until=None)


def heartbeat(owner: str, *, wants_more: bool) -> None:
    """Record that this indexer is running, and whether it wants more partitions."""
    rows = IndexerRow.objects
    if not rows.filter(owner=owner).update(wants_more=wants_more, until=Now() + LEASE):
        rows.bulk_create([IndexerRow(owner=owner, wants_more=wants_more, until=Now() + LEASE)])
        rows.filter(until__lte=Now() - 10 * LEASE).delete()


def leave(owner: str) -> None:
    """Release everything, so that the next indexer that looks takes it over."""
    release(owner)
    IndexerRow.objects.filter(owner=owner).delete()


def others(owner: str) -> list[Member]:
    """Return the other running indexers."""
    rows = IndexerRow.objects.filter(until__gt=Now()).exclude(owner=owner)
    return [Member(owner=row.owner, wants_more=row.wants_more) for row in rows if not is_dead(row.owner)]


def share_of(owner: str, others: Iterable[Member], partitions: int) -> int:
    """Return how many of the partitions belong to this owner if they are shared as evenly as possible."""
    ordered = sorted({owner, *(member.owner for member in others)})
    each, rest = divmod(partitions, len(ordered))
    return each + (ordered.index(owner) < rest)


def _free() -> Q:
    return Q(owner="") | Q(leased_until__isnull=True) | Q(leased_until__lte=Now())
