"""What is wrong with a subscription, on its page and on the overview."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test.utils import override_settings
from django.urls import reverse

from dashboard import gateway
from dashboard.subscriptions.backlog_cache import Line
from dashboard.subscriptions.diagnosis import DiagnosisText, diagnosis_of
from dashboard.views import overview
from eventstore.backlogs import NOT_KNOWN
from eventstore.config.loading import parse_config
from eventstore.model.events import Topic
from eventstore.model.subscriptions import SubscriptionType
from tests.unit.backlogs.test_stored import backlog
from tests.web.ageing import make_old
from tests.web.desk import NAME, TOPIC, Desk, attribute, opened_desk, text

ORDERED = parse_config('[topics]\nordered = ["patients"]\n', "ordered.toml")


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def page(name: str = NAME) -> str:
    return reverse("subscription", args=[TOPIC, name])


def test_a_stuck_subscription_says_the_evidence_the_causes_and_what_to_do(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe(handled=4)
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="worker-1") as consumer:
        consumer.receive(limit=3, timeout=5)
        make_old(hours=3)
        answer = desk.get(page())
        overview = desk.get("/")
    seen = text(answer)
    assert attribute(answer, "data-diagnosis") == ["stuck"]
    assert "Events wait, a consumer is connected, and the cursor does not move." in seen
    assert "The cursor has not moved since" in seen
    assert "6 events wait; the first was published" in seen
    assert "Connected: 1 consumer." in seen
    assert "Delivered and not acknowledged: 3 events." in seen
    assert "Likely causes" in seen and "What to do" in seen
    assert attribute(answer, "data-finding") == attribute(overview, "data-finding") == ["holds"]
    assert attribute(answer, "data-certainty") == ["possible"]


def test_without_a_consumer_that_is_the_state_and_no_event_is_blamed(desk: Desk) -> None:
    desk.publish(10)
    desk.subscribe(handled=4)
    make_old(hours=3)
    seen = text(desk.get(page()))
    assert "no consumers Events wait, and no consumer is connected. No event is to blame." in seen


def test_a_healthy_subscription_shows_no_diagnosis(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    assert attribute(desk.get(page()), "data-diagnosis") == []
    assert attribute(desk.get("/"), "data-attention") == ["none"]


def test_a_shared_subscription_of_a_topic_in_which_order_matters_is_a_mistake_wherever_it_is_shown(desk: Desk) -> None:
    with override_settings(EVENTDESK=ORDERED):
        gateway.close()  # the next use opens it with these settings
        try:
            desk.publish(4)
            desk.subscribe(handled=4)
            with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="worker-1"):
                answer, overview, table = desk.get(page()), desk.get("/"), desk.get("/subscriptions/")
        finally:
            gateway.close()
    assert (attribute(answer, "data-finding"), attribute(answer, "data-certainty")) == (["unordered"], ["certain"])
    assert "Shared although order matters ● certain" in text(answer)
    assert attribute(overview, "data-attention") == ["mistake"]
    assert "1 issue." in text(overview)
    assert '<span title="Shared although order matters">1 mistake</span>' in table.content.decode()


def test_an_exclusive_subscriptions_page_says_what_the_broker_does_not_show(desk: Desk) -> None:
    desk.publish(2)
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.EXCLUSIVE, consumer="only"):
        assert "A second consumer of an exclusive subscription is refused" in text(desk.get(page()))


def test_a_reset_that_was_made_here_is_no_mistake_of_a_member(desk: Desk) -> None:
    from tests.web.resetting import confirmed, post_url, preview_url

    desk.publish(6)
    desk.subscribe(handled=6)
    desk.get(page())
    desk.client().post(post_url(), confirmed(desk.get(preview_url("earliest"))))
    assert attribute(desk.get(page()), "data-setback") == ["reset"]
    assert attribute(desk.get(page()), "data-finding") == []
    assert attribute(desk.get("/"), "data-attention") == ["none"]


def test_a_cursor_that_jumped_back_otherwise_is_named(desk: Desk) -> None:
    from eventstore.model.log import Edge

    desk.publish(6)
    desk.subscribe(handled=6)
    desk.get(page())
    desk.subscriptions.reset_cursor(TOPIC, NAME, {0: Edge.EARLIEST})
    answer = desk.get(page())
    assert (attribute(answer, "data-finding"), attribute(answer, "data-certainty")) == (["moved back"], ["possible"])


def test_of_however_many_cursors_that_jumped_the_overview_reads_the_earlier_looks_of_a_few(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, read = backlog(), list[str]()
    jumped = replace(there, setbacks=[replace(setback, restarted=False) for setback in there.setbacks])
    named = [replace(jumped.subscription, name=f"s{number}") for number in range(30)]
    lines = [Line(topic=Topic(name=TOPIC), backlog=replace(jumped, subscription=one), pace=NOT_KNOWN) for one in named]

    def diagnosed(line: Line) -> DiagnosisText:
        read.append(line.subscription.name)
        return diagnosis_of(line)

    monkeypatch.setattr(overview, "diagnosis_of", diagnosed)
    overview._mistaken(lines)
    assert len(read) == overview.MOST_INSPECTED
