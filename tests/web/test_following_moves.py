"""The events of a move are followed until all of them are acknowledged, each customer by name."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.auditing.acts import acts
from dashboard.auditing.chain import DatabaseRecord
from dashboard.cursors import after_move
from dashboard.models import State
from eventstore.actions import Actor, subscription_resource
from eventstore.cursors import RESET_CURSOR, UndoPlan
from eventstore.model.errors import StoreRefused
from tests.web.desk import NAME, TOPIC, Desk, attribute, hidden, opened_desk, text
from tests.web.resetting import reset, waiting
from tests.web.undoing import acknowledge, newest, preview, skipped, undo, url


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def states(desk: Desk) -> list[str]:
    """What became of the customer's events, newest first, as their page says."""
    return re.findall(r'data-delivery="([^"]*)"', desk.get("/aggregates/patient/4711/").content.decode())[:4]


def test_it_is_followed_until_all_of_it_is_acknowledged_each_customer_by_name(desk: Desk) -> None:
    positions = skipped(desk)
    undo(desk)
    page = desk.get(url("cursor_moves"))
    assert (attribute(page, "data-given"), attribute(page, "data-over")) == (["4"], ["no"])
    assert attribute(page, "data-aggregate") == ["p-2", "p-3", "p-5", "p-6"]
    assert "0 of 4 events that the undo gave back acknowledged so far" in text(page)
    assert "mark-ok" not in page.content.decode().partition('id="followed"')[2].partition("Whose")[0]
    acknowledge(desk, positions[2], positions[5])
    desk.index()
    page = desk.get(url("cursor_moves"), fragment=True)
    assert attribute(page, "data-aggregate") == ["p-3", "p-6", "p-2", "p-5"], "those that wait come first"
    assert "2 of 4 events" in text(page)
    assert "data-refresh" in page.content.decode()
    acknowledge(desk, positions[3], positions[6])
    page = desk.get(url("cursor_moves"), fragment=True)
    assert attribute(page, "data-over") == ["yes"]
    assert "All 4 events that the undo gave back are acknowledged." in text(page)
    assert "data-refresh" not in page.content.decode(), "nothing is left to follow"


def test_a_loss_is_never_green_and_leads_to_the_undo(desk: Desk) -> None:
    skipped(desk)
    page = desk.get(url("cursor_moves"))
    assert attribute(page, "data-taken") == ["4"]
    assert "4 events were skipped and are never delivered" in text(page)
    assert attribute(page, "data-losing") == ["p-2", "p-3", "p-5", "p-6"], "each customer by name"
    assert "mark-ok" not in page.content.decode().partition('id="followed"')[2].partition("</section>")[0]
    assert f'href="{url("cursor_undo_new", act=str(newest().act))}"' in page.content.decode()


def test_a_reset_backward_is_followed_and_its_undo_calls_the_redelivery_off(desk: Desk) -> None:
    positions = desk.publish(6)
    desk.subscribe(handled=6)
    reset(desk, "earliest")
    acknowledge(desk, positions[0])
    page = desk.get(url("cursor_moves"))
    assert (attribute(page, "data-given"), attribute(page, "data-acknowledged")) == (["6"], ["1", "1"])
    answer = preview(desk)
    assert attribute(answer, "data-called-off") == ["5"]
    assert "Undo: 5 events not redelivered" in text(answer)
    landed = desk.get(undo(desk)["Location"])
    assert "banner-success" in landed.content.decode()
    assert waiting(desk) == 0


def test_a_viewer_sees_what_became_of_it_and_cannot_undo_it(desk: Desk) -> None:
    skipped(desk)
    page = desk.get(url("cursor_moves"), "viewer")
    assert attribute(page, "data-taken") == ["4"]
    assert url("cursor_undo_new") not in page.content.decode()
    assert "SUP-8812" not in text(page), "the record is not theirs to read"
    assert preview(desk, "viewer").status_code == 403
    fields = {**hidden(preview(desk)), "reason": "SUP-9001: the wrong one"}
    assert desk.client("viewer").post(url("cursor_undos"), fields).status_code == 403
    assert [(act.actor, act.action) for act in acts()] == [("viewer", "refused")] * 2 + [("support", "reset_cursor")]


def test_after_the_undo_what_is_handled_is_acknowledged_and_not_passed_over(desk: Desk) -> None:
    """No look at the cursor came between the move and its undo."""
    desk.publish(4)
    desk.subscribe()
    assert states(desk) == ["pending"] * 4
    reset(desk, "latest")
    undo(desk)
    desk.handle(2)
    assert states(desk) == ["pending", "pending", "acknowledged", "acknowledged"]


