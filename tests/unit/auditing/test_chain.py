"""The audit record: what is written stands, whoever else writes, and every tampering is seen."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections, transaction

from dashboard.auditing import chain
from dashboard.auditing.chain import BEGINNING, DatabaseRecord, acts, resolve_interrupted, verify
from dashboard.auditing.process_identity import Process, alive, this_process
from dashboard.models import AuditEntry, AuditHead, State
from eventstore.actions.perform import Actor, acting
from eventstore.model.errors import NotAllowed, StoreUnreachable
from eventstore.model.events import Position

ANNA = Actor(name="anna")
BEN = Actor(name="ben", via="command line")


def entries() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("number"))


def an_act(number: int = 1, actor: Actor = ANNA, action: str = "reset_cursor", scope: str = "patients / mailer") -> str:
    record = DatabaseRecord()
    act = record.intended(actor, action, scope, {"events": number})
    record.done(act, {"moved": number})
    return act


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.django_db
def test_an_empty_record_is_whole_and_has_no_acts() -> None:
    assert verify() is None
    assert acts() == []
    assert resolve_interrupted(lambda _: {}) == 0


@pytest.mark.django_db
def test_an_act_is_intended_and_then_done_in_one_chain() -> None:
    act = an_act(7)
    intended, done = entries()
    assert [intended.number, done.number] == [1, 2]
    assert [intended.state, done.state] == [State.INTENDED, State.DONE]
    assert str(intended.act) == str(done.act) == act
    assert intended.previous == BEGINNING
    assert done.previous == intended.hash
    assert (done.actor, done.via, done.action, done.scope) == ("anna", "page", "reset_cursor", "patients / mailer")
    assert json.loads(done.details) == {"moved": 7}
    assert (done.host, done.pid) == (this_process().host, os.getpid())
    assert verify() is None


@pytest.mark.django_db
def test_an_error_is_recorded_by_its_class_and_never_by_its_words_unless_they_are_ours() -> None:
    record = DatabaseRecord()
    with pytest.raises(ValueError), acting(record, lambda *_: True, ANNA, "publish", "t", {}):
        raise ValueError("secret payload")
    with pytest.raises(StoreUnreachable), acting(record, lambda *_: True, ANNA, "publish", "t", {}):
        raise StoreUnreachable("The broker does not answer.")
    newest, older = acts()
    assert (older.state, dict(older.outcome)) == (State.FAILED, {"reason": "ValueError"})
    assert dict(newest.outcome) == {"reason": "The broker does not answer."}
    assert not AuditEntry.objects.filter(details__contains="secret").exists()


@pytest.mark.django_db
def test_what_is_not_allowed_leaves_no_entry() -> None:
    with pytest.raises(NotAllowed), acting(DatabaseRecord(), lambda *_: False, ANNA, "publish", "t", {}):
        raise AssertionError("must not be reached")
    assert entries() == []


@pytest.mark.django_db
def test_hostile_names_and_odd_details_are_kept_whole_or_named_by_class() -> None:
    record = DatabaseRecord()
    scope = "a\0b\ud800<script>/../~%2F🙂"
    details: dict[Any, Any] = {
        "position": Position(topic="t", partition=0, token="11"),
        "when": datetime(2026, 1, 2, tzinfo=UTC),
        "names": {"b", "a"},
        "nested": [{"x": (1, None, True)}],
        "bytes": b"secret",
        7: "🙂\0\ud800",
    }
    act = record.intended(Actor(name="x" * 10_000), "reset_cursor", scope, details)
    record.done(act, {})
    (seen,) = acts(scope=scope)
    assert seen.scope == r"a\u0000b\ud800<script>/../~%2F🙂"
    assert len(seen.actor) == chain.LONGEST
    assert seen.details == {
        "position": "11@0@t",
        "when": "2026-01-02T00:00:00+00:00",
        "names": ["a", "b"],
        "nested": [{"x": [1, None, True]}],
        "bytes": "bytes",
        "7": "🙂\0\ud800",
    }
    assert verify() is None


TAMPERINGS: dict[str, tuple[str, int, str]] = {
    "actor changed": ("UPDATE dashboard_auditentry SET actor = 'eve' WHERE number = 3", 3, "changed"),
    "details changed": ("UPDATE dashboard_auditentry SET details = '{}' WHERE number = 5", 5, "changed"),
    "time changed": ("UPDATE dashboard_auditentry SET written = '2020-01-01 00:00:00' WHERE number = 2", 2, "changed"),
    "state changed": ("UPDATE dashboard_auditentry SET state = 'failed' WHERE number = 4", 4, "changed"),
    "first removed": ("DELETE FROM dashboard_auditentry WHERE number = 1", 1, "entry 1 is missing"),
    "two removed": ("DELETE FROM dashboard_auditentry WHERE number IN (3, 4)", 3, "entries 3 to 4 are missing"),
    "tail cut, head left": ("DELETE FROM dashboard_auditentry WHERE number > 6", 7, "entries 7 to 8 are missing"),
    "all removed": ("DELETE FROM dashboard_auditentry", 1, "entries 1 to 8 are missing"),
    "head turned back": ("UPDATE dashboard_audithead SET number = 4", 4, "head"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("step", [1000, 3])
@pytest.mark.parametrize(("statement", "number", "reason"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_every_tampering_is_found_where_it_is(
    statement: str, number: int, reason: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "STEP", step)
    for place in range(4):
        an_act(place)
    assert verify() is None
    sql(statement)
    broken = verify()
    assert broken is not None
    assert broken.number == number
    assert reason in broken.reason


@pytest.mark.django_db
def test_reordered_entries_are_found() -> None:
    for place in range(3):
        an_act(place)
    sql("UPDATE dashboard_auditentry SET number = 99 WHERE number = 3")
    sql("UPDATE dashboard_auditentry SET number = 3 WHERE number = 4")
    sql("UPDATE dashboard_auditentry SET number = 4 WHERE number = 99")
    broken = verify()
    assert broken is not None
    assert (broken.number, "moved" in broken.reason) == (3, True)


@pytest.mark.django_db
def test_an_entry_put_in_between_with_a_hash_of_its_own_is_found() -> None:
    for place in range(3):
        an_act(place)
    second = AuditEntry.objects.get(number=2)
    second.actor = "eve"
    sql("UPDATE dashboard_auditentry SET actor = 'eve', hash = %s WHERE number = 2", chain.hash_of(second))
    broken = verify()
    assert broken is not None
    assert broken.number == 3


@pytest.mark.django_db
def test_entries_are_neither_changed_nor_removed_through_the_model() -> None:
    an_act()
    entry = entries()[0]
    entry.actor = "eve"
    for forbidden in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(actor="eve"),
    ):
        with pytest.raises(TypeError, match="never"):
            forbidden()
    assert verify() is None


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_a_rollback_could_take_back_is_refused() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        DatabaseRecord().intended(ANNA, "publish", "t", {})


@pytest.mark.django_db
def test_acts_come_newest_first_by_cursor_and_by_filter() -> None:
    for place in range(7):
        an_act(place, actor=BEN if place % 2 else ANNA, action="publish" if place == 3 else "reset_cursor", scope=f"t{place}")
    page = acts(limit=3)
    assert [act.scope for act in page] == ["t6", "t5", "t4"]
    page = acts(before=page[-1].number, limit=3)
    assert [act.scope for act in page] == ["t3", "t2", "t1"]
    assert [act.scope for act in acts(before=page[-1].number, limit=3)] == ["t0"]
    assert [act.scope for act in acts(actor="ben")] == ["t5", "t3", "t1"]
    assert [act.scope for act in acts(action="publish", actor="ben")] == ["t3"]
    assert acts(scope="t3", actor="anna") == []
    assert [(act.state, act.outcome["moved"], act.ended is not None) for act in acts(scope="t2")] == [(State.DONE, 2, True)]


@pytest.mark.django_db
def test_acts_cost_two_queries_however_many_there_are(django_assert_num_queries: Callable[[int], Any]) -> None:
    for place in range(12):
        an_act(place)
    with django_assert_num_queries(2):
        assert len(acts()) == 12


def left_open(by: Process, *, ago: timedelta = timedelta()) -> UUID:
    """An act that this process intended and did not end."""
    head, _ = AuditHead.objects.get_or_create(id=1, defaults={"hash": BEGINNING})
    act = UUID(int=head.number + 1)
    entry = AuditEntry(
        number=head.number + 1,
        act=act,
        state=State.INTENDED,
        actor="anna",
        via="page",
        action="reset_cursor",
        scope="patients / mailer",
        details="{}",
        written=datetime.now(UTC) - ago,
        host=by.host,
        pid=by.pid,
        process_start=by.start,
        previous=head.hash,
    )
    entry.hash = chain.hash_of(entry)
    entry.save()
    head.number, head.hash = entry.number, entry.hash
    head.save()
    return act


def dead_process() -> Process:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return Process(host=this_process().host, pid=child.pid, start="1@gone")


@pytest.mark.django_db
def test_what_a_dead_process_left_open_is_settled_once_with_what_the_store_shows() -> None:
    act = left_open(dead_process())
    assert resolve_interrupted(lambda entry: {"cursor of": entry.scope}) == 1
    (seen,) = acts()
    assert (seen.act, seen.state) == (act, State.UNKNOWN)
    assert seen.outcome == {"cursor of": "patients / mailer"}
    assert resolve_interrupted(lambda _: {}) == 0
    assert verify() is None


@pytest.mark.django_db
def test_an_act_of_this_living_process_is_left_alone() -> None:
    left_open(this_process())
    assert resolve_interrupted(lambda _: {}) == 0
    assert [act.state for act in acts()] == [State.INTENDED]


@pytest.mark.django_db
def test_a_living_process_with_the_same_number_is_not_the_one_that_died() -> None:
    mine = this_process()
    left_open(Process(host=mine.host, pid=mine.pid, start="1@another-boot"))
    assert resolve_interrupted(lambda _: {}) == 1


@pytest.mark.django_db
def test_another_hosts_act_is_given_up_after_a_day() -> None:
    left_open(Process(host="elsewhere", pid=1, start="1@x"), ago=timedelta(hours=23))
    old = left_open(Process(host="elsewhere", pid=1, start="1@x"), ago=timedelta(hours=25))
    assert resolve_interrupted(lambda _: {}) == 1
    assert [act.act for act in acts() if act.state == State.UNKNOWN] == [old]


@pytest.mark.django_db
def test_a_store_that_cannot_be_asked_is_part_of_what_is_recorded() -> None:
    def unreachable(_: AuditEntry) -> dict[str, Any]:
        raise StoreUnreachable("The store does not answer.")

    left_open(dead_process())
    assert resolve_interrupted(unreachable) == 1
    assert acts()[0].outcome == {"store": "could not be asked: The store does not answer."}


def test_a_process_is_alive_until_it_ends() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        boot = this_process().start.partition("@")[2]
        process = Process(host=this_process().host, pid=child.pid, start=f"{stat[19]}@{boot}")
        assert alive(process)
    finally:
        child.kill()
        child.wait()
    assert not alive(process)
    assert alive(this_process())


@pytest.mark.django_db(transaction=True)
def test_threads_never_fork_the_chain() -> None:
    def write(number: int) -> None:
        try:
            an_act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert [entry.number for entry in entries()] == list(range(1, 81))
    assert verify() is None
