"""Skips while others act, consumers get on, or the process that skips dies: nothing is lost that the preview has not listed,
and no loss is shown as handled."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.auditing import chain
from dashboard.auditing.acts import acts, newest
from dashboard.cursors import after_move
from dashboard.cursors.wording import deed_of
from dashboard.management import left_open
from dashboard.management.left_open import what_the_store_shows
from dashboard.models import AuditEntry, State
from eventstore.actions import registered, subscription_resource
from eventstore.drivers.database.subscriptions.table_subscriptions import TableSubscriptions
from eventstore.model.errors import StoreUnreachable
from eventstore.model.log import Edge
from tests.contract.helpers import eventually
from tests.unit.auditing.test_interrupted import dead_process
from tests.web.desk import NAME, TOPIC, Answer, Desk, attribute, hidden, opened_desk, text
from tests.web.resetting import confirmed, post_url, reset, waiting
from tests.web.resetting import preview_url as reset_url


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def preview(desk: Desk, query: str) -> Answer:
    return desk.get(reverse("skip_new", args=[TOPIC, NAME]) + "?" + query)


def post(client: Client, form: dict[str, str]) -> Any:
    return client.post(reverse("skips", args=[TOPIC, NAME]), form)


def states(desk: Desk, count: int) -> list[str]:
    return [attribute(desk.get(f"/events/e-{number}/"), "data-delivery")[0] for number in range(count)]


def test_a_skip_whose_cursor_another_tool_has_moved_back_is_refused_with_the_new_preview(desk: Desk) -> None:
    desk.publish(8)
    desk.subscribe(handled=5)
    form = confirmed(preview(desk, "skip=before&before=e-6"))
    desk.subscriptions.reset_cursor(TOPIC, NAME, {0: Edge.EARLIEST})
    answer = post(desk.client(), form)
    assert (answer.status_code, "has changed since you looked" in text(answer)) == (409, True)
    assert attribute(answer, "data-event-id") == [f"e-{number}" for number in range(6)]
    assert (waiting(desk), acts()) == (8, [])


def test_a_second_click_on_skipping_the_next_events_skips_no_more(desk: Desk) -> None:
    desk.publish(8)
    desk.subscribe()
    form, client = confirmed(preview(desk, "skip=count&count=2")), desk.client()
    assert [post(client, form).status_code for _ in range(2)] == [302, 302]
    assert (waiting(desk), len(acts())) == (6, 1)
    other = post(desk.client("approver"), form)
    assert other.status_code == 409
    assert "support has moved the cursor of this subscription meanwhile" in text(other)
    assert "Nothing was moved" not in text(other)


def test_whoever_has_undone_a_move_meanwhile_is_told_to_have_done_that(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe()
    reset(desk, "latest")
    form = confirmed(desk.get(reset_url("earliest")))
    undo = desk.get(reverse("cursor_undo_new", args=[TOPIC, NAME]), "approver")
    desk.client("approver").post(reverse("cursor_undos", args=[TOPIC, NAME]), {**hidden(undo), "reason": "SUP-1"})
    answer = desk.client().post(post_url(), form)
    assert "approver has undone a move of this subscription meanwhile." in text(answer)
    known = {"undo_move", "reset_cursor", "skip_event", "skip_events", "skip_before", "clear_backlog", "expire_events"}
    assert {deed_of(action.name) for action in registered() if action.name not in known} == {("acted on", "act on")}


def test_what_consumers_handle_right_before_the_skip_is_not_told_as_lost_and_an_undo_does_not_give_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.publish(6)
    desk.subscribe()
    form, skip = confirmed(preview(desk, "skip=all")), TableSubscriptions.skip

    def later(self: TableSubscriptions, *given: Any, **more: Any) -> None:
        desk.handle(3)
        skip(self, *given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(TableSubscriptions, "skip", later)
        assert post(desk.client(), form).status_code == 302
    assert states(desk, 6) == ["acknowledged"] * 3 + ["passed over"] * 3
    undo = desk.get(reverse("cursor_undo_new", args=[TOPIC, NAME]))
    assert (attribute(undo, "data-comes"), attribute(undo, "data-twice")) == (["3"], ["0"])


def test_a_skip_whose_answer_is_lost_is_not_told_as_handled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(4)
    desk.subscribe()
    form, skip = confirmed(preview(desk, "skip=count&count=2")), TableSubscriptions.skip

    def silent(self: TableSubscriptions, *given: Any, **more: Any) -> None:
        skip(self, *given, **{**more, "on_move": lambda _: None})
        raise StoreUnreachable("The store has stopped responding.")

    with monkeypatch.context() as patched:
        patched.setattr(TableSubscriptions, "skip", silent)
        assert post(desk.client(), form).status_code == 502
    assert states(desk, 4) == ["unknown", "unknown", "pending", "pending"]


def test_a_skip_whose_process_died_is_settled_as_what_may_have_skipped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(4)
    desk.subscribe(handled=1)
    with monkeypatch.context() as patched:
        patched.setattr(after_move, "note_skips", lambda *_: None)
        assert post(desk.client(), confirmed(preview(desk, "skip=event&position=e-2"))).status_code == 302
    assert states(desk, 4)[2] == "acknowledged", "nothing was noted"
    what_the_store_shows(AuditEntry.objects.get(state=State.INTENDED))
    assert states(desk, 4) == ["acknowledged", "pending", "unknown", "pending"]
    assert newest(subscription_resource(TOPIC, NAME)) is not None


def test_a_worker_settles_what_a_dead_process_left_open_while_it_runs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(4)
    desk.subscribe(handled=1)
    dead = dead_process()
    monkeypatch.setattr(left_open, "EVERY", 0.05)
    with left_open.settling():
        with monkeypatch.context() as dying:
            dying.setattr(chain, "this_process", lambda: dead)
            dying.setattr(chain.DatabaseRecord, "ended", lambda *_: None)
            dying.setattr(after_move, "note_skips", lambda *_: None)
            assert post(desk.client(), confirmed(preview(desk, "skip=event&position=e-2"))).status_code == 302
        assert eventually(lambda: states(desk, 4) == ["acknowledged", "pending", "unknown", "pending"])
    assert [act.state for act in acts()] == [State.UNKNOWN]


def test_a_skip_whose_process_died_waits_for_a_store_that_is_away_before_it_is_settled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.publish(4)
    desk.subscribe(handled=1)
    dead = dead_process()
    with monkeypatch.context() as dying:
        dying.setattr(chain, "this_process", lambda: dead)
        dying.setattr(chain.DatabaseRecord, "ended", lambda *_: None)
        dying.setattr(after_move, "note_skips", lambda *_: None)
        assert post(desk.client(), confirmed(preview(desk, "skip=event&position=e-2"))).status_code == 302

    def away(self: TableSubscriptions, *given: Any) -> None:
        raise StoreUnreachable("The store does not respond.")

    with monkeypatch.context() as starting:
        starting.setattr(TableSubscriptions, "named", away)
        left_open.settle_at_start()
    assert [act.state for act in acts()] == [State.INTENDED]
    left_open.settle_at_start()
    assert [act.state for act in acts()] == [State.UNKNOWN]
    assert states(desk, 4) == ["acknowledged", "pending", "unknown", "pending"]


@pytest.mark.parametrize(("address", "title"), [("skip_new", "Skip events of"), ("cursor_reset_new", "Reset the cursor of")])
def test_the_form_without_a_choice_says_what_to_choose_and_reports_no_error(desk: Desk, address: str, title: str) -> None:
    desk.publish(1)
    desk.subscribe()
    answer = desk.get(reverse(address, args=[TOPIC, NAME]))
    assert (answer.status_code, title in text(answer), "Choose " in text(answer)) == (200, True, True)
    assert 'role="alert"' not in answer.content.decode()
    assert desk.client().head(reverse(address, args=[TOPIC, NAME])).status_code == 200
