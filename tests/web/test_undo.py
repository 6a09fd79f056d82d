"""A move is undone from its subscription's page: previewed, confirmed, recorded; and followed until all is acknowledged."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from dashboard.auditing.acts import Act, acts
from dashboard.auditing.resource_locks import DatabaseLocks
from dashboard.models import AuditEntry, State
from dashboard.rendering.audit_text import audit_line
from eventstore.actions import Actor, subscription_resource
from eventstore.index.models import IndexedPartition
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.web.desk import NAME, TOPIC, Desk, attribute, hidden, opened_desk, text
from tests.web.resetting import preview_url, reset, waiting


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def url(name: str, **query: str) -> str:
    return reverse(name, args=[TOPIC, NAME]) + (f"?{urlencode(query)}" if query else "")


def newest() -> Act:
    return acts(limit=1)[0]


def preview(desk: Desk, role: str = "support") -> Any:
    return desk.get(url("cursor_undo_new"), role)


def undo(desk: Desk, role: str = "support", **more: str) -> Any:
    fields = {**hidden(preview(desk)), "reason": "SUP-9001: the wrong one", **more}
    return desk.client(role).post(url("cursor_undos"), fields)


def acknowledge(desk: Desk, *positions: Position) -> None:
    """What consumers handle, in whatever order."""
    desk.subscriptions.acknowledge(TOPIC, NAME, {0: [desk.log.entry(position) for position in positions]})


def states(desk: Desk) -> list[str]:
    """What became of the customer's events, newest first, as their page says."""
    return re.findall(r'data-delivery="([^"]*)"', desk.get("/aggregates/patient/4711/").content.decode())[:4]


def skipped(desk: Desk) -> list[Position]:
    """Ten events, of which 0, 1 and 4 are handled; a reset to event 7, which is handled since."""
    positions = list(desk.publish(10, key="p-{}"))
    desk.subscribe()
    acknowledge(desk, *(positions[at] for at in (0, 1, 4)))
    assert reset(desk, "position", position=positions[7].encode()).status_code == 302
    acknowledge(desk, positions[7])
    return positions


def test_the_subscriptions_page_leads_to_what_became_of_a_move_and_to_its_undo(desk: Desk) -> None:
    skipped(desk)
    landed = desk.get(reverse("subscription", args=[TOPIC, NAME])).content.decode()
    act = str(newest().act)
    assert f'href="{url("cursor_moves", act=act)}"' in landed
    assert f'href="{url("cursor_undo_new", act=act)}"' in landed


def test_the_preview_counts_what_comes_after_all_and_touches_nothing(desk: Desk) -> None:
    skipped(desk)
    answer = preview(desk)
    assert answer.status_code == 200
    assert attribute(answer, "data-comes") == ["4"]
    assert attribute(answer, "data-twice") == ["0"]
    assert "4 events that the move skipped will be delivered after all." in text(answer)
    assert "Undo: 4 events delivered after all" in text(answer)
    assert "SUP-8812: mails were lost" in text(answer)
    assert "An undo cannot be undone" in text(answer)
    assert waiting(desk) == 2
    assert len(acts()) == 1, "looking is not an act"


def test_confirmed_it_gives_back_what_was_skipped_and_nothing_that_was_handled(desk: Desk) -> None:
    positions = skipped(desk)
    answer = undo(desk)
    assert (answer.status_code, answer["Location"]) == (302, url("cursor_moves"))
    assert [one.token for one in desk.handle(10)] == [positions[at].token for at in (2, 3, 5, 6, 8, 9)]
    act = newest()
    assert (act.actor, act.action, act.state) == ("support", "undo_move", State.DONE)
    assert act.details["undoes"] == str(acts()[1].act)
    assert (act.details["events_delivered"], act.details["events_twice"]) == (4, 0)
    assert act.details["to"] == {"0": positions[1].label}


def test_on_the_record_it_reads_as_an_undo_and_machine_data_stay_out(desk: Desk) -> None:
    skipped(desk)
    undo(desk)
    undone, moved = (audit_line(act, 1) for act in acts())
    assert ("Events", "4 delivered after all") in undone.facts
    assert undone.what == "Undo cursor move"
    assert not {"Kept", "Before", "Until"} & {name for name, _ in (*undone.facts, *moved.facts)}
    assert "SUP-9001: the wrong one" in text(desk.get(reverse("audit")))


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


def test_an_undo_is_not_undone_and_says_so(desk: Desk) -> None:
    skipped(desk)
    undo(desk)
    answer = preview(desk)
    assert answer.status_code == 409
    assert "support has undone that move already" in text(answer)
    assert "cursor_undo_new" not in text(desk.get(url("cursor_moves")))
    assert url("cursor_undo_new") not in desk.get(reverse("subscription", args=[TOPIC, NAME])).content.decode()


def test_a_second_click_and_a_replayed_post_undo_once(desk: Desk) -> None:
    skipped(desk)
    fields = {**hidden(preview(desk)), "reason": "SUP-9001: the wrong one"}
    client = desk.client()
    first, second = (client.post(url("cursor_undos"), fields) for _ in range(2))
    assert [answer.status_code for answer in (first, second)] == [302, 302]
    desk.handle(2)
    replayed = client.post(url("cursor_undos"), {**fields, "reason": "another reason"})
    assert replayed.status_code == 409
    assert "has undone that move already" in text(replayed)
    assert [act.action for act in acts()] == ["undo_move", "reset_cursor"]
    assert waiting(desk) == 4


