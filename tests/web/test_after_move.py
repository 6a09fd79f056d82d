"""What a cursor reset leaves behind in the desk, also where the index's database fails over it."""

import logging
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from django.db import OperationalError

from dashboard.cursors import after_move
from dashboard.gateway import desk as opened
from eventstore.actions import Ending, Outcome, Part, subscription_resource
from eventstore.cursors import RESET_CURSOR
from eventstore.model.log import Edge
from tests.web.desk import NAME, TOPIC, Desk, attribute, opened_desk
from tests.web.resetting import reset, waiting


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as desk:
        yield desk


def locked(*given: Any, **more: Any) -> NoReturn:
    raise OperationalError("database is locked")


def test_a_reset_that_was_done_is_told_as_done_although_nothing_could_be_noted_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.publish(3)
    desk.subscribe()
    monkeypatch.setattr(type(opened().delivery), "note_moves", locked)
    monkeypatch.setattr(type(opened().backlogs), "forget", locked)
    with caplog.at_level(logging.WARNING):
        assert reset(desk, "latest").status_code == 302
    assert waiting(desk) == 0
    assert [record.name for record in caplog.records if "OperationalError" in record.message] == [after_move.__name__] * 2


def test_of_a_reset_that_was_partly_done_what_it_skipped_is_remembered(desk: Desk) -> None:
    desk.publish(8, partitions=2, key="k{}")
    desk.subscribe()
    plan = opened().actions.plan(RESET_CURSOR, subscription_resource(TOPIC, NAME), Edge.LATEST)
    zero = plan.targets()[0]
    opened().store.subscriptions.reset_cursor(TOPIC, NAME, {0: zero})  # type: ignore[union-attr]
    parts = [Part(name="partition 0", ending=Ending.DONE), Part(name="partition 1", ending=Ending.FAILED, reason="refused")]
    after_move.note_skips(plan, Outcome(ending=Ending.PARTLY_DONE, parts=parts))
    after_move.forget_figures()
    seen = {"passed over": 0, "pending": 0}
    for number in range(8):
        for state in attribute(desk.get(f"/events/e-{number}/"), "data-delivery"):
            seen[state] += 1
    moved = next(move for move in plan.moves if move.partition == 0)
    assert seen == {"passed over": moved.passed_over, "pending": 8 - (moved.passed_over or 0)}
