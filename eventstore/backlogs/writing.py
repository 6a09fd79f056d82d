"""Storing what was found about the subscriptions, under the lease of whoever asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from eventstore.backlogs import lease as leases
from eventstore.backlogs.current import TopicBacklogs
from eventstore.backlogs.history import keep, look_row, milliseconds
from eventstore.backlogs.lease import Lease
from eventstore.backlogs.looks import look_at
from eventstore.backlogs.stored import StoredTopic, stored_backlog, topic_bytes
from eventstore.index.models import BacklogRow, LookRow
from eventstore.index.tables.database import atomic
from eventstore.subscriptions import Backlog
from eventstore.subscriptions.face import SubscriptionFace

KeptLook = tuple[Backlog, int]
"""A look that is to be kept, with its rank."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a part of the topics has told. ``refused``: the topics that the store does not tell, with the reason and their last
    figures. ``looks``: those that are to be kept."""

    topics: Sequence[TopicBacklogs]
    refused: Sequence[TopicBacklogs]
    looks: Sequence[KeptLook]
    as_of: datetime


@dataclass(kw_only=True, slots=True)
class Round:
    """What one process finds while it has the lease.

    ``unwritten``: what is not stored yet. ``topics``: the names of all that the store has told or refused. ``reason``: why the
    store could not be asked to the end; empty if it was. ``lost``: another process has taken over. ``rest``: how long to leave
    the store in peace. ``promised``: when it is asked again at the latest.
    """

    lease: Lease
    unwritten: list[Found] = field(default_factory=list)
    topics: set[str] = field(default_factory=set)
    reason: str = ""
    lost: bool = False
    rest: timedelta = timedelta(0)
    promised: timedelta = timedelta(0)


def write(lease: Lease, subscriptions: SubscriptionFace, found: Found) -> None:
    """Store this. Raises ``LeaseLost``."""
    told = [watched.backlog.subscription for one in found.topics for watched in one.subscriptions]
    # First the tracks: whoever reads these figures finds what the cursors went over.
    subscriptions.noted([one.topic.name for one in found.topics], told, found.as_of)
    rows = [_row(one) for one in found.topics]
    looks = [_look_row(backlog, rank) for backlog, rank in found.looks]
    with atomic():
        leases.require(lease)
        BacklogRow.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["topic"], update_fields=["data", "as_of", "reason"]
        )
        for one in found.refused:
            BacklogRow.objects.update_or_create(topic=one.topic.name, defaults={"reason": one.unavailable})
        keep(looks)


def remove_others(lease: Lease, found: set[str]) -> None:
    """Remove what is stored of topics that are gone. Their looks stay until they are too old."""
    stored = set(BacklogRow.objects.exclude(topic=leases.ALL).values_list("topic", flat=True))
    gone = sorted(stored - found)
    if gone:
        with atomic():
            leases.require(lease)
            for start in range(0, len(gone), 500):
                BacklogRow.objects.filter(topic__in=gone[start : start + 500]).delete()


def _row(one: TopicBacklogs) -> BacklogRow:
    watched = [stored_backlog(each.backlog, each.steps, each.kept) for each in one.subscriptions]
    return BacklogRow(
        topic=one.topic.name, data=topic_bytes(StoredTopic(topic=one.topic, subscriptions=watched)), as_of=one.as_of
    )


def _look_row(backlog: Backlog, rank: int) -> LookRow:
    told = backlog.subscription
    return look_row(told.topic, told.name, look_at(backlog), milliseconds(backlog.as_of), rank)