def test_what_a_quick_consumer_handles_before_the_undo_is_noted_is_acknowledged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.publish(4)
    desk.subscribe()
    assert states(desk) == ["pending"] * 4
    reset(desk, "latest")
    noted = after_move.note_undo

    def late(plan: UndoPlan) -> None:
        desk.handle(4)
        noted(plan)

    monkeypatch.setattr(after_move, "note_undo", late)
    undo(desk)
    assert states(desk) == ["acknowledged"] * 4
    assert attribute(desk.get(url("cursor_moves")), "data-over") == ["yes"]


def told(desk: Desk) -> str:
    """What the page of moves says of the move, without its lists."""
    return desk.get(url("cursor_moves"), fragment=True).content.decode().partition("<h2>")[0]


def test_what_failed_is_not_told_as_a_loss(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    positions = desk.publish(8, partitions=2, key="k{}")
    desk.subscribe()
    whole = desk.subscriptions.reset_cursor

    def refusing(topic: str, name: str, places: Any, **calls: Any) -> None:
        if refused == {0, 1}:
            raise StoreRefused("The broker refuses this.")
        whole(topic, name, {0: places[0]}, **calls)
        raise StoreRefused("The broker refuses the other one.")

    monkeypatch.setattr(desk.subscriptions, "reset_cursor", refusing)
    refused = {0, 1}
    reset(desk, "latest")
    page = desk.get(url("cursor_moves", act=str(newest().act)))
    assert (newest().state, attribute(page, "data-taken"), "Nothing was moved." in text(page)) == (State.FAILED, [], True)
    assert "moved again since" not in text(page)
    refused = {1}
    reset(desk, "latest")
    moved = sum(position.partition == 0 for position in positions)
    assert newest().state == State.PARTLY_DONE
    assert attribute(desk.get(url("cursor_moves")), "data-taken") == [str(moved)]


def test_where_ranges_were_left_out_a_loss_is_not_overstated(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.cursors.places.MOST_RANGES", 2)
    positions = desk.publish(12, key="p-{}")
    desk.subscribe()
    acknowledge(desk, *positions[1::2])
    reset(desk, "latest")
    page = desk.get(url("cursor_moves"))
    assert attribute(page, "data-taken") == ["6"]
    assert "At least 6 events were skipped" in text(page)
    assert attribute(page, "data-losing") == ["p-0", "p-2"], "of the others nobody knows which were handled"


def test_where_ranges_were_left_out_it_is_not_over_while_anything_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.cursors.places.MOST_RANGES", 2)
    positions = desk.publish(12, key="p-{}")
    desk.subscribe()
    acknowledge(desk, *positions[1::2])
    reset(desk, "earliest")
    acknowledge(desk, positions[1], positions[3])
    desk.index()
    assert "2 of at least 2" in told(desk)
    assert ("mark-ok" in told(desk), 'data-over="no"' in told(desk)) == (False, True)
    acknowledge(desk, *positions)
    desk.index()
    assert ("All of at least" in told(desk), 'data-over="yes"' in told(desk)) == (True, True)


def test_what_an_undo_gave_back_beyond_the_record_is_at_least(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    positions = desk.publish(12, key="p-{}")
    desk.subscribe()
    acknowledge(desk, *positions[1::2])
    reset(desk, "latest")
    monkeypatch.setattr("eventstore.cursors.places.MOST_RANGES", 2)
    monkeypatch.setattr("eventstore.cursors.following.MOST_RANGES", 2)
    undo(desk)
    acknowledge(desk, positions[0], positions[2])
    desk.index()
    assert ("2 of at least 2" in told(desk), 'data-over="no"' in told(desk)) == (True, True)


def test_a_move_under_way_is_looked_at_again_and_cannot_be_undone_yet(desk: Desk) -> None:
    skipped(desk)
    details = {name: value for name, value in newest().details.items() if name not in ("topic", "subscription")}
    DatabaseRecord().intended(Actor(name="anna"), RESET_CURSOR.name, subscription_resource(TOPIC, NAME), details)
    assert "data-refresh" in told(desk)
    answer = preview(desk)
    assert (answer.status_code, "anna has begun a move of this subscription" in text(answer)) == (409, True)
    assert "nothing to undo" in text(answer)
    assert "No move" not in text(answer)
