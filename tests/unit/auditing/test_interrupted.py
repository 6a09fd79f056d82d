"""What a crash left open is settled once, as unknown; what still runs is left alone."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F

from dashboard.auditing.acts import acts
from dashboard.auditing.chain import BEGINNING
from dashboard.auditing.entries import HASH_VERSION, columns_of, hash_of, process_columns, resource_of
from dashboard.auditing.interrupted import first_open, resolve_interrupted
from dashboard.auditing.resource_locks import DatabaseLocks
from dashboard.auditing.verification import verify
from dashboard.models import AuditEntry, AuditHead, ResourceLock, State
from eventstore.importing import PUBLISH
from eventstore.model import Process, StoreUnreachable, this_process
from tests.unit.auditing.helpers import ANNA, MAILER


def left_open(by: Process, *, ago: timedelta = timedelta(), action: str = "reset_cursor") -> UUID:
    """An act that this process intended and did not end."""
    head, _ = AuditHead.objects.get_or_create(id=1, defaults={"hash": BEGINNING})
    act = UUID(int=head.number + 1)
    entry = AuditEntry(
        number=head.number + 1,
        act=act,
        state=State.INTENDED.value,
        begins=True,
        actor="anna",
        via="page",
        action=action,
        details="{}",
        written=datetime.now(UTC) - ago,
        hash_version=HASH_VERSION,
        previous=head.hash,
        **columns_of(MAILER),
        **process_columns(by),
    )
    entry.hash = hash_of(entry)
    entry.save()
    head.number, head.hash = entry.number, entry.hash
    head.save()
    return act


def dead_process() -> Process:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return replace(this_process(), pid=child.pid, start=f"1@{this_process().boot}")


@pytest.mark.django_db
def test_what_a_dead_process_left_open_is_settled_once_with_what_the_store_shows() -> None:
    act = left_open(dead_process())
    assert resolve_interrupted(lambda entry: {"cursor of": resource_of(entry).subscription}) == 1
    (seen,) = acts()
    assert (seen.act, seen.state) == (act, State.UNKNOWN)
    assert seen.outcome == {"cursor of": "mailer"}
    assert resolve_interrupted(lambda _: {}) == 0
    assert verify() is None


@pytest.mark.django_db
def test_an_act_of_a_job_that_is_under_way_outlives_the_process_that_began_it() -> None:
    act = left_open(dead_process())
    assert resolve_interrupted(lambda _: {}, lambda: [str(act)]) == 0
    assert [act.state for act in acts()] == [State.INTENDED]


@pytest.mark.django_db
def test_an_act_of_which_the_store_cannot_be_asked_stays_open_and_the_others_are_settled() -> None:
    waits, settled = left_open(dead_process()), left_open(dead_process())

    def shown(entry: AuditEntry) -> Mapping[str, Any]:
        if entry.act == waits:
            raise StoreUnreachable("The store does not respond.")
        return {}

    with pytest.raises(StoreUnreachable):
        resolve_interrupted(shown)
    assert {act.act: act.state for act in acts()} == {waits: State.INTENDED, settled: State.UNKNOWN}
    assert resolve_interrupted(lambda _: {}) == 1


@pytest.mark.django_db
def test_an_act_of_this_living_process_is_left_alone() -> None:
    left_open(this_process())
    assert resolve_interrupted(lambda _: {}) == 0
    assert [act.state for act in acts()] == [State.INTENDED]


@pytest.mark.django_db
def test_a_living_process_with_the_same_number_is_not_the_one_that_died() -> None:
    mine = this_process()
    left_open(replace(mine, start=f"1@{mine.boot}"))
    assert resolve_interrupted(lambda _: {}) == 1


EARLIER = replace(this_process(), start="1@another-boot")
ELSEWHERE = Process(host="elsewhere", pid=1, start="1@x")
OTHER_CONTAINER = replace(this_process(), namespace="pid:[1]")
OUT_OF_SIGHT = pytest.mark.parametrize(
    "process", [EARLIER, ELSEWHERE, OTHER_CONTAINER], ids=["of another boot", "of another host", "of another PID namespace"]
)


@pytest.mark.django_db
@OUT_OF_SIGHT
@pytest.mark.parametrize("ahead", [-60, 60], ids=["the database's clock is behind", "it is ahead"])
def test_what_a_process_out_of_sight_left_open_is_settled_unless_that_process_holds_the_lock_still(
    process: Process, ahead: int
) -> None:
    lease = DatabaseLocks().acquire(MAILER, ANNA, "is being reset")
    ResourceLock.objects.update(since=F("since") + timedelta(seconds=ahead), **process_columns(process))
    left_open(process)
    assert resolve_interrupted(lambda _: {}) == 0
    lease.release()
    assert resolve_interrupted(lambda _: {}) == 1


@pytest.mark.django_db
@OUT_OF_SIGHT
def test_a_lock_that_another_process_holds_does_not_keep_the_act_of_one_out_of_sight_open(process: Process) -> None:
    DatabaseLocks().acquire(MAILER, ANNA, "is being reset")
    left_open(process, ago=timedelta(seconds=-5))
    assert resolve_interrupted(lambda _: {}) == 1


@pytest.mark.django_db
@OUT_OF_SIGHT
@pytest.mark.parametrize("action", [PUBLISH.name, "an_action_that_is_gone"])
def test_an_act_of_a_process_out_of_sight_that_takes_no_lock_is_left_alone_for_a_day(process: Process, action: str) -> None:
    left_open(process, ago=timedelta(hours=23), action=action)
    assert resolve_interrupted(lambda _: {}) == 0
    old = left_open(process, ago=timedelta(hours=25), action=action)
    assert resolve_interrupted(lambda _: {}) == 1
    assert [act.act for act in acts() if act.state == State.UNKNOWN] == [old]


@pytest.mark.django_db
def test_who_looks_again_goes_on_at_the_first_act_that_has_not_ended() -> None:
    assert first_open() == 1
    left_open(dead_process())
    assert first_open() == 1
    assert resolve_interrupted(lambda _: {}) == 1
    last = AuditEntry.objects.count()
    assert first_open() == first_open(last) == last + 1
    left_open(this_process())
    left_open(dead_process())
    assert first_open(last + 1) == last + 1
    assert resolve_interrupted(lambda _: {}, since=last + 1) == 1
    assert first_open(last + 1) == last + 1, "an act of a living process is looked at again"
    assert resolve_interrupted(lambda _: {}, since=last + 1) == 0


@pytest.mark.django_db
def test_a_job_that_is_there_when_its_act_is_found_is_under_way() -> None:
    """Its process may end between the two looks, once the job is there."""
    asked: list[UUID] = []

    def under_way() -> list[str]:
        asked.append(act)
        return [str(act)]

    act = left_open(dead_process())
    assert resolve_interrupted(lambda _: {}, under_way) == 0
    assert asked == [act]
