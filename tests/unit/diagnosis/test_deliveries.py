"""Why a partition stands although a consumer is there, and cursors that were moved."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eventstore.backlogs import Look
from eventstore.diagnosis import Certainty, Declared, Diagnosis, Fact, Mistake, diagnose
from eventstore.subscriptions import State
from tests.unit.diagnosis.seen import EXCLUSIVE, FAILOVER, LIMIT, NOON, at, backlog_at, look, member, stands


def diagnosed(looks: Sequence[Look], *, stuck: bool = True, declared: Declared = Declared()) -> Diagnosis:  # noqa: B008 - frozen
    last = replace(looks[-1], state=State.STUCK if stuck else looks[-1].state)
    return diagnose(backlog_at(last, stuck=[0] if stuck else []), looks[:-1], LIMIT, declared)


def found(given: Diagnosis) -> list[tuple[Mistake, Certainty]]:
    return [(finding.mistake, finding.certainty) for finding in given.findings]


def facts(given: Diagnosis) -> set[Fact]:
    return {one.fact for finding in given.findings for one in finding.evidence}


def test_more_deliveries_than_events_that_wait_are_certainly_redeliveries() -> None:
    looks = [
        look(minute, stands(5, waiting=10, delivered=100 + 9 * minute), members=[member(unacked=10)]) for minute in range(4)
    ]
    given = diagnosed(looks)
    assert found(given) == [(Mistake.REDELIVERED, Certainty.CERTAIN)]
    assert {Fact.MORE_THAN_WAIT, Fact.SAME_CONNECTION} <= facts(given)
    assert Fact.RECONNECTED not in facts(given), "the consumer stays: it does not crash"
    assert found(diagnosed(looks[-3:-1])) == [(Mistake.HOLDS, Certainty.POSSIBLE)], "fewer than wait may all be new"


def test_consumers_that_crash_show_in_new_connections() -> None:
    looks = [
        look(minute, stands(5, waiting=3, delivered=100 + 3 * minute), members=[member(since=minute, unacked=3)])
        for minute in range(4)
    ]
    given = diagnosed(looks)
    assert found(given) == [(Mistake.REDELIVERED, Certainty.CERTAIN)]
    assert Fact.RECONNECTED in facts(given)
    assert Fact.SAME_CONNECTION not in facts(given)


def test_the_brokers_rate_of_redeliveries_is_enough_where_others_are_acknowledged_but_not_certain() -> None:
    looks = [
        look(
            minute,
            stands(5, waiting=3, added=100 + 9 * minute, delivered=100 + 10 * minute, holes=1),
            members=[member(unacked=1)],
            redelivered=0.1,
        )
        for minute in range(4)
    ]
    assert found(diagnosed(looks)) == [(Mistake.REDELIVERED, Certainty.LIKELY)]


def test_a_consumer_that_holds_events_and_acknowledges_none_is_likely_once_it_was_watched_for_long_enough() -> None:
    looks = [look(minute, stands(5, waiting=10), members=[member(unacked=10, permits=0)]) for minute in range(4)]
    given = diagnosed(looks)
    assert found(given) == [(Mistake.HOLDS, Certainty.LIKELY)]
    assert {Fact.NO_PERMITS, Fact.HOLDS, Fact.SAME_CONNECTION} <= facts(given)
    assert found(diagnosed(looks[-2:])) == [(Mistake.HOLDS, Certainty.POSSIBLE)]


def test_of_a_failover_subscription_the_active_consumer_that_was_given_events_holds_them() -> None:
    looks = [
        look(
            minute,
            stands(5, waiting=10, active="app-1"),
            members=[member("app-1", given=10), member("app-2", given=0)],
            type=FAILOVER,
        )
        for minute in range(4)
    ]
    given = diagnosed(looks)
    assert found(given) == [(Mistake.HOLDS, Certainty.LIKELY)]
    assert [one.name for finding in given.findings for one in finding.evidence if one.fact is Fact.SAME_CONNECTION] == [
        "app-1"
    ]


def test_one_bad_event_of_a_shared_subscription_that_goes_on_beside_it_holds_nobody() -> None:
    looks = [
        look(
            minute,
            stands(5, waiting=1, added=100 + 9 * minute, delivered=100 + 9 * minute, holes=1),
            members=[member(unacked=4)],
        )
        for minute in range(4)
    ]
    assert found(diagnosed(looks)) == []


def test_who_has_never_acknowledged_anything_may_keep_positions_of_its_own() -> None:
    looks = [
        look(
            minute,
            stands(None, waiting=100 + 5 * minute, added=100 + 5 * minute, delivered=100 + 5 * minute),
            members=[member()],
            type=EXCLUSIVE,
        )
        for minute in range(4)
    ]
    assert found(diagnosed(looks)) == [(Mistake.HOLDS, Certainty.LIKELY), (Mistake.OWN_POSITIONS, Certainty.POSSIBLE)]


def test_a_subscription_that_moves_is_not_asked_why_it_stands() -> None:
    looks = [
        look(minute, stands(5 + minute, waiting=10, delivered=200 * minute), members=[member(unacked=9)])
        for minute in range(4)
    ]
    assert found(diagnosed(looks, stuck=False)) == []


# -- moves


def jump(
    *, back_to: int | None = 3, since: float = 1.5, before: bool = True, added: int = 100, delivered: int = 120
) -> list[Look]:
    """It stood behind event 50 with nothing waiting, and then it stands elsewhere; perhaps everybody is connected anew."""
    members = [member(since=-60)] if before else []
    after = stands(back_to, waiting=46, added=added, delivered=delivered)
    return [
        look(0, stands(50, waiting=0), members=members, type=EXCLUSIVE),
        look(1, stands(50, waiting=0), members=members, type=EXCLUSIVE),
        look(2, after, members=[member(since=since)], type=EXCLUSIVE),
    ]


def test_a_cursor_that_jumped_back_with_everybody_connected_anew_is_likely_a_members_seek() -> None:
    assert found(diagnosed(jump(), stuck=False)) == [(Mistake.MOVED_BACK, Certainty.LIKELY)]
    assert found(diagnosed(jump(back_to=None), stuck=False)) == [(Mistake.MOVED_BACK, Certainty.LIKELY)]


def test_it_is_only_possible_where_nobody_was_connected_before_or_somebody_stayed() -> None:
    assert found(diagnosed(jump(before=False), stuck=False)) == [(Mistake.MOVED_BACK, Certainty.POSSIBLE)]
    assert found(diagnosed(jump(since=-60), stuck=False)) == [(Mistake.MOVED_BACK, Certainty.POSSIBLE)]


def test_who_comes_back_a_look_later_was_disconnected_all_the_same() -> None:
    first, second, third = jump()
    nobody = replace(third, members=())
    assert found(diagnosed([first, second, nobody, replace(third, at=at(2.3))], stuck=False)) == [
        (Mistake.MOVED_BACK, Certainty.LIKELY)
    ]


def test_a_look_that_finds_the_jump_before_the_members_have_gone_is_followed_by_one_that_does_not() -> None:
    first, second, third = jump()
    early = replace(third, members=second.members)
    assert found(diagnosed([first, second, early], stuck=False)) == [(Mistake.MOVED_BACK, Certainty.POSSIBLE)]
    assert found(diagnosed([first, second, early, replace(third, at=at(2.3))], stuck=False)) == [
        (Mistake.MOVED_BACK, Certainty.LIKELY)
    ]
    much_later = replace(third, at=at(9))
    assert found(diagnosed([first, second, early, much_later], stuck=False)) == [(Mistake.MOVED_BACK, Certainty.POSSIBLE)]


@pytest.mark.parametrize(
    ("active", "since", "certainty"),
    [("app-1", 1.5, Certainty.LIKELY), ("app-1", -60, Certainty.POSSIBLE), ("app-2", 1.5, Certainty.POSSIBLE)],
)
def test_a_standby_that_was_made_active_right_before_the_jump_and_came_back_was_disconnected(
    active: str, since: float, certainty: Certainty
) -> None:
    """app-0 got the events at the look before; ``since`` is when app-1 connected. app-2 is new: it was not disconnected."""
    members = [member("app-0"), member("app-1")]
    looks = [look(minute, stands(50, active="app-0"), members=members, type=FAILOVER) for minute in (0, 1)]
    after = stands(3, waiting=46, delivered=120, active=active)
    there = [member("app-0"), member("app-1", since=since), member("app-2", since=1.6)]
    looks.append(look(2, after, members=there, type=FAILOVER))
    assert (Mistake.MOVED_BACK, certainty) in found(diagnosed(looks, stuck=False))


def test_while_the_active_one_is_away_its_standby_is_no_proof_and_the_look_at_which_it_is_back_decides() -> None:
    members = [member("app-0"), member("app-1")]
    looks = [look(minute, stands(50, active="app-1"), members=members, type=FAILOVER) for minute in (0, 1)]
    after = stands(3, waiting=46, delivered=120, active="app-1")
    looks.append(look(1.1, after, members=[member("app-0")], type=FAILOVER))
    assert (Mistake.MOVED_BACK, Certainty.POSSIBLE) in found(diagnosed(looks, stuck=False))
    looks.append(look(1.2, after, members=[member("app-0"), member("app-1", since=1.15)], type=FAILOVER))
    assert (Mistake.MOVED_BACK, Certainty.LIKELY) in found(diagnosed(looks, stuck=False))


def test_a_crash_of_the_broker_and_a_reset_that_the_desk_made_are_no_mistake_of_a_member() -> None:
    assert found(diagnosed(jump(added=40, delivered=0), stuck=False)) == []
    assert found(diagnosed(jump(), stuck=False, declared=Declared(resets=[at(1.4)]))) == []
    assert found(diagnosed(jump(), stuck=False, declared=Declared(resets=[NOON]))) == [(Mistake.MOVED_BACK, Certainty.LIKELY)]


def test_a_cursor_whose_place_was_trimmed_away_has_not_jumped_to_the_beginning() -> None:
    looks = [look(0, stands(50), members=[member()]), look(1, stands(None, waiting=0), members=[member()])]
    assert found(diagnosed(looks, stuck=False)) == []


def test_jumps_again_and_again_are_made_by_a_program() -> None:
    looks = [
        look(
            minute,
            stands(50 if minute % 2 == 0 else 3, waiting=0 if minute % 2 == 0 else 46, delivered=100 + 50 * minute),
            members=[member(since=minute)],
        )
        for minute in range(6)
    ]
    assert found(diagnosed(looks, stuck=False)) == [(Mistake.MOVED_BACK, Certainty.CERTAIN)]


@pytest.mark.parametrize(("delivered", "members", "mistake"), [(100, (), True), (140, (), False), (100, (member(),), False)])
def test_a_cursor_that_went_on_with_nobody_there_and_nothing_delivered_has_skipped_events(
    delivered: int, members: Sequence[object], mistake: bool
) -> None:
    there = [one for one in members if one]
    looks = [look(0, stands(5, waiting=40), members=there), look(1, stands(45, waiting=0, delivered=delivered), members=there)]  # type: ignore[arg-type]
    assert found(diagnosed(looks, stuck=False)) == ([(Mistake.SKIPPED, Certainty.CERTAIN)] if mistake else [])
    known = Declared(resets=[at(0.5)])
    assert found(diagnosed(looks, stuck=False, declared=known)) == []


def test_what_expired_is_counted_by_the_store() -> None:
    looks = [
        look(0, stands(5, waiting=40), members=[member()], expired=3),
        look(1, stands(15, waiting=30), members=[member()], expired=13),
    ]
    [finding] = diagnosed(looks, stuck=False).findings
    assert [(one.fact, one.number) for one in finding.evidence] == [(Fact.EXPIRED, 10)]
