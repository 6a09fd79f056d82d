"""One holder a resource, whoever asks from wherever; nobody waits, and nothing stays locked for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.db.models import F

from dashboard.auditing.resource_locks import DatabaseLocks
from dashboard.models import ResourceLock
from eventstore.actions import LEASE, Lease, subscription_resource
from eventstore.model import LeaseLost, ResourceBusy, this_process
from tests.unit.auditing.helpers import ANNA, BEN, MAILER

OTHER = subscription_resource("patients", "other")


def acquire() -> Lease:
    return DatabaseLocks().acquire(MAILER, ANNA, "is being reset")


def run_out() -> None:
    ResourceLock.objects.update(until=F("until") - LEASE)


@pytest.mark.django_db
def test_while_somebody_holds_it_everybody_else_is_told_who_and_since_when() -> None:
    lease = acquire()
    with pytest.raises(ResourceBusy, match=r"^mailer is being reset by anna since \d\d:\d\d:\d\d UTC\. Wait until"):
        DatabaseLocks().acquire(MAILER, BEN, "is being reset")
    DatabaseLocks().acquire(OTHER, BEN, "is being reset").release()
    lease.release()
    DatabaseLocks().acquire(MAILER, BEN, "is being reset")


@pytest.mark.django_db
def test_a_lease_that_ran_out_passes_to_the_next_one_and_its_holder_is_told() -> None:
    late = acquire()
    run_out()
    current = DatabaseLocks().acquire(MAILER, BEN, "is being reset")
    with pytest.raises(LeaseLost, match="mailer"):
        late.renew()
    late.release()
    current.renew()
    assert ResourceLock.objects.get().actor == "ben", "what is somebody else's is not given back"


@pytest.mark.django_db
def test_a_lease_that_is_renewed_does_not_run_out() -> None:
    lease = acquire()
    ResourceLock.objects.update(until=F("until") - LEASE / 2)
    lease.renew()
    ResourceLock.objects.update(until=F("until") - LEASE + timedelta(seconds=20))
    with pytest.raises(ResourceBusy):
        acquire()


@pytest.mark.django_db
def test_one_that_ran_out_and_that_nobody_wanted_can_be_renewed() -> None:
    lease = acquire()
    run_out()
    lease.renew()
    with pytest.raises(ResourceBusy):
        acquire()


@pytest.mark.django_db
def test_the_lock_of_a_process_that_died_here_is_free_at_once_and_one_out_of_sight_is_not() -> None:
    acquire()
    mine = this_process()
    ResourceLock.objects.update(pid=4_194_305, pid_namespace="pid:[1]")
    with pytest.raises(ResourceBusy):
        acquire()
    ResourceLock.objects.update(pid_namespace=mine.namespace)
    acquire()


@pytest.mark.django_db(transaction=True)
def test_of_many_that_lock_at_the_same_moment_exactly_one_gets_it() -> None:
    start = threading.Barrier(8)

    def take(number: int) -> bool:
        try:
            start.wait(timeout=30)
            acquire()
        except ResourceBusy:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(8))) == [False] * 7 + [True]


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_a_rollback_could_take_back_is_refused() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        acquire()
