"""Looks are kept, found again in order, and thinned with age: whatever the times of the looks, there are never too many."""

import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.backlogs import history, look_at
from eventstore.backlogs.history import KEPT_FOR, SPACING, keep, look_row, looks, milliseconds, rank, thin
from eventstore.index.models import LookRow
from tests.unit.backlogs.test_stored import backlog

pytestmark = pytest.mark.usefixtures("desk_databases")

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def row(at: int, rank: int, name: str = "mailer") -> LookRow:
    return LookRow(topic="patients", name=name, at=at, rank=rank, data=b"")


def test_looks_come_back_oldest_first_since_a_time() -> None:
    look = look_at(backlog(topic="patients", name="mailer"))
    for number in (3, 1, 2, 0):
        keep([look_row("patients", "mailer", look, milliseconds(BEGIN) + number, 0)])
    keep([look_row("patients", "other", look, milliseconds(BEGIN) + 9, 0)])
    assert len(looks("patients", "mailer", BEGIN, 100)) == 4
    assert len(looks("patients", "mailer", BEGIN + timedelta(milliseconds=2), 100)) == 2
    assert looks("patients", "nobody", BEGIN, 100) == []


def test_of_too_many_looks_some_in_between_are_left_out_and_the_last_one_stays() -> None:
    there = backlog(topic="patients", name="mailer")
    for number in range(10):
        at = BEGIN + timedelta(seconds=number)
        keep([look_row("patients", "mailer", look_at(replace(there, as_of=at)), milliseconds(at), 0)])
    found = [look.at.second for look in looks("patients", "mailer", BEGIN, 4)]
    assert len(found) == 4
    assert found == sorted(found)
    assert found[-1] == 9


def test_a_look_is_kept_once_in_ten_seconds_however_often_one_looks() -> None:
    last = kept = 0
    for at in range(1, 600_000, 700):
        found = rank(at, last)
        if found is not None:
            last, kept = at, kept + 1
    assert kept <= 60


def test_thinning_keeps_one_in_each_space_and_nothing_beyond_its_age() -> None:
    seed = random.randrange(10**9)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    now, at, last = BEGIN + timedelta(days=30), milliseconds(BEGIN + timedelta(days=13)), 0
    rows = []
    while at < milliseconds(now):
        found = rank(at, last)
        if found is not None:
            rows.append(row(at, found))
            last = at
        at += chance.choice((3_000, 11_000, 70_000, 900_000, 4_000_000))
    keep(rows)
    steps = list(thin(now))
    assert all(step <= history.A_STEP for step in steps)
    left = sorted(LookRow.objects.values_list("at", "rank"))
    assert sum(steps) == len(rows) - len(left)
    for number, age in enumerate(KEPT_FOR):
        of_rank = [at for at, rank in left if rank == number]
        assert all(at >= milliseconds(now - age) for at in of_rank)
        assert len({at // SPACING[number] for at in of_rank}) == len(of_rank)
        assert len(of_rank) <= age.total_seconds() * 1000 / SPACING[number] + 1
    youngest = [row.at for row in rows if row.at >= milliseconds(now - KEPT_FOR[0])]
    assert [at for at, _ in left if at >= milliseconds(now - KEPT_FOR[0])] == youngest


def test_above_the_limit_the_oldest_looks_of_a_rank_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_LOOKS", (30, 20, 10))
    monkeypatch.setattr(history, "A_STEP", 7)
    now = BEGIN + timedelta(hours=1)
    at = milliseconds(BEGIN)
    keep([row(at + 50_000 * number + rank, rank) for number in range(60) for rank in range(3)])
    steps = list(thin(now))
    assert max(steps) <= 7
    left = {rank: sorted(LookRow.objects.filter(rank=rank).values_list("at", flat=True)) for rank in range(3)}
    assert {rank: len(found) for rank, found in left.items()} == {0: 30, 1: 20, 2: 10}
    assert left[2] == [at + 50_000 * number + 2 for number in range(50, 60)]


def test_a_second_look_of_the_same_moment_changes_nothing() -> None:
    keep([row(5, 0)])
    keep([row(5, 1), row(6, 1)])
    assert sorted(LookRow.objects.values_list("at", "rank")) == [(5, 0), (6, 1)]
