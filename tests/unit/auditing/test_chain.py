"""The audit record: what is written stands, and whoever else writes."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections, transaction

from dashboard.auditing.acts import acts, newest
from dashboard.auditing.chain import BEGINNING, DatabaseRecord, RecordDamaged
from dashboard.auditing.entries import LONGEST
from dashboard.auditing.interrupted import resolve_interrupted
from dashboard.auditing.verification import verify
from dashboard.models import AuditEntry, State
from eventstore.actions import Action, Actor, Ending, Outcome, Safeguards, Undo, perform, subscription_resource, topic_resource
from eventstore.model import Position, this_process
from eventstore.model.errors import NotAllowed, StoreUnreachable
from tests.safeguards import MemoryLocks, no, yes
from tests.unit.auditing.helpers import ANNA, BEN, MAILER, an_act, done, entries, sql

PUBLISH = Action(
    name="publish",
    acts_on=frozenset({"topic"}),
    title="Publish",
    doing="is being written to",
    undo=Undo(possible=False, how=""),
)


@pytest.mark.django_db
def test_an_empty_record_is_whole_and_has_no_acts() -> None:
    assert verify() is None
    assert acts() == []
    assert resolve_interrupted(lambda _: {}) == 0


@pytest.mark.django_db
def test_an_act_is_intended_and_then_done_in_one_chain() -> None:
    act = an_act(7)
    intended, ended = entries()
    assert [intended.number, ended.number] == [1, 2]
    assert [intended.state, ended.state] == [State.INTENDED, State.DONE]
    assert str(intended.act) == str(ended.act) == act
    assert intended.previous == BEGINNING
    assert ended.previous == intended.hash
    assert (ended.actor, ended.via, ended.action) == ("anna", "page", "reset_cursor")
    assert (ended.kind, ended.topic, ended.subscription, ended.scope) == ("subscription", "patients", "mailer", "")
    assert json.loads(ended.details) == {"moved": 7}
    assert (ended.host, ended.pid) == (this_process().host, os.getpid())
    assert verify() is None


@pytest.mark.django_db
def test_an_end_that_is_told_again_after_a_crash_is_written_once() -> None:
    act = an_act(7)
    record = DatabaseRecord()
    record.ended(act, done(moved=7))
    assert len(entries()) == 2
    record.ended(act, done(moved=8))
    record.ended(act, done(moved=7))
    assert [json.loads(entry.details)["moved"] for entry in entries()[1:]] == [7, 8, 7]
    assert verify() is None


@pytest.mark.django_db
def test_an_error_is_recorded_by_its_class_and_never_by_its_words_unless_they_are_ours() -> None:
    guards = Safeguards(authorizer=yes, locks=MemoryLocks(), record=DatabaseRecord())
    with pytest.raises(ValueError), perform(guards, ANNA, PUBLISH, topic_resource("t"), {}):
        raise ValueError("secret payload")
    with pytest.raises(StoreUnreachable), perform(guards, ANNA, PUBLISH, topic_resource("t"), {}):
        raise StoreUnreachable("The broker does not answer.")
    newer, older = acts()
    assert (older.state, dict(older.outcome)) == (State.UNKNOWN, {"reason": "ValueError"})
    assert dict(newer.outcome) == {"reason": "The broker does not answer."}
    assert not AuditEntry.objects.filter(details__contains="secret").exists()


@pytest.mark.django_db
def test_what_is_not_allowed_leaves_no_entry() -> None:
    guards = Safeguards(authorizer=no, locks=MemoryLocks(), record=DatabaseRecord())
    with pytest.raises(NotAllowed), perform(guards, ANNA, PUBLISH, topic_resource("t"), {}):
        raise AssertionError("must not be reached")
    assert entries() == []


@pytest.mark.django_db
def test_hostile_names_and_odd_details_are_kept_whole_or_named_by_class() -> None:
    record = DatabaseRecord()
    resource = subscription_resource("a\0b", "a\0b\ud800<script>/../~%2F🙂")
    details: dict[Any, Any] = {
        "position": Position(topic="t", partition=0, token="11"),
        "when": datetime(2026, 1, 2, tzinfo=UTC),
        "names": {"b", "a"},
        "nested": [{"x": (1, None, True)}],
        "bytes": b"secret",
        7: "🙂\0\ud800",
    }
    act = record.intended(Actor(name="x" * 10_000), "reset_cursor", resource, details)
    record.ended(act, done())
    (seen,) = acts(on=resource)
    assert seen.resource.subscription == r"a\u0000b\ud800<script>/../~%2F🙂"
    assert len(seen.actor) == LONGEST
    assert seen.details == {
        "position": "11@0@t",
        "when": "2026-01-02T00:00:00+00:00",
        "names": ["a", "b"],
        "nested": [{"x": [1, None, True]}],
        "bytes": "bytes",
        "7": "🙂\0\ud800",
    }
    assert verify() is None


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
        DatabaseRecord().intended(ANNA, "publish", topic_resource("t"), {})


@pytest.mark.django_db
def test_acts_come_newest_first_by_cursor_and_by_filter() -> None:
    for place in range(7):
        action = "publish" if place == 3 else "reset_cursor"
        an_act(place, actor=BEN if place % 2 else ANNA, action=action, on=topic_resource(f"t{place}"))
    page = acts(limit=3)
    assert [act.resource.topic for act in page] == ["t6", "t5", "t4"]
    page = acts(before=page[-1].number, limit=3)
    assert [act.resource.topic for act in page] == ["t3", "t2", "t1"]
    assert [act.resource.topic for act in acts(before=page[-1].number, limit=3)] == ["t0"]
    assert [act.resource.topic for act in acts(actor="ben")] == ["t5", "t3", "t1"]
    assert [act.resource.topic for act in acts(action="publish", actor="ben")] == ["t3"]
    assert acts(on=topic_resource("t3"), actor="anna") == []
    assert [(act.state, act.outcome["moved"], act.ended is not None) for act in acts(on=topic_resource("t2"))] == [
        (State.DONE, 2, True)
    ]


@pytest.mark.django_db
def test_acts_cost_two_queries_however_many_there_are(django_assert_num_queries: Callable[[int], Any]) -> None:
    for place in range(12):
        an_act(place)
    with django_assert_num_queries(2):
        assert len(acts()) == 12


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


@pytest.mark.django_db
def test_the_newest_act_on_a_resource_is_the_one_that_may_have_changed_it() -> None:
    record = DatabaseRecord()
    assert (newest(MAILER), record.newest(MAILER)) == (None, 0)
    for ending in (Ending.DONE, Ending.PARTLY_DONE, Ending.UNKNOWN):
        act = record.intended(ANNA, "reset_cursor", MAILER, {})
        begun = entries()[-1].number
        assert record.newest(MAILER) == begun, "one that still runs may have changed it"
        record.ended(act, Outcome(ending=ending))
        assert record.newest(MAILER) == begun
    record.ended(record.intended(ANNA, "reset_cursor", MAILER, {}), Outcome(ending=Ending.FAILED, reason="No."))
    an_act(on=subscription_resource("patients", "other"))
    an_act(on=topic_resource("patients"))
    assert record.newest(MAILER) == begun


@pytest.mark.django_db
def test_an_act_that_failed_and_was_done_after_all_has_changed_its_resource() -> None:
    record = DatabaseRecord()
    act = record.intended(ANNA, "reset_cursor", MAILER, {})
    begun = entries()[-1].number
    for ending, newest_then in ((Ending.FAILED, 0), (Ending.DONE, begun), (Ending.FAILED, 0), (Ending.UNKNOWN, begun)):
        record.ended(act, Outcome(ending=ending))
        assert record.newest(MAILER) == newest_then, ending


@pytest.mark.django_db
def test_without_its_head_row_nothing_is_recorded_and_so_nothing_done() -> None:
    an_act()
    sql("DELETE FROM dashboard_audithead")
    with pytest.raises(RecordDamaged, match="lost its head row"):
        an_act()
    assert len(entries()) == 2