def test_a_stale_preview_changes_nothing_and_says_who_moved_it(desk: Desk) -> None:
    skipped(desk)
    fields = {**hidden(preview(desk)), "reason": "SUP-9001: the wrong one"}
    reset(desk, "earliest", "approver")
    answer = desk.client().post(url("cursor_undos"), fields)
    assert answer.status_code == 409
    assert "approver has reset this subscription. That was another move" in text(answer)
    assert [act.action for act in acts()] == ["reset_cursor", "reset_cursor"]
    assert waiting(desk) == 10


def test_while_somebody_else_moves_it_nothing_is_done_and_they_are_named(desk: Desk) -> None:
    skipped(desk)
    fields = {**hidden(preview(desk)), "reason": "SUP-9001: the wrong one"}
    lease = DatabaseLocks().acquire(subscription_resource(TOPIC, NAME), Actor(name="anna"), "is being reset")
    answer = desk.client().post(url("cursor_undos"), fields)
    assert answer.status_code == 409
    assert "mailer is being reset by anna" in text(answer)
    assert waiting(desk) == 2
    lease.release()
    assert desk.client().post(url("cursor_undos"), fields).status_code == 302


def test_without_a_reason_nothing_is_moved(desk: Desk) -> None:
    skipped(desk)
    answer = undo(desk, reason="  ")
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.content.decode()
    assert waiting(desk) == 2


def test_where_nobody_can_count_it_says_so_and_asks_for_the_name(desk: Desk) -> None:
    skipped(desk)
    IndexedPartition.objects.using("index").all().delete()
    answer = preview(desk)
    assert "The index does not know this topic yet" in text(answer)
    assert undo(desk).status_code == 422
    assert undo(desk, typed=NAME).status_code == 302
    assert waiting(desk) == 6


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


def test_a_connected_consumer_is_named_and_what_it_holds_is_counted(desk: Desk) -> None:
    skipped(desk)
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="worker-7") as consumer:
        assert len(consumer.receive(limit=10, timeout=5)) == 2
        answer = preview(desk)
    assert "1 consumer will be disconnected, and must reconnect: worker-7." in text(answer)
    assert attribute(answer, "data-held") == ["2"]


def test_what_is_too_much_to_keep_is_told_before_the_move_and_again_before_its_undo(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.cursors.places.MOST_RANGES", 2)
    positions = desk.publish(10)
    desk.subscribe()
    acknowledge(desk, *positions[1::2])
    answer = desk.get(preview_url("latest"))
    assert attribute(answer, "data-left-out") == ["3"]
    assert "3 acknowledged ranges beyond the cursor are too many to keep" in text(answer)
    reset(desk, "latest")
    answer = preview(desk)
    assert attribute(answer, "data-twice") == ["3"]
    assert "because the record keeps the first acknowledged ranges beyond the cursor, and 3 more were left out" in text(answer)
    assert "banner-warning" in desk.get(undo(desk)["Location"]).content.decode()


def test_an_undo_that_was_done_in_part_says_which_partitions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(12, partitions=2, key="p-{}")
    desk.subscribe()
    reset(desk, "latest")
    whole = desk.subscriptions.restore_cursor

    def refusing(topic: str, name: str, places: Any, **calls: Any) -> None:
        if 1 in places:
            raise StoreRefused("The broker refuses this.")
        whole(topic, name, places, **calls)

    monkeypatch.setattr(desk.subscriptions, "restore_cursor", refusing)
    answer = desk.get(undo(desk)["Location"])
    assert "It was partly done. Partition 0 was moved." in text(answer)
    assert "Partition 1 was not moved: The broker refuses this." in text(answer)
    assert newest().state == State.PARTLY_DONE
    again = preview(desk)
    assert (again.status_code, "not all of it is known to be done" in text(again)) == (409, True)


def test_where_nothing_was_moved_the_pages_say_so(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    assert preview(desk).status_code == 409
    assert "there is nothing to undo" in text(preview(desk))
    page = desk.get(url("cursor_moves"))
    assert (page.status_code, "Nobody has moved this subscription" in text(page)) == (200, True)
    assert desk.get(url("cursor_moves", act="nonsense")).status_code == 404
    assert not AuditEntry.objects.exists()


def test_after_the_undo_what_is_handled_is_acknowledged_and_not_passed_over(desk: Desk) -> None:
    """No look at the cursor came between the move and its undo."""
    desk.publish(4)
    desk.subscribe()
    assert states(desk) == ["pending"] * 4
    reset(desk, "latest")
    undo(desk)
    desk.handle(2)
    assert states(desk) == ["pending", "pending", "acknowledged", "acknowledged"]


def test_to_new_events_only_the_undo_keeps_what_was_handled_since(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe()
    reset(desk, "latest")
    [late] = desk.publish(1, start=4)
    acknowledge(desk, late)
    undo(desk)
    assert waiting(desk) == 4
    assert desk.subscriptions.named(TOPIC, NAME).cursors[0].backlog == 4
    assert Edge.LATEST.value == acts()[1].details["to"]["0"]
