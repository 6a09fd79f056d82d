"""Events are skipped as previewed: listed, confirmed with a reason, done, recorded by their ids, and never told in green."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from dashboard import gateway
from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, State
from eventstore.config.loading import parse_config
from tests.web.desk import NAME, TOPIC, Answer, Desk, attribute, text
from tests.web.resetting import confirmed, waiting


def preview_url(skip: str, name: str = NAME, **more: str) -> str:
    return reverse("skip_new", args=[TOPIC, name]) + "?" + urlencode({"skip": skip, **more})


def post(desk: Desk, preview: Answer, role: str = "support", **more: str) -> Any:
    return desk.client(role).post(reverse("skips", args=[TOPIC, NAME]), confirmed(preview, **more))


def test_a_preview_lists_what_will_never_be_delivered_and_touches_nothing(desk: Desk) -> None:
    positions = desk.publish(6)
    desk.subscribe(handled=2)
    answer = desk.get(preview_url("before", before="e-4"))
    assert answer.status_code == 200
    seen = text(answer)
    assert "Continue mailer from “Patient registered”" in seen
    assert attribute(answer, "data-passed-over") == ["2"]
    assert attribute(answer, "data-event-id") == ["e-2", "e-3"]
    assert "2 events that wait now will never be delivered to this subscription: of 1 aggregate" in seen
    assert "Skip 2 events for mailer, for good" in seen
    assert waiting(desk) == 4
    assert not AuditEntry.objects.exists(), "looking is not an act"
    assert positions


@pytest.mark.parametrize(
    ("skip", "more", "left", "words"),
    [
        ("event", {"position": "e-2"}, ["e-3", "e-4", "e-5"], "mailer skipped “Patient registered”"),
        ("event", {"position": "e-4"}, ["e-2", "e-3", "e-5"], "mailer skipped “Patient registered”"),
        ("before", {"before": "e-4"}, ["e-4", "e-5"], "mailer continues from “Patient registered”"),
        ("count", {"count": "3"}, ["e-5"], "mailer skipped the next 3 events: 3 events never delivered."),
        ("all", {}, [], "The backlog of mailer was cleared: 4 events never delivered."),
    ],
)
def test_confirmed_it_skips_what_was_listed_and_says_so_in_no_green(
    desk: Desk, skip: str, more: dict[str, str], left: list[str], words: str
) -> None:
    desk.publish(6)
    desk.subscribe(handled=2)
    answer = post(desk, desk.get(preview_url(skip, **more)))
    assert answer.status_code == 302
    landed = desk.get(answer["Location"])
    page = landed.content.decode()
    assert words in text(landed)
    assert ("banner-success" in page, "banner-warning" in page) == (False, True)
    waits = desk.get(reverse("waiting_events", args=[TOPIC, NAME]))
    assert attribute(waits, "data-event-id") == left
    (act,) = acts()
    assert act.state == State.DONE
    assert act.details["reason"] == "SUP-8812: mails were lost"
    skipped = [f"e-{number}" for number in range(2, 6) if f"e-{number}" not in left]
    assert [name["event"] for name in act.details["never_delivered"]] == skipped
    assert f"patient 4711: {skipped[0]}" in text(desk.get(reverse("audit")))


def test_what_was_skipped_is_told_on_the_events_page(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe()
    post(desk, desk.get(preview_url("event", position="e-2")))
    states = {number: attribute(desk.get(f"/events/e-{number}/"), "data-delivery") for number in range(4)}
    assert states == {0: ["pending"], 1: ["pending"], 2: ["passed over"], 3: ["pending"]}


def test_before_a_time_and_with_new_events_only_what_was_previewed_is_skipped(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe()
    preview = desk.get(preview_url("all"))
    desk.publish(2, start=4)
    assert post(desk, preview).status_code == 302
    assert waiting(desk) == 2
    early = desk.get(preview_url("expired", time="2020-01-01T00:00"))
    assert early.status_code == 400
    assert "there is nothing to skip" in text(early)
    late = desk.get(preview_url("expired", time="2999-01-01T00:00"))
    assert "That time has not come yet" in text(late)


def test_all_events_are_on_a_page_of_their_own_in_pages(desk: Desk) -> None:
    desk.publish(70)
    desk.subscribe()
    preview = desk.get(preview_url("all"))
    assert len(attribute(preview, "data-event-id")) == 20
    assert "The first 20 of 70 events" in text(preview)
    [address] = [url for url in attribute(preview, "href") if "/skips/events/" in url]
    first = desk.get(address)
    assert (len(attribute(first, "data-event-id")), "70 waiting events" in text(first)) == (50, True)
    [newer] = [url for url in attribute(first, "href") if "page=" in url]
    second = desk.get(address.partition("?")[0] + newer)
    assert attribute(second, "data-event-id") == [f"e-{number}" for number in range(50, 70)]


def test_an_id_on_the_subscriptions_page_leads_to_both_previews(desk: Desk) -> None:
    positions = desk.publish(3)
    desk.subscribe(handled=1)
    page = desk.get(reverse("subscription", args=[TOPIC, NAME])).content.decode()
    at = urlencode({"position": positions[1].encode()})
    assert f"/skips/new/?skip=event&amp;{at}" in page
    assert f"/skips/new/?skip=before&amp;{at.replace('position', 'before')}" in page
    viewed = desk.get(reverse("subscription", args=[TOPIC, NAME]), "viewer").content.decode()
    assert "/skips/new/" not in viewed


def test_on_an_events_page_each_subscription_is_moved_to_it_forward_or_back(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe(handled=1)
    handled, waits = (desk.get(f"/events/e-{number}/").content.decode() for number in (0, 2))
    assert ("/cursor-resets/new/?to=position" in handled, "/skips/new/" in handled) == (True, False)
    assert ("skip=before" in waits, "skip=event" in waits) == (True, True)


def test_a_second_click_and_a_replayed_post_change_nothing(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe()
    preview = desk.get(preview_url("event", position="e-0"))
    assert post(desk, preview).status_code == 302
    assert post(desk, preview).status_code == 302, "the button was pressed twice"
    assert waiting(desk) == 3
    replayed = post(desk, preview, role="approver")
    assert (replayed.status_code, "acknowledged already" in text(replayed)) == (400, True)
    assert len(acts()) == 1


def test_a_stale_preview_changes_nothing_and_says_why(desk: Desk) -> None:
    desk.publish(6)
    desk.subscribe()
    preview = desk.get(preview_url("count", count="2"))
    desk.handle(1)
    answer = post(desk, preview)
    assert (answer.status_code, "has changed since you looked" in text(answer)) == (409, True)
    assert attribute(answer, "data-event-id") == ["e-1", "e-2"], "the new preview is shown"
    mine = desk.get(preview_url("event", position="e-4"))
    post(desk, desk.get(preview_url("event", position="e-5"), "approver"), role="approver")
    answer = post(desk, mine)
    assert (answer.status_code, "approver has moved the cursor of this subscription meanwhile" in text(answer)) == (409, True)
    assert waiting(desk) == 4


@pytest.mark.parametrize("role", ["viewer", ""])
def test_who_may_not_skip_gets_neither_preview_nor_list_nor_skip(desk: Desk, role: str) -> None:
    desk.publish(3)
    desk.subscribe()
    form = confirmed(desk.get(preview_url("all")))
    client = desk.client(role) if role else Client()
    for answer in (
        client.get(preview_url("all")),
        client.get(reverse("skip_events", args=[TOPIC, NAME]) + "?skip=all"),
        client.post(reverse("skips", args=[TOPIC, NAME]), form),
    ):
        assert answer.status_code == (403 if role else 302)
    assert waiting(desk) == 3


WRONG = [
    {"skip": ""},
    {"skip": "sideways"},
    {"skip": "event"},
    {"skip": "event", "position": "no-such-event"},
    {"skip": "before", "before": "zzz@0@patients"},
    {"skip": "count"},
    {"skip": "count", "count": "0"},
    {"skip": "count", "count": "-1"},
    {"skip": "count", "count": "1e3"},
    {"skip": "count", "count": "99999999999999999999"},
    {"skip": "count", "count": "1", "partition": "7"},
    {"skip": "expired"},
    {"skip": "expired", "time": "yesterday"},
    {"skip": "all", "ends": "0"},
    {"skip": "all", "ends": "x:11"},
    {"skip": "all", "ends": "0:zzz"},
    {"skip": "all", "ends": "7:11"},
    {"skip": "event", "position": "\x00"},
]


def test_what_is_no_skip_is_asked_for_again_in_words(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    for given in WRONG:
        answer = desk.get(reverse("skip_new", args=[TOPIC, NAME]) + "?" + urlencode(given))
        assert answer.status_code in (400, 404), given
        assert 'role="alert"' in answer.content.decode()
        posted = desk.client().post(
            reverse("skips", args=[TOPIC, NAME]), {**given, "digest": "x", "since": "0", "reason": "because"}
        )
        assert posted.status_code in (400, 404), given
    assert waiting(desk) == 2
    assert not AuditEntry.objects.exists()


def test_a_subscription_whose_consumers_keep_their_positions_elsewhere_is_not_moved_and_the_page_says_why(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    declared = parse_config(f'[[subscription]]\nname = "{NAME}"\npositions = "external"', "external.toml")
    form = confirmed(desk.get(preview_url("all")))
    with override_settings(EVENTDESK=declared):
        gateway.close()  # the next use opens it with these settings
        for url in (preview_url("all"), reverse("cursor_reset_new", args=[TOPIC, NAME]) + "?to=earliest"):
            answer = desk.get(url)
            assert (answer.status_code, "keep their positions elsewhere" in text(answer)) == (409, True)
        assert desk.client().post(reverse("skips", args=[TOPIC, NAME]), form).status_code == 409
        page = text(desk.get(reverse("subscription", args=[TOPIC, NAME])))
        assert "This cursor cannot be moved" in page
        assert waiting(desk) == 2
        gateway.close()
