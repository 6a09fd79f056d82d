"""The events of a move are followed until all of them are acknowledged, each customer by name."""

import re
from collections.abc import Iterator

import pytest

from dashboard.auditing.acts import acts
from dashboard.cursors import after_move
from eventstore.cursors import UndoPlan
from tests.web.desk import Desk, attribute, hidden, opened_desk, text
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
    assert len(acts()) == 1


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
