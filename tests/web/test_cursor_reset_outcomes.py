"""What becomes of a reset that meets another one, or a store that does not do what it says."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.urls import reverse

from dashboard.auditing.acts import acts
from dashboard.auditing.chain import DatabaseRecord
from dashboard.models import ResourceLock, State
from eventstore.actions import Actor, subscription_resource
from eventstore.model.cursor_moves import CursorMove, MoveResult, OnBegin, OnMove, ignore_begin, ignore_move
from eventstore.model.errors import LeaseLost, StoreRefused, StoreUnreachable
from eventstore.model.events import Position
from eventstore.model.log import Edge
from tests.web.desk import NAME, TOPIC, Desk, hidden, opened_desk, text

PATIENCE = 60.0
"""Seconds after which something that must happen is taken not to happen."""


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def url(name: str = NAME) -> str:
    return reverse("cursor_resets", args=[TOPIC, name])


def form(desk: Desk, role: str = "support", name: str = NAME) -> dict[str, str]:
    """What the form of a preview would send that this person looks at now."""
    answer = desk.get(reverse("cursor_reset_new", args=[TOPIC, name]) + "?to=earliest", role)
    return {**hidden(answer), "reason": f"by {role}"}


class Answers:
    """The store's answer to each partition of a reset, in order; after them it fails with the error."""

    def __init__(self, *results: MoveResult, error: Exception | None = None) -> None:
        self.results, self.error = results, error

    def __call__(
        self,
        topic: str,
        name: str,
        targets: Mapping[int, Position | Edge],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        for partition, result in zip(sorted(targets), self.results, strict=False):
            on_begin(partition)
            reason = "" if result is MoveResult.MOVED else "It stands where it stood."
            on_move(CursorMove(partition=partition, result=result, reason=reason))
        if self.error is not None:
            raise self.error


def answering(desk: Desk, monkeypatch: pytest.MonkeyPatch, *results: MoveResult, error: Exception | None = None) -> None:
    monkeypatch.setattr(desk.subscriptions, "reset_cursor", Answers(*results, error=error))


@pytest.fixture
def three_partitions(desk: Desk) -> Desk:
    desk.publish(12, partitions=3, key="k{}")
    desk.subscribe(handled=12)
    return desk


MOVED, NOT_MOVED, FAILED, UNKNOWN = MoveResult.MOVED, MoveResult.NOT_MOVED, MoveResult.FAILED, MoveResult.UNKNOWN


def test_a_reset_that_moved_some_partitions_is_partly_done_and_makes_older_previews_stale(
    three_partitions: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = three_partitions
    older = form(desk, "approver")
    with monkeypatch.context() as broken:
        answering(desk, broken, MOVED, FAILED, error=StoreRefused("The broker refuses this."))
        answer = desk.client().post(url(), form(desk))
    assert answer.status_code == 502
    seen = text(answer)
    assert "It was partly done." in seen
    assert "Partition 0 was moved." in seen
    assert "Partition 1 was not moved: It stands where it stood." in seen
    assert "Partition 2 was not moved: It was not tried" in seen
    (act,) = acts()
    assert act.state == State.PARTLY_DONE
    assert [(part["name"], part["outcome"]) for part in act.outcome["parts"]] == [
        ("partition 0", "done"),
        ("partition 1", "failed"),
        ("partition 2", "failed"),
    ]
    refused = desk.client("approver").post(url(), older)
    assert refused.status_code == 409
    assert "support has reset this subscription meanwhile, in part" in text(refused)
    assert "partly done" in text(desk.get(reverse("audit")))
    again = {**hidden(answer), "reason": "SUP-2"}
    assert desk.client().post(url(), again).status_code == 302, "the preview beside the failure can be confirmed"


def test_a_cursor_that_was_not_moved_is_a_failure_although_the_store_said_that_it_was_done(
    three_partitions: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = three_partitions
    older = form(desk, "approver")
    with monkeypatch.context() as broken:
        answering(desk, broken, NOT_MOVED, NOT_MOVED, NOT_MOVED)
        answer = desk.client().post(url(), form(desk))
    assert answer.status_code == 502
    assert "The store did not do this." in text(answer)
    assert "Partition 0 was not moved: It stands where it stood." in text(answer)
    assert [act.state for act in acts()] == [State.FAILED]
    assert desk.client("approver").post(url(), older).status_code == 302, "nothing has changed"


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ((UNKNOWN, NOT_MOVED, NOT_MOVED), None),
        ((UNKNOWN, FAILED), StoreRefused("The broker refuses this.")),
        ((UNKNOWN,), LeaseLost("Somebody else has it now.")),
        ((UNKNOWN,), StoreUnreachable("The broker does not answer.")),
    ],
    ids=["to its end", "then refused", "then the lock was lost", "no answer"],
)
def test_what_cannot_be_told_is_unknown_and_makes_older_previews_stale(
    three_partitions: Desk, monkeypatch: pytest.MonkeyPatch, results: Sequence[MoveResult], error: Exception | None
) -> None:
    desk = three_partitions
    older = form(desk, "approver")
    with monkeypatch.context() as broken:
        answering(desk, broken, *results, error=error)
        answer = desk.client().post(url(), form(desk))
    assert answer.status_code == 502
    assert "Whether this was done is not known." in text(answer)
    assert "Partition 0 may have been moved: It stands where it stood." in text(answer)
    assert "Look at the subscription's cursors before you try again." in text(answer)
    assert [act.state for act in acts()] == [State.UNKNOWN]
    refused = desk.client("approver").post(url(), older)
    assert refused.status_code == 409
    assert "support may have reset this subscription meanwhile. This is what would happen now." in text(refused)


def test_a_reset_that_was_begun_and_has_no_outcome_yet_is_not_told_as_done(three_partitions: Desk) -> None:
    desk = three_partitions
    older = form(desk, "approver")
    DatabaseRecord().intended(Actor(name="support"), "reset_cursor", subscription_resource(TOPIC, NAME), {})
    refused = desk.client("approver").post(url(), older)
    assert refused.status_code == 409
    assert "support has begun to reset this subscription meanwhile. This is what would happen now." in text(refused)


def test_a_store_that_gave_no_answer_may_have_done_it(three_partitions: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = three_partitions
    with monkeypatch.context() as broken:
        answering(desk, broken, error=StoreUnreachable("The broker does not answer."))
        answer = desk.client().post(url(), form(desk))
    assert answer.status_code == 502
    assert "Whether this was done is not known. The broker does not answer. Look at the subscription's cursors" in text(answer)
    assert [act.state for act in acts()] == [State.UNKNOWN]


def test_pressing_the_button_of_an_old_preview_after_a_partial_reset_of_ones_own_is_not_taken_for_done(
    three_partitions: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = three_partitions
    mine = form(desk)
    with monkeypatch.context() as broken:
        answering(desk, broken, MOVED, FAILED, error=StoreRefused("The broker refuses this."))
        desk.client().post(url(), mine)
    answer = desk.client().post(url(), mine)
    assert answer.status_code == 409
    assert len(acts()) == 1


class Slow:
    """A reset of one subscription that takes until it is let go; others are as quick as ever."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.name, self.reset = name, desk.subscriptions.reset_cursor
        self.begun, self.let_go = threading.Event(), threading.Event()
        monkeypatch.setattr(desk.subscriptions, "reset_cursor", self)

    def __call__(self, topic: str, name: str, targets: Mapping[int, Position | Edge], **options: Any) -> None:
        if name == self.name:
            self.begun.set()
            assert self.let_go.wait(PATIENCE)
        self.reset(topic, name, targets, **options)


def in_thread(call: Callable[[], Any]) -> Any:
    try:
        return call()
    finally:
        connections.close_all()


@pytest.fixture
def slow(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Slow:
    desk.publish(4)
    desk.subscribe(handled=4)
    desk.subscribe("other", handled=4)
    return Slow(desk, monkeypatch, NAME)


def test_while_one_reset_is_slow_another_subscription_is_reset(desk: Desk, slow: Slow) -> None:
    mine, others = form(desk), form(desk, "approver", "other")
    browser = desk.client()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(in_thread, lambda: browser.post(url(), mine))
        try:
            assert slow.begun.wait(PATIENCE)
            answer = desk.client("approver").post(url("other"), others)
            assert (answer.status_code, waiting.done()) == (302, False)
        finally:
            slow.let_go.set()
        assert waiting.result(PATIENCE).status_code == 302
    assert not ResourceLock.objects.exists()


def test_somebody_else_is_told_who_is_at_it_and_since_when(desk: Desk, slow: Slow) -> None:
    mine, theirs = form(desk), form(desk, "approver")
    browser = desk.client()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(in_thread, lambda: browser.post(url(), mine))
        try:
            assert slow.begun.wait(PATIENCE)
            answer = desk.client("approver").post(url(), theirs)
            twice = desk.client().post(url(), mine)
        finally:
            slow.let_go.set()
        assert waiting.result(PATIENCE).status_code == 302
    assert answer.status_code == 409
    assert "mailer is being reset by support since" in text(answer)
    assert "by approver" in answer.content.decode(), "the reason need not be typed again"
    assert twice.status_code == 302, "the button was pressed twice"
    assert len(acts()) == 1
