"""A reset that is not done: its preview is out of date, somebody else was faster, or the person may not."""

import json
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, State
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.people import person
from tests.web.desk import NAME, TOPIC, Desk, attribute, text
from tests.web.resetting import confirmed, post_url, preview_url, reset, waiting


def test_new_events_and_progress_do_not_make_a_preview_stale(desk: Desk) -> None:
    desk.publish(6)
    desk.subscribe(handled=2)
    preview = desk.get(preview_url("earliest"))
    desk.handle(2)
    desk.publish(3, start=6)
    assert desk.client().post(post_url(), confirmed(preview)).status_code == 302
    assert waiting(desk) == 9


def test_a_preview_of_another_place_confirms_nothing(desk: Desk) -> None:
    positions = desk.publish(6)
    desk.subscribe(handled=6)
    preview = confirmed(desk.get(preview_url("position", position=positions[5].encode())))
    answer = desk.client().post(post_url(), {**preview, "to": "earliest"})
    assert answer.status_code == 409
    assert "has changed since you looked" in text(answer)
    assert attribute(answer, "data-again") == ["6"], "the new preview is shown"
    assert "SUP-8812: mails were lost" in answer.content.decode(), "the reason need not be typed again"
    assert waiting(desk) == 0


def test_a_preview_of_another_type_of_subscription_confirms_nothing(desk: Desk) -> None:
    desk.publish(6)
    desk.subscribe(handled=6)
    preview = confirmed(desk.get(preview_url("earliest")))
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.EXCLUSIVE, consumer="c"):
        answer = desk.client().post(post_url(), preview)
    assert answer.status_code == 409
    assert waiting(desk) == 0


def test_the_new_preview_can_be_confirmed(desk: Desk) -> None:
    desk.publish(6)
    desk.subscribe(handled=6)
    stale = {**confirmed(desk.get(preview_url("latest"))), "to": "earliest"}
    again = desk.client().post(post_url(), stale)
    assert desk.client().post(post_url(), confirmed(again)).status_code == 302
    assert waiting(desk) == 6


def test_a_button_that_is_pressed_twice_resets_once(desk: Desk) -> None:
    desk.publish(6)
    desk.subscribe(handled=6)
    form = confirmed(desk.get(preview_url("earliest")))
    assert desk.client().post(post_url(), form).status_code == 302
    desk.handle(4)
    assert desk.client().post(post_url(), form).status_code == 302
    assert waiting(desk) == 2, "what was received again is not received a third time"
    assert len(acts()) == 1


def test_what_somebody_else_has_reset_meanwhile_is_not_reset_over(desk: Desk) -> None:
    desk.publish(6)
    desk.subscribe(handled=6)
    form = confirmed(desk.get(preview_url("earliest")))
    reset(desk, "earliest", role="approver")
    desk.handle(4)
    answer = desk.client().post(post_url(), form)
    assert answer.status_code == 409
    assert "approver has reset this subscription meanwhile" in text(answer)
    assert waiting(desk) == 2
    assert desk.client().post(post_url(), confirmed(answer)).status_code == 302
    assert waiting(desk) == 6


@pytest.mark.parametrize("role", ["viewer", ""])
def test_who_may_not_gets_neither_preview_nor_reset(desk: Desk, role: str) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    form = confirmed(desk.get(preview_url("earliest")))
    assert desk.get(preview_url("earliest"), role).status_code == 403
    assert desk.client(role).post(post_url(), form).status_code == 403
    assert waiting(desk) == 0
    assert set(AuditEntry.objects.values_list("action", "state")) == {("refused", State.FAILED)}


def test_nobody_in_particular_is_sent_to_the_login(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    for answer in (Client().get(preview_url("earliest")), Client().post(post_url(), {})):
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("login"))


def test_without_the_forms_token_nothing_is_moved(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    form = confirmed(desk.get(preview_url("earliest")))
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(person("support"))
    assert careful.post(post_url(), form).status_code == 403
    assert waiting(desk) == 0


def test_a_reset_is_no_link(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    form = confirmed(desk.get(preview_url("earliest")))
    assert desk.client().get(post_url() + "?" + urlencode(form)).status_code == 405
    assert desk.client().post(preview_url("earliest"), form).status_code == 405
    assert waiting(desk) == 0


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a/b", "%2F", "..%2F..", "~", "two words", "\U0001f9be"])
def test_hostile_names_are_previewed_reset_and_recorded_as_they_are(desk: Desk, name: str) -> None:
    desk.publish(3)
    desk.subscribe(name, handled=3)
    preview = desk.get(preview_url("earliest", name=name))
    assert "<script>alert" not in preview.content.decode()
    assert desk.client().post(post_url(name), confirmed(preview)).status_code == 302
    assert desk.subscriptions.named(TOPIC, name).backlog == 3
    (act,) = acts()
    assert act.details["subscription"] == name


def test_a_hostile_reason_is_text_in_the_record_and_on_the_page(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe(handled=3)
    reason = '<img src=x onerror="alert(1)"> \u202e'
    form = confirmed(desk.get(preview_url("earliest")), reason=reason)
    answer = desk.client().post(post_url(), form)
    assert json.loads(AuditEntry.objects.order_by("number")[0].details)["reason"] == reason.strip()
    assert "<img src=x" not in desk.get(answer["Location"]).content.decode()
    assert "<img src=x" not in desk.get(reverse("audit")).content.decode()


def test_a_subscription_that_starts_at_the_latest_edge_has_nothing_to_come_again(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe(start=Edge.LATEST)
    answer = desk.get(preview_url("latest"))
    assert attribute(answer, "data-again") == ["0"]
    assert "No event will be redelivered" in text(answer)
