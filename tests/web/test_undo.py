"""A move is undone from its subscription's page: previewed, confirmed and recorded."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from dashboard.auditing.acts import acts
from dashboard.auditing.resource_locks import DatabaseLocks
from dashboard.models import AuditEntry, State
from dashboard.rendering.audit_text import audit_line
from eventstore.actions import Actor, subscription_resource
from eventstore.index.models import IndexedPartition
from eventstore.model.errors import StoreRefused
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.web.desk import NAME, TOPIC, Desk, attribute, hidden, opened_desk, text
from tests.web.resetting import preview_url, reset, waiting
from tests.web.undoing import acknowledge, newest, preview, skipped, undo, url


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


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
    assert (page.status_code, "cursor has not been moved in this desk" in text(page)) == (200, True)
    assert desk.get(url("cursor_moves", act="nonsense")).status_code == 404
    assert not AuditEntry.objects.exists()


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


def test_where_a_batch_may_be_handled_in_part_nothing_is_green(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    skipped(desk)
    named = type(desk.subscriptions).named
    inside = lambda self, *of: replace(named(self, *of), acknowledges_inside=True)  # noqa: E731
    monkeypatch.setattr(type(desk.subscriptions), "named", inside)
    monkeypatch.setattr("eventstore.cursors.counted.MOST_LOOKED_AT", 1)
    answer = preview(desk)
    assert "A batch that was handled in part is delivered whole." in text(answer)
    assert "No event that was acknowledged is delivered a second time" not in text(answer)
    assert "Of a batch that was handled in part" in text(desk.get(reverse("skip_new", args=[TOPIC, NAME]) + "?skip=all"))
    assert "A batch that was handled in part is redelivered whole." in text(desk.get(preview_url("earliest")))
    assert "banner-warning" in desk.get(undo(desk)["Location"]).content.decode()
