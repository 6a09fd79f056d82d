"""A cursor reset is previewed, counted, confirmed, done as previewed, and recorded with its reason."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, State
from eventstore.index.models import IndexedPartition
from eventstore.model.subscriptions import SubscriptionType
from tests.web.desk import NAME, TOPIC, Desk, attribute, text
from tests.web.resetting import confirmed, post_url, preview_url, reset, waiting


def test_a_preview_counts_what_comes_again_and_touches_nothing(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe(handled=6)
    answer = desk.get(preview_url("earliest"))
    assert answer.status_code == 200
    assert attribute(answer, "data-again") == ["6"]
    assert attribute(answer, "data-passed-over") == ["0"]
    assert "Reset mailer: 6 events redelivered" in text(answer)
    assert "preview: nothing has changed" in text(answer)
    assert waiting(desk) == 4
    assert not AuditEntry.objects.exists(), "looking is not an act"


def test_what_would_never_be_delivered_is_warned_of_and_on_the_button(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe(handled=6)
    answer = desk.get(preview_url("latest"))
    assert attribute(answer, "data-passed-over") == ["4"]
    assert "will never be delivered" in text(answer)
    assert "Reset mailer: 4 events never delivered" in text(answer)


def test_consumers_that_will_be_disconnected_are_named(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    assert "so none is disconnected" in text(desk.get(preview_url("earliest")))
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="worker-7"):
        assert "1 consumer will be disconnected, and must reconnect: worker-7" in text(desk.get(preview_url("earliest")))


def test_confirmed_it_moves_and_the_subscription_receives_again(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe(handled=10)
    answer = reset(desk, "earliest")
    assert answer.status_code == 302
    assert answer["Location"] == reverse("subscription", args=[TOPIC, NAME])
    landed = desk.get(answer["Location"])
    assert "mailer was reset to the first event: 10 events redelivered." in text(landed)
    assert attribute(landed, "data-backlog") == ["10"]
    assert len(desk.handle(10)) == 10
    assert attribute(desk.get(answer["Location"], fragment=True), "data-backlog") == ["0"]


def test_a_reset_that_skipped_events_is_not_told_in_green(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe(handled=6)
    lost = desk.get(reset(desk, "latest")["Location"]).content.decode()
    assert ("banner-success" in lost, "banner-warning" in lost, "4 events never delivered" in lost) == (False, True, True)
    kept = desk.get(reset(desk, "earliest")["Location"]).content.decode()
    assert ("banner-success" in kept, "banner-warning" in kept) == (True, False)


def test_the_record_says_who_what_from_where_to_where_and_why(desk: Desk) -> None:
    positions = desk.publish(10)
    desk.subscribe(handled=6)
    reset(desk, "earliest")
    (act,) = acts()
    assert (act.actor, act.via, act.action, act.state) == ("support", "page", "reset_cursor", State.DONE)
    assert act.details["reason"] == "SUP-8812: mails were lost"
    assert act.details["from"] == {"0": positions[5].label}
    assert act.details["to"] == {"0": "earliest"}
    assert (act.details["events_again"], act.details["events_passed_over"]) == (6, 0)


def test_the_subscriptions_page_leads_to_the_audit_entry(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe(handled=3)
    answer = reset(desk, "earliest")
    (act,) = acts()
    landed = desk.get(answer["Location"])
    assert f'href="{reverse("audit")}?act={act.act}"' in landed.content.decode()
    assert "SUP-8812: mails were lost" in text(landed)


def test_to_a_time_it_goes_to_the_first_event_published_since(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    answer = desk.get(preview_url("time", time="2020-01-01T00:00"))
    assert attribute(answer, "data-again") == ["4"]
    assert "events published since 1 Jan 2020, 00:00:00.000 UTC" in text(answer)
    assert attribute(answer, "datetime")[0] == "2020-01-01T00:00:00+00:00", "the reader's own zone is the browser's to write"
    landed = desk.get(desk.client().post(post_url(), confirmed(answer))["Location"])
    assert waiting(desk) == 4
    assert "mailer was reset to events published since 1 Jan 2020, 00:00:00.000 UTC: 4 events redelivered." in text(landed)
    assert attribute(landed, "datetime")[0] == "2020-01-01T00:00:00+00:00"


def test_a_time_with_an_offset_is_that_instant(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    answer = desk.get(preview_url("time", time="2024-05-01T14:00:00+05:30"))
    assert "since 1 May 2024, 08:30:00.000 UTC" in text(answer)


def test_to_one_event_by_its_position_or_by_its_id(desk: Desk) -> None:
    positions = desk.publish(8)
    desk.subscribe(handled=8)
    for given in (positions[5].encode(), "e-5"):
        answer = desk.get(preview_url("position", position=given))
        assert attribute(answer, "data-again") == ["3"]
        assert "Reset mailer to “Patient registered”" in text(answer)
        assert f"an event of patient 4711 at patients-0 {positions[5].label}" in text(answer)
    landed = desk.get(desk.client().post(post_url(), confirmed(answer))["Location"])
    assert f"reset to “Patient registered” of patient 4711 at patients-0 {positions[5].label}: 3 events" in text(landed)
    assert [position.token for position in desk.handle(1)] == [positions[5].token]


def test_one_event_moves_its_own_partition_alone_and_the_page_says_so(desk: Desk) -> None:
    positions = desk.publish(20, partitions=3, key="k{}")
    desk.subscribe(handled=20)
    answer = desk.get(preview_url("position", position=positions[0].encode()))
    assert "The other partitions do not move" in text(answer)


WRONG = [
    {"to": ""},
    {"to": "sideways"},
    {"to": "time"},
    {"to": "time", "time": "yesterday"},
    {"to": "time", "time": "0001-01-01T00:00:00+14:00"},
    {"to": "position"},
    {"to": "position", "position": "no-such-event"},
    {"to": "position", "position": "zzz@0@patients"},
    {"to": "position", "position": "11@7@patients"},
    {"to": "position", "position": "11@0@documents"},
    {"to": "position", "position": "\x00'; DROP TABLE"},
]


@pytest.mark.parametrize("given", WRONG)
def test_a_target_that_is_none_is_asked_for_again_in_words(desk: Desk, given: dict[str, str]) -> None:
    desk.publish(2)
    desk.publish(2, topic="documents", start=50)
    desk.subscribe()
    answer = desk.get(reverse("cursor_reset_new", args=[TOPIC, NAME]) + "?" + urlencode(given))
    assert answer.status_code in (400, 404)
    assert 'role="alert"' in answer.content.decode()
    posted = desk.client().post(post_url(), {**given, "digest": "x", "since": "0", "reason": "because"})
    assert posted.status_code in (400, 404)
    assert waiting(desk) == 2
    assert not AuditEntry.objects.exists()


def test_an_id_that_the_topic_holds_twice_is_not_guessed_at(desk: Desk) -> None:
    desk.publish(2)
    desk.publish(2, start=1)
    desk.subscribe()
    answer = desk.get(preview_url("position", position="e-1"))
    assert answer.status_code == 400
    assert "several events of this id" in text(answer)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_reason_of_some_words_nothing_is_moved_and_what_was_typed_stays(desk: Desk, reason: str) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    answer = desk.client().post(post_url(), confirmed(desk.get(preview_url("earliest")), reason=reason))
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.content.decode()
    assert waiting(desk) == 0
    if reason.strip():
        assert reason in answer.content.decode()


def limit(desk: Desk, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    from django.conf import settings
    from msgspec.structs import replace

    config = settings.EVENTDESK
    monkeypatch.setattr(settings, "EVENTDESK", replace(config, limits=replace(config.limits, typed_confirmation_above=count)))


@pytest.mark.parametrize("typed", ["", "mail", "Mailer", "mailer2"])
def test_above_the_limit_the_name_must_be_typed(desk: Desk, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    limit(desk, monkeypatch, 3)
    desk.publish(4)
    desk.subscribe(handled=4)
    preview = desk.get(preview_url("earliest"))
    assert "this affects more than 3 events" in text(preview)
    answer = desk.client().post(post_url(), confirmed(preview, typed=typed))
    assert answer.status_code == 422
    assert 'id="typed-error"' in answer.content.decode()
    assert waiting(desk) == 0
    assert desk.client().post(post_url(), confirmed(preview, typed="mailer")).status_code == 302
    assert waiting(desk) == 4


def test_at_the_limit_no_name_is_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(desk, monkeypatch, 4)
    desk.publish(4)
    desk.subscribe(handled=4)
    preview = desk.get(preview_url("earliest"))
    assert 'name="typed"' not in preview.content.decode()
    assert desk.client().post(post_url(), confirmed(preview)).status_code == 302


def test_where_nobody_can_count_it_says_so_and_asks_for_the_name(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    IndexedPartition.objects.using("index").all().delete()
    preview = desk.get(preview_url("earliest"))
    assert preview.status_code == 200
    assert "The index does not know this topic yet" in text(preview)
    assert 'name="typed"' in preview.content.decode()
    assert desk.client().post(post_url(), confirmed(preview)).status_code == 422
    assert desk.client().post(post_url(), confirmed(preview, typed="mailer")).status_code == 302
    assert waiting(desk) == 4


def test_an_index_that_is_behind_is_said_to_be_and_asks_for_the_name(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    IndexedPartition.objects.using("index").update(caught_up_at=None)
    preview = desk.get(preview_url("earliest"))
    assert "At least 4 events" in text(preview)
    assert 'name="typed"' in preview.content.decode()
