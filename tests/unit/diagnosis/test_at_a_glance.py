"""At a glance is found what a diagnosis without earlier looks finds, and nothing is built where nothing can be found."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from eventstore.backlogs import Look
from eventstore.diagnosis import Declared, Mistake, diagnose
from eventstore.diagnosis.diagnose import glance
from eventstore.model.subscriptions import SubscriptionType
from eventstore.subscriptions import Backlog, Setback, State
from tests.indexing import place
from tests.unit.diagnosis.seen import EXCLUSIVE, FAILOVER, LIMIT, SHARED, as_of, at, backlog_at, look, member, stands
from tests.unit.diagnosis.test_members import MIXED, partitions
from tests.unit.diagnosis.test_states_evidence import walk

SETBACK = Setback(
    partition=0,
    was=place(9),
    came_to=place(3),
    ranges_lost=0,
    until=place(9),
    seen=at(-2),
    found=at(-1),
    restarted=False,
)
DECLARED = (Declared(), Declared(ordered=True), Declared(mixed_batch=MIXED), Declared(resets=(at(-1.5),)))


def looks_of_mistakes() -> Iterator[Look]:
    yield partitions("app-1", "app-1", "app-1")[-1]
    yield partitions("app-1", "app-2", "app-1")[-1]
    yield partitions("app-1", "app-1", "app-2")[-1]
    yield partitions("app-1", "")[-1]
    for kind in (SHARED, FAILOVER, EXCLUSIVE, SubscriptionType.KEY_SHARED):
        for unacked in (0, 7):
            for permits in (0, 900):
                yield look(0, stands(5, waiting=9), members=[member(unacked=unacked, permits=permits)], type=kind)
        yield look(0, stands(None, waiting=9), members=[member()], type=kind)
        yield look(0, stands(5, waiting=9), members=[member()], type=kind, redelivered=3.0)
    yield look(0, stands(5, waiting=9))
    yield look(0, stands(5, waiting=9), redelivered=3.0)


def backlogs() -> Iterator[Backlog]:
    for one in [*looks_of_mistakes(), *(walk(seed, 3)[-1] for seed in range(3))]:
        for stuck in ([], [0]):
            for state in State:
                there = as_of(backlog_at(one, stuck=stuck), state)
                yield there
                yield replace(there, setbacks=(SETBACK,))
                yield replace(there, setbacks=(replace(SETBACK, restarted=True),))


def test_at_a_glance_finds_what_a_diagnosis_without_looks_finds() -> None:
    seen = set[Mistake]()
    for there in backlogs():
        for declared in DECLARED:
            expected = diagnose(there, (), LIMIT, declared).findings
            assert list(glance(there, LIMIT, declared)) == list(expected)
            seen |= {finding.mistake for finding in expected}
    assert seen == set(Mistake) - {Mistake.COME_AND_GO, Mistake.SKIPPED}


def test_no_look_is_built_of_a_subscription_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(backlog: Backlog) -> Look:
        raise AssertionError(backlog)

    monkeypatch.setitem(glance.__globals__, "look_at", build)
    working = [walk(seed, 3)[-1] for seed in range(20)]
    shared_out, alone = partitions("app-1", "app-2"), look(0, stands(5), members=[member()], type=FAILOVER)
    for one in [*working, shared_out[-1], alone]:
        assert glance(backlog_at(one), LIMIT) == ()
    assert glance(as_of(backlog_at(look(0, stands(5, waiting=9)), stuck=[0]), State.NO_CONSUMERS), LIMIT) == ()
