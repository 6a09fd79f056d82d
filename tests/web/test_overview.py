"""The first page: what needs attention, worst first, or that nothing does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.subscriptions import backlog_cache
from dashboard.web import store_health
from eventstore.index.indexer import leases
from eventstore.index.models import IndexedPartition
from eventstore.model.events import NewMessage
from eventstore.model.subscriptions import Consumer, SubscriptionType
from tests.web.ageing import make_old
from tests.web.desk import NAME, TOPIC, Desk, attribute, opened_desk, text


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def figure(desk_page: str, name: str) -> str:
    from re import search

    found = search(rf'data-figure="{name}">([^<]*)<', desk_page)
    assert found, name
    return found[1]


def test_a_new_installation_says_what_to_start_and_has_no_figures_made_up(desk: Desk) -> None:
    answer = desk.get("/")
    assert answer.status_code == 200
    assert "Connected to embedded store on SQLite" in text(answer)
    assert "No subscription yet" in text(answer)
    assert figure(answer.content.decode(), "indexed") == "0"


def test_where_nothing_needs_attention_it_is_calm(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe(handled=5)
    answer = desk.get("/")
    assert attribute(answer, "data-attention") == ["none"]
    assert "All clear." in text(answer)
    assert "1 of 1 subscription is healthy" in text(answer)


def connected(desk: Desk) -> Consumer:
    return desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="one")


def test_a_stuck_subscription_is_named_with_how_long_how_many_and_behind_what(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe(handled=4)
    with connected(desk):
        make_old(hours=3)
        answer = desk.get("/")
    assert attribute(answer, "data-attention") == ["stuck"]
    seen = text(answer)
    assert "mailer has not moved for 3 hours 6 events of patients wait behind Patient registered of patient 4711" in seen
    assert 'subscriptions/mailer/#holder">See what’s blocking it<' in answer.content.decode()
    body = answer.content.decode()
    assert 'href="/events/e-4/?at=' in body
    assert 'href="/aggregates/patient/4711/"' in body


def test_where_nobody_is_connected_no_event_is_said_to_hold_it(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe(handled=4)
    make_old(hours=3)
    overview, page = desk.get("/"), desk.get("/topics/patients/subscriptions/mailer/")
    assert attribute(overview, "data-attention") == ["stuck"]
    assert "mailer has not moved for 3 hours: no consumer is connected 6 events of patients wait View subscription" in text(
        overview
    )
    assert "#holder" not in overview.content.decode()
    assert "No event is blocking it No consumer is connected." in text(page)
    for answer in (overview, page):
        for claim in ("wait behind", "what’s blocking", "What is blocking", "is blocked", "that blocks"):
            assert claim not in text(answer)


def test_a_subscription_that_stands_at_an_unreadable_message_says_so(desk: Desk) -> None:
    desk.log.create_topic("patients")
    desk.log.append("patients", [NewMessage(payload=b"\xff", key="k")])
    desk.index()
    desk.subscribe()
    with connected(desk):
        make_old(hours=3)
        answer = desk.get("/")
    assert attribute(answer, "data-attention") == ["stuck", "anomalies"]
    assert attribute(answer, "data-anomaly") == ["unreadable"]
    assert "1 event of patients waits behind an unrecognised message" in text(answer)
    assert "1 message in an unrecognised format" in text(answer)


def test_very_many_unreadable_messages_are_all_counted(desk: Desk) -> None:
    desk.log.create_topic("patients")
    desk.log.append("patients", [NewMessage(payload=b"\xff", key="k")] * 1001)
    desk.index()
    assert "1,001 messages in an unrecognised format" in text(desk.get("/"))


def test_subscriptions_come_stuck_first_then_by_what_waits(desk: Desk) -> None:
    desk.publish(30)
    desk.subscribe("a-healthy", handled=30)
    desk.subscribe("b-some", handled=17)
    desk.subscribe("c-most", handled=1)
    desk.publish(3, topic="documents", start=50)
    make_old(hours=3)
    from eventstore.drivers.database.models import CursorRow

    CursorRow.objects.using("store").filter(subscription__name__startswith="b-").update(moved=datetime.now(UTC))
    CursorRow.objects.using("store").filter(subscription__name__startswith="a-").update(moved=datetime.now(UTC))
    rows = attribute(desk.get("/"), "data-subscription")
    assert rows == ["c-most", "c-most", "b-some", "a-healthy"], "once as what needs attention, then in the table"


def test_the_figures_say_what_waits_in_all_but_phantoms(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe("mailer", handled=4)
    desk.subscribe("search", handled=9)
    desk.subscribe("liiklus-end-offsets-reader")
    body = desk.get("/").content.decode()
    assert figure(body, "indexed") == "10"
    assert figure(body, "waiting") == "7"


def test_dead_letters_are_counted_topic_by_topic_without_asking_the_store(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(2)
    desk.publish(4, topic="patients-mailer-DLQ", start=10)
    desk.publish(1, topic="orders-DLQ", start=20)
    desk.log.create_topic("empty-DLQ")
    desk.index()
    answer = desk.get("/")
    assert attribute(answer, "data-attention") == ["dead-letters"]
    assert ">View dead letters<" in answer.content.decode()
    assert attribute(answer, "data-events") == ["4", "1"]
    seen = text(answer)
    assert "1 issue." in seen
    assert "4 events in patients-mailer-DLQ 1 event in orders-DLQ All-time count" in seen
    assert "including any already dealt with" in seen
    assert 'href="/topics/patients-mailer-DLQ/"' in answer.content.decode()
    away = store_health.StoreHealth(reachable=False, words="The broker does not answer.", as_of=datetime.now(UTC))
    monkeypatch.setattr(store_health, "current_store_health", lambda: away)
    assert attribute(desk.get("/"), "data-events") == ["4", "1"]
    IndexedPartition.objects.using("index").filter(topic="orders-DLQ").update(gone_at=datetime.now(UTC))
    assert attribute(desk.get("/"), "data-events") == ["4"]


def test_many_dead_letter_topics_are_listed_bounded_with_most_first(desk: Desk) -> None:
    for number in range(1, 8):
        desk.publish(number, topic=f"t{number}-DLQ", start=100 * number)
    answer = desk.get("/")
    assert attribute(answer, "data-events") == ["7", "6", "5", "4", "3"]
    assert "and 2 more dead-letter topics" in text(answer)


def test_an_index_that_has_fallen_behind_is_worth_a_line(desk: Desk) -> None:
    desk.publish(1)
    ten_minutes_ago = datetime.now(UTC) - timedelta(minutes=10)
    IndexedPartition.objects.using("index").update(caught_up_at=ten_minutes_ago, behind=0)
    answer = desk.get("/")
    assert attribute(answer, "data-attention") == ["index"]
    assert "The index is 10 minutes behind, and no indexer runs." in text(answer)
    leases.heartbeat("one", wants_more=False)
    assert "The index is 10 minutes behind.Lists of" in text(desk.get("/"))
    IndexedPartition.objects.using("index").update(caught_up_at=None)
    assert "still catching up for the first time" in text(desk.get("/"))


def test_many_stuck_subscriptions_are_listed_bounded(desk: Desk) -> None:
    desk.publish(1)
    for number in range(25):
        desk.subscribe(f"s{number:02}")
    make_old(hours=3)
    answer = desk.get("/")
    assert attribute(answer, "data-attention") == ["stuck"] * 20
    assert "5 more subscriptions are stuck" in text(answer)


def test_one_more_is_said_in_the_singular(desk: Desk) -> None:
    desk.publish(1)
    for number in range(21):
        desk.subscribe(f"s{number:02}")
    make_old(hours=3)
    assert "1 more subscription is stuck" in text(desk.get("/"))


def test_htmx_gets_what_changes_alone_again_and_again(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe(handled=2)
    answer = desk.get("/", fragment=True)
    assert "<html" not in answer.content.decode()
    assert attribute(answer, "hx-get") == ["/"]
    assert figure(answer.content.decode(), "waiting") == "3"
    desk.handle(2)
    assert figure(desk.get("/", fragment=True).content.decode(), "waiting") == "1"


def test_lines_keep_their_places_while_a_few_events_come_and_go(desk: Desk) -> None:
    desk.publish(30)
    desk.subscribe("far-behind")
    desk.subscribe("a", handled=29)
    desk.subscribe("b", handled=27)
    before = attribute(desk.get("/"), "data-subscription")
    desk.handle(3, name="b")
    assert attribute(desk.get("/"), "data-subscription") == before == ["far-behind", "a", "b"]


def test_of_several_partitions_the_one_that_stands_still_is_named_with_what_it_stands_at(desk: Desk) -> None:
    desk.publish(20, partitions=2, key="k{}")
    desk.subscribe(handled=20)
    make_old(hours=3)
    from eventstore.drivers.database.models import CursorRow

    CursorRow.objects.using("store").filter(partition__number=1).update(acknowledged=0, holes="[]")
    answer = desk.get("/")
    assert "mailer: partition 1 has not moved for 3 hours" in text(answer)
    subscription = desk.get("/topics/patients/subscriptions/mailer/")
    assert "Has not moved for3 hourspartition 1, since" in text(subscription).replace("> ", ">")


def test_a_story_line_says_what_holds_it_and_a_viewer_sees_no_value_in_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings
    from msgspec.structs import replace

    from eventstore.config.stories import story_parts

    stories = {"health.PatientRegistered": story_parts("Registered as {data.name}")}
    monkeypatch.setattr(settings, "EVENTDESK", replace(settings.EVENTDESK, stories=stories))
    desk.publish(3)
    desk.subscribe()
    with connected(desk):
        make_old(hours=3)
        assert "3 events of patients wait behind Registered as Erika Mustermann of patient 4711" in text(desk.get("/"))
        seen = desk.get("/", "viewer").content.decode()
    assert "wait behind" in " ".join(seen.split())
    assert "Mustermann" not in seen


def test_every_role_sees_it_and_who_has_none_does_not(desk: Desk) -> None:
    desk.publish(1)
    for role in ("viewer", "support", "approver", "admin"):
        assert desk.get("/", role).status_code == 200
    assert desk.get("/", "").status_code == 403


def test_a_viewer_sees_no_value_of_an_event(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe()
    make_old(hours=3)
    assert "Mustermann" not in desk.get("/", "viewer").content.decode()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a/b", "%2F", "~", '"><img src=x>', "\U0001f9be"])
def test_hostile_names_are_text(desk: Desk, name: str) -> None:
    desk.publish(2, key=name)
    desk.subscribe(name)
    make_old(hours=3)
    body = desk.get("/").content.decode()
    assert "<script>alert" not in body
    assert "<img src=x" not in body


def test_many_viewers_at_once_cost_the_store_one_question(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    backlog_cache.forget()
    first = backlog_cache.gathered()
    assert all(backlog_cache.gathered() is first for _ in range(10))
    backlog_cache.forget()
    assert backlog_cache.gathered() is not first


def test_what_was_last_known_outlives_the_stores_absence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(3)
    desk.subscribe(handled=1)
    assert desk.get("/subscriptions/").status_code == 200
    away = store_health.StoreHealth(reachable=False, words="The broker does not answer.", as_of=datetime.now(UTC))
    monkeypatch.setattr(store_health, "current_store_health", lambda: away)
    monkeypatch.setattr(backlog_cache, "FRESH", timedelta(0))
    answer = desk.client().get("/subscriptions/")
    assert answer.status_code == 200
    assert b"data-store-away" in answer.content
    assert b'data-backlog="2"' in answer.content
