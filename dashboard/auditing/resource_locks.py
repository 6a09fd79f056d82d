"""One action at a time on a resource, over all threads, processes and hosts: a row for each lock in the database ``default``.

A lock is a lease that ends by the database's own clock. Each step is one statement that succeeds or changes nothing, so that
no transaction is open while the holder talks to a store, and locks of different resources never wait for each other.
"""

from dataclasses import dataclass
from datetime import UTC
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from dashboard.auditing.entries import as_recorded, process_columns, storable
from dashboard.models import ResourceLock
from eventstore.actions import LEASE, Actor, Lease, Resource
from eventstore.model import Fate, LeaseLost, Process, ResourceBusy, fate, this_process

TRIES = 5
"""How often a lock is tried for that others take and give back at the same moment."""


class DatabaseLocks:
    """``eventstore.actions.Locks``. Any thread of any process may lock."""

    def acquire(self, resource: Resource, actor: Actor, doing: str) -> Lease:
        resource, lease = as_recorded(resource), uuid4()
        for _ in range(TRIES):
            _put(resource, actor, doing, lease)
            holder = _holder(resource)
            if holder is None:
                continue  # the one who was before us has given it back in between
            if holder.lease == lease:
                return DatabaseLease(resource=resource, lease=lease)
            if not _has_ended(holder):
                raise ResourceBusy(_busy(resource, holder))
            _remove(holder)
        raise ResourceBusy(f"Several people want to act on {resource.title} at this moment. Try again.")


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseLease:
    """``eventstore.actions.Lease``."""

    resource: Resource
    lease: UUID

    def renew(self) -> None:
        with transaction.atomic(durable=True):
            held = _mine(self.lease).update(until=Now() + LEASE)
        if not held:
            raise LeaseLost(f"The lock on {self.resource.title} expired, and someone else has it now. Nothing more was done.")

    def release(self) -> None:
        with transaction.atomic(durable=True):
            _mine(self.lease).delete()


def is_held_by(resource: Resource, process: Process) -> bool:
    """Whether this process holds a lock on the resource that has not run out."""
    return ResourceLock.objects.filter(
        resource=as_recorded(resource).key, until__gt=Now(), **process_columns(process)
    ).exists()


def _put(resource: Resource, actor: Actor, doing: str, lease: UUID) -> None:
    """Insert our own row, unless there is one. Durable, because no other process sees a lock in an open transaction."""
    row = ResourceLock(
        resource=resource.key,
        lease=lease,
        actor=storable(actor.name),
        doing=storable(doing),
        since=Now(),
        until=Now() + LEASE,
        **process_columns(this_process()),
    )
    with transaction.atomic(durable=True):
        ResourceLock.objects.bulk_create([row], ignore_conflicts=True)


def _holder(resource: Resource) -> ResourceLock | None:
    return ResourceLock.objects.filter(resource=resource.key).first()


def _has_ended(lock: ResourceLock) -> bool:
    """Whether its time is over, or its process is known to have ended."""
    if ResourceLock.objects.filter(lease=lock.lease, until__lte=Now()).exists():
        return True
    process = Process(host=lock.host, pid=lock.pid, start=lock.process_start, namespace=lock.pid_namespace)
    return fate(process) is Fate.ENDED


def _remove(lock: ResourceLock) -> None:
    """Remove this lock, unless its holder has just renewed it."""
    ResourceLock.objects.filter(lease=lock.lease, until=lock.until).delete()


def _mine(lease: UUID) -> QuerySet[ResourceLock]:
    return ResourceLock.objects.filter(lease=lease)


def _busy(resource: Resource, lock: ResourceLock) -> str:
    since = f"{lock.since.astimezone(UTC):%H:%M:%S} UTC"
    return f"{resource.title} {lock.doing} by {lock.actor} since {since}. Wait until that has ended, then look again."
