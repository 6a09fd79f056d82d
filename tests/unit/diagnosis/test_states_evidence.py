"""What a state is judged by is said with figures and times, and a healthy system has no findings."""

import random
from dataclasses import replace

import pytest

from eventstore.backlogs import Look, Member, Place
from eventstore.diagnosis import Certainty, Fact, diagnose
from eventstore.model.subscriptions import SubscriptionType
from eventstore.subscriptions import State
from eventstore.subscriptions.past import Past
from tests.unit.diagnosis.seen import LIMIT, as_of, at, backlog_at, look, member, stands


def facts(looks: list[Look], state: State, *, stuck: bool = False) -> list[Fact]:
    backlog = as_of(backlog_at(looks[-1], stuck=[0] if stuck else []), state)
    return [one.fact for one in diagnose(backlog, looks[:-1], LIMIT).evidence]


def test_stuck_says_since_when_it_stands_whether_the_end_moves_what_waits_and_who_is_there() -> None:
    looks = [look(minute, stands(5, waiting=3, end=100 + minute), members=[member(unacked=2)]) for minute in range(3)]
    assert facts(looks, State.STUCK, stuck=True) == [Fact.STANDS, Fact.END_MOVED, Fact.WAITS, Fact.CONNECTED, Fact.HOLDS]
    looks = [look(minute, stands(5, waiting=3), members=[member()]) for minute in range(3)]
    assert Fact.END_STANDS in facts(looks, State.STUCK, stuck=True)


def test_no_consumers_says_when_one_was_last_seen() -> None:
    looks = [look(0, stands(5, waiting=3), members=[member()]), look(1, stands(5, waiting=3))]
    backlog = as_of(backlog_at(looks[-1]), State.NO_CONSUMERS)
    evidence = {one.fact: one.at for one in diagnose(backlog, looks[:-1], LIMIT).evidence}
    assert evidence[Fact.NOT_CONNECTED] == at(0)


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_evidence_but_for_the_stores_own(state: State) -> None:
    looks = [look(0, stands(5, waiting=3), members=[member()])]
    assert bool(facts(looks, state)) == (state is not State.STORES_OWN)


def test_slow_says_how_the_backlog_grew() -> None:
    backlog = as_of(backlog_at(look(0, stands(5, waiting=30), members=[member()])), State.SLOW)
    grown = replace(backlog, past=Past(backlogs=((at(-3), 10), (at(0), 30))))
    [grew] = [one for one in diagnose(grown, (), LIMIT).evidence if one.fact is Fact.GREW]
    assert (grew.number, grew.of, grew.at) == (10, 30, at(-3))


def test_a_phantom_one_with_external_positions_and_the_stores_own_are_accused_of_nothing() -> None:
    looks = [look(minute, stands(50 - minute, waiting=minute), members=[member(since=minute)]) for minute in range(9)]
    for state in (State.PHANTOM, State.EXTERNAL, State.STORES_OWN):
        assert not diagnose(as_of(backlog_at(looks[-1]), state), looks[:-1], LIMIT).findings


class Working:
    """Consumers that keep working, looked at now and then: bursts come, they handle some, they are deployed anew, and the
    broker is restarted now and then."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.kind = self.chance.choice([each for each in SubscriptionType if each is not SubscriptionType.UNKNOWN])
        count = self.chance.choice([1, 2, 3])
        self.published, self.handled, self.loaded_at = [0] * count, [0] * count, [0] * count
        self.instances = [f"app-{number}" for number in range(self.chance.choice([1, 2, 3]))]
        self.since, self.minute = -60.0, 0.0

    def look(self, *, deployed: bool) -> Look:
        self.minute += self.chance.choice([0.05, 0.2, 0.5, 1.0])
        if deployed:
            self.since = self.minute
        if self.chance.random() < 0.02:
            self.loaded_at = list(self.published)  # the broker was restarted: its counters begin anew
        for number in range(len(self.published)):
            self.published[number] += self.chance.choice([0, 0, 1, 5, 40])
            waiting = self.published[number] - self.handled[number]
            self.handled[number] += self.chance.randrange(1, waiting + 1) if waiting else 0
        places = [self.place(number) for number in range(len(self.published))]
        members = [self.member(name, number) for name in self.instances for number in range(len(self.published))]
        return look(self.minute, *places, members=members, type=self.kind)

    def place(self, number: int) -> Place:
        published, handled, loaded_at = self.published[number], self.handled[number], self.loaded_at[number]
        return stands(
            handled - 1 if handled else None,
            waiting=published - handled,
            partition=number,
            added=published - loaded_at,
            delivered=max(0, handled + min(published - handled, self.chance.randrange(5)) - loaded_at),
            end=max(0, published - 1),
            active=self.instances[number % len(self.instances)],
        )

    def member(self, name: str, number: int) -> Member:
        partition = number if len(self.published) > 1 else None
        unacked, given = self.chance.randrange(4), self.handled[number]
        return member(name, since=self.since, partition=partition, unacked=unacked, given=given)


def walk(seed: int, steps: int) -> list[Look]:
    working = Working(seed)
    deployments = working.chance.sample(range(1, steps), k=2)
    return [working.look(deployed=step in deployments) for step in range(steps)]


@pytest.mark.parametrize("seed", range(60))
def test_a_consumer_that_works_is_never_accused_of_more_than_what_is_possible(seed: int) -> None:
    accuses(seed, 40)


@pytest.mark.soak
def test_no_walk_of_a_consumer_that_works_is_accused() -> None:
    for seed in range(60, 400):
        accuses(seed, 120)


def accuses(seed: int, steps: int) -> None:
    looks = walk(seed, steps)
    for number in range(1, len(looks)):
        found = diagnose(backlog_at(looks[number]), looks[:number], LIMIT).findings
        assert all(finding.certainty is Certainty.POSSIBLE for finding in found), (seed, number, found)
