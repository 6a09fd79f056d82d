"""The backlog of every subscription, and one subscription: where support people look first if an event does not arrive."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from eventstore.index.models import IndexedPartition
from eventstore.model.subscriptions import Consumer, SubscriptionType
from tests.indexing import publish_everything_at
from tests.web.ageing import make_old
from tests.web.desk import NAME, TOPIC, Desk, attribute, opened_desk, text

LIST = "/subscriptions/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def url(topic: str = TOPIC, name: str = NAME) -> str:
    return reverse("subscription", args=[topic, name])


def connected(desk: Desk) -> Consumer:
    """A consumer that is there and has been given nothing. To be closed."""
    return desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="worker-1")


def test_without_any_subscription_the_list_says_so(desk: Desk) -> None:
    answer = desk.get(LIST)
    assert answer.status_code == 200
    assert "No subscription yet" in text(answer)


def test_an_empty_list_is_loaded_again_as_soon_as_a_subscription_is_there(desk: Desk) -> None:
    desk.publish(1)
    assert desk.refreshed_empty(LIST).status_code == 204
    desk.subscribe("app", handled=0)
    assert desk.refreshed_empty(LIST)["HX-Refresh"] == "true"


def test_the_list_shows_each_with_its_waiting_events(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe("app", handled=10)
    desk.subscribe("mailer", handled=0)
    answer = desk.get(LIST)
    assert attribute(answer, "data-subscription") == ["mailer", "app"], "the worst first"
    assert attribute(answer, "data-backlog") == ["10", "0"]
    assert attribute(answer, "data-topic") == [TOPIC, TOPIC]
    assert "healthy" in text(answer)


def test_a_row_leads_to_the_subscription(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    assert f'href="{url()}"' in desk.get(LIST).content.decode()


def test_the_list_is_filtered_by_topic(desk: Desk) -> None:
    desk.publish(1)
    desk.publish(1, topic="documents")
    desk.subscribe("mailer")
    desk.subscribe("search", topic="documents")
    assert attribute(desk.get(f"{LIST}?topic=documents"), "data-subscription") == ["search"]
    assert "No subscription on this topic" in text(desk.get(f"{LIST}?topic=nowhere"))


def test_one_that_stands_still_is_called_stuck_and_one_that_moved_just_now_is_not(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe(handled=1)
    assert attribute(desk.get(LIST), "data-state") == ["no consumers"]
    with connected(desk):
        assert attribute(desk.get(LIST), "data-state") == ["catching up"]
        make_old()
        assert attribute(desk.get(LIST), "data-state") == ["stuck"]


def test_one_that_was_made_just_now_of_old_events_is_not_called_stuck(desk: Desk) -> None:
    from eventstore.drivers.database.models import MessageRow

    desk.publish(3)
    then = datetime.now(UTC) - timedelta(hours=1)
    publish_everything_at(then)
    MessageRow.objects.using("store").update(published=then)
    desk.subscribe()
    for page in (LIST, url(), "/"):
        with connected(desk):
            answer = desk.get(page)
        assert set(attribute(answer, "data-state")) == {"catching up"}, page
        assert "stuck" not in attribute(answer, "data-attention"), page


def test_beside_stuck_stands_when_it_last_moved_there_and_not_where_other_partitions_move(desk: Desk) -> None:
    from eventstore.drivers.database.models import CursorRow

    desk.publish(20, partitions=2, key="k{}")
    desk.subscribe(handled=20)
    make_old()
    zero = CursorRow.objects.using("store").filter(partition__number=0)
    CursorRow.objects.using("store").filter(partition__number=1).update(acknowledged=0, holes="[]")
    zero.update(moved=datetime.now(UTC))
    for page in (LIST, "/"):
        seen = text(desk.get(page))
        assert "1 hour ago" in seen and "just now" not in seen, page


def test_a_subscription_of_a_derived_topic_is_marked(desk: Desk) -> None:
    desk.publish(1, topic="patients-DLQ")
    desk.subscribe("mailer", topic="patients-DLQ")
    assert "dead-letter" in text(desk.get(LIST))


def test_a_phantom_is_explained_and_no_alarm(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe("liiklus-end-offsets-reader")
    make_old()
    answer = desk.get(LIST)
    assert attribute(answer, "data-state") == ["phantom"]
    assert "never acknowledged" in text(answer)
    assert "phantom No event was ever acknowledged" in text(desk.get(url(name="liiklus-end-offsets-reader")))


def test_htmx_gets_the_rows_alone(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    answer = desk.get(LIST, fragment=True)
    assert answer.content.decode().lstrip().startswith("<tbody")
    assert "<html" not in answer.content.decode()
    assert attribute(answer, "data-backlog") == ["2"]


def test_the_refresh_keeps_the_filter(desk: Desk) -> None:
    desk.publish(1, topic="documents")
    desk.subscribe(topic="documents")
    assert attribute(desk.get(f"{LIST}?topic=documents"), "hx-get") == ["/subscriptions/?topic=documents"]


def test_one_subscription_says_where_it_stands_and_what_it_receives_next(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe(handled=2)
    answer = desk.get(url())
    assert answer.status_code == 200
    assert attribute(answer, "data-event-id") == ["e-2", "e-3", "e-4"]
    assert attribute(answer, "data-backlog") == ["3"]
    assert "Events are dealt out to all consumers" in text(answer)


def test_what_it_receives_next_is_bounded(desk: Desk) -> None:
    desk.publish(40)
    desk.subscribe()
    answer = desk.get(url())
    assert attribute(answer, "data-event-id") == [f"e-{number}" for number in range(10)]
    assert "The first 10 of 40 events" in text(answer)


def test_events_acknowledged_beyond_the_cursor_are_not_received_next(desk: Desk) -> None:
    positions = desk.publish(6)
    desk.subscribe()
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="c") as consumer:
        consumer.receive(limit=6, timeout=5)
        for number in (1, 2, 4):
            consumer.acknowledge(positions[number])
    assert attribute(desk.get(url()), "data-event-id") == ["e-0", "e-3", "e-5"]


def test_where_nothing_waits_it_says_so(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe(handled=2)
    assert "everything published so far is acknowledged" in text(desk.get(url()))


def test_connected_consumers_are_listed_and_their_absence_is_said(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    assert "No consumer is connected" in text(desk.get(url()))
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="worker-7"):
        assert "worker-7" in text(desk.get(url()))


def test_where_the_index_knows_nothing_what_waits_is_said_to_be_unknown_to_it(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    IndexedPartition.objects.using("index").all().delete()
    answer = desk.get(url())
    assert answer.status_code == 200
    assert "The index does not know them yet" in text(answer)


def test_the_figures_refresh_alone_and_fall_while_consumers_run(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe()
    assert attribute(desk.get(url(), fragment=True), "data-backlog") == ["5"]
    desk.handle(2)
    answer = desk.get(url(), fragment=True)
    assert attribute(answer, "data-backlog") == ["3"]
    assert answer.content.decode().lstrip().startswith("<section")


def test_only_who_may_sees_the_reset_and_others_read_who_could(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    for role in ("support", "approver", "admin"):
        assert "Preview…" in text(desk.get(url(), role))
    seen = text(desk.get(url(), "viewer"))
    assert "Preview…" not in seen
    assert "requires the role support, approver or admin" in seen


def test_a_viewer_sees_no_value_of_an_event(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe()
    assert "Mustermann" not in desk.get(url(), "viewer").content.decode()


def test_a_subscription_or_topic_that_is_not_there_is_a_page_that_says_so(desk: Desk) -> None:
    desk.publish(1)
    for missing in (url(name="nobody"), url(topic="nowhere")):
        answer = desk.get(missing)
        assert answer.status_code == 404
        assert "No such" in text(answer)


HOSTILE = ["<script>alert(1)</script>", "a/b", "%2F", "..%2F..", "~", "with space", "\U0001f9be", '"><img src=x>']


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_and_their_pages_open(desk: Desk, name: str) -> None:
    desk.publish(2)
    desk.subscribe(name)
    for answer in (desk.get(LIST), desk.get(url(name=name))):
        assert answer.status_code == 200
        assert name in attribute(answer, "data-subscription")
        assert "<script>alert" not in answer.content.decode()


@pytest.mark.parametrize("role", ["viewer", "support"])
def test_a_page_writes_nothing(desk: Desk, role: str) -> None:
    desk.publish(2)
    desk.subscribe(handled=1)
    before = desk.subscriptions.named(TOPIC, NAME)
    desk.get(LIST, role)
    desk.get(url(), role)
    assert desk.subscriptions.named(TOPIC, NAME) == before
    assert desk.client(role).post(url()).status_code == 405
