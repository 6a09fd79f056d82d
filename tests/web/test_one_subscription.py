"""One subscription: what blocks it, who waits behind its cursor, how far each partition is, and its letters."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from eventstore.config.loading import parse_config
from eventstore.config.subscriptions import DeclaredSubscription
from eventstore.config.topic_kinds import BY_NAME
from eventstore.model.events import NewMessage, Topic
from eventstore.model.subscriptions import SubscriptionType
from eventstore.subscriptions.letters import By, letter_topics
from tests.web.ageing import make_old
from tests.web.desk import NAME, TOPIC, Desk, attribute, event, opened_desk, text

SECRET = "Morgenrain"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def url(topic: str = TOPIC, name: str = NAME) -> str:
    return reverse("subscription", args=[topic, name])


def waiting_url(topic: str = TOPIC, name: str = NAME) -> str:
    return reverse("waiting_events", args=[topic, name])


def publish(desk: Desk, payloads: list[Any], *, start: int = 0, topic: str = TOPIC) -> None:
    """Each payload in an event of the same type, of patient 4711."""
    desk.log.create_topic(topic)
    messages = []
    for number, payload in enumerate(payloads, start):
        usual = event(number)
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        messages.append(NewMessage(payload=data, key=usual.key, properties=usual.properties))
    desk.log.append(topic, messages)
    desk.index()


def stuck_at(desk: Desk, payload: Any) -> None:
    """Two usual events that were handled, and one that was not, an hour ago."""
    publish(desk, [{"title": "Report", "uploadedBy": SECRET}] * 2)
    publish(desk, [payload], start=2)
    desk.subscribe(handled=2)
    make_old()


def test_the_event_that_blocks_is_opened_with_what_differs_from_the_last_one_handled(desk: Desk) -> None:
    stuck_at(desk, {"title": "Report", "uploadedBy": {"family": SECRET}, "pages": [1]})
    with desk.subscriptions.consume(TOPIC, NAME, type=SubscriptionType.SHARED, consumer="one"):
        make_old()
        answer = desk.get(url())
    assert attribute(answer, "data-difference") == ["kind of field", "new field"]
    assert "Field of another kind uploadedBy" in text(answer)
    assert "What is blocking it" in text(answer)
    assert 'id="holder"' in answer.content.decode()
    assert text(answer).count(SECRET) >= 2, "the opened payload, and the value before"


def test_who_sees_no_payloads_learns_that_it_differs_and_neither_where_nor_from_what(desk: Desk) -> None:
    stuck_at(desk, {"title": "Report", "uploadedBy": {"family": SECRET}, "secretField": [1]})
    answer = desk.get(url(), "viewer")
    assert attribute(answer, "data-difference") == ["kind of field", "new field"]
    assert "object" in text(answer)
    for hidden in (SECRET, "uploadedBy", "secretField"):
        assert hidden not in answer.content.decode()


def test_a_type_of_content_that_is_masked_is_a_mark_among_the_differences(desk: Desk, settings: Any) -> None:
    settings.EVENTDESK = parse_config("[masking]\nclear_for = []\n", "masked.toml")
    publish(desk, [{}] * 2)
    usual = event(2)
    other = {**usual.properties, "ce_datacontenttype": f"application/{SECRET}+json"}
    desk.log.append(TOPIC, [NewMessage(payload=b"{}", key=usual.key, properties=other)])
    desk.index()
    desk.subscribe(handled=2)
    make_old()
    answer = desk.get(url())
    assert (answer.status_code, attribute(answer, "data-difference")) == (200, ["content type", "new property"])
    assert SECRET not in answer.content.decode()


def test_a_payload_that_is_no_json_any_more_is_named_by_its_form(desk: Desk) -> None:
    stuck_at(desk, b"\x00\xff\xfe")
    answer = desk.get(url())
    assert attribute(answer, "data-difference") == ["form"]
    assert "binary" in text(answer)


def test_an_event_of_the_same_form_says_that_a_value_may_be_the_cause(desk: Desk) -> None:
    stuck_at(desk, {"title": "", "uploadedBy": "x"} | {"title": "Letter"})
    answer = desk.get(url())
    assert attribute(answer, "data-difference") == []
    assert "No difference in form" in text(answer)


def test_the_first_event_of_its_type_has_nothing_to_be_compared_with(desk: Desk) -> None:
    publish(desk, [{"title": "Report"}])
    desk.subscribe()
    make_old()
    assert "Nothing was acknowledged before it" in text(desk.get(url()))


def test_a_subscription_that_moves_has_no_blocking_event_and_still_the_anchor(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe()
    answer = desk.get(url())
    assert "What is blocking it" not in text(answer)
    assert answer.content.decode().count('id="holder"') == 1


@pytest.mark.parametrize(("asked", "waits"), [("4711", "2"), ("patient/4711", "2"), ("patient 4711", "2"), ("4712", "0")])
def test_whether_a_customer_waits_is_answered_by_its_id_with_or_without_its_type(desk: Desk, asked: str, waits: str) -> None:
    desk.publish(2, key="4712")
    desk.publish(2, start=2)
    desk.subscribe(handled=2)
    answer = desk.get(f"{url()}?aggregate={asked}")
    assert attribute(answer, "data-customer-waits") == [waits]
    if waits == "2":
        assert "/aggregates/patient/4711/?filter=delivery%3Amailer%3Dpending" in answer.content.decode()


def test_a_customer_that_the_topic_does_not_know_is_said_to_be_unknown(desk: Desk) -> None:
    desk.publish(1)
    desk.publish(1, topic="elsewhere", key="other", start=1)
    desk.subscribe()
    for asked in ("other", "471", "<b>", "/", "x" * 5_000):
        answer = desk.get(url(), "viewer") if not asked else desk.client().get(url(), {"aggregate": asked})
        assert attribute(answer, "data-customer-waits") == ["unknown"]


def test_an_unreadable_message_with_the_customers_id_as_key_is_named_as_long_as_it_waits(desk: Desk) -> None:
    desk.publish(1)
    desk.log.append(TOPIC, [NewMessage(payload=b"?", key="4711")])
    desk.index()
    desk.subscribe(handled=1)
    asked = f"{url()}?aggregate=patient/4711"
    answer = desk.get(asked)
    assert (attribute(answer, "data-customer-waits"), attribute(answer, "data-unreadable-waits")) == (["0"], ["1"])
    desk.handle(1)
    assert attribute(desk.get(asked), "data-unreadable-waits") == []


def test_how_many_customers_wait_is_told_with_the_time(desk: Desk) -> None:
    desk.publish(3, key="{}")
    desk.publish(2, key="0", start=3)
    desk.subscribe(handled=1)
    answer = desk.get(url())
    assert attribute(answer, "data-waiting-aggregates") == ["3"]
    assert "3 aggregates wait" in text(answer)


def test_progress_is_told_by_events_in_each_partition(desk: Desk) -> None:
    desk.publish(12, partitions=3, key="{}")
    desk.subscribe()
    answer = desk.get(url())
    assert sorted(attribute(answer, "data-partition")) == ["0", "1", "2"]
    assert "0 of" in text(answer)
    assert "<progress" in answer.content.decode()


def test_many_partitions_take_no_more_queries_than_a_few(desk: Desk) -> None:
    counts = []
    for partitions in (2, 40):
        topic = f"wide-{partitions}"
        desk.publish(80, topic=topic, partitions=partitions, key="{}", start=100 * partitions)
        desk.subscribe(topic=topic)
        desk.get(url(topic))
        with CaptureQueriesContext(connections["index"]) as captured:
            assert desk.get(url(topic)).status_code == 200
        counts.append(len(captured))
    assert counts[1] <= counts[0] + 3


def test_all_waiting_events_are_shown_page_by_page_the_oldest_first(desk: Desk) -> None:
    desk.publish(120)
    desk.subscribe(handled=5)
    first = desk.get(waiting_url())
    ids = attribute(first, "data-event-id")
    assert (ids[0], len(ids)) == ("e-5", 50)
    assert "115 events not acknowledged" in text(first)
    following = first.content.decode().split('rel="next" href="')[1].split('"')[0]
    desk.handle(10)
    assert attribute(desk.get(waiting_url() + following), "data-event-id")[0] == "e-55", "though the cursor has moved"
    desk.handle(105)
    assert "Nothing waits here any more" in text(desk.get(waiting_url() + following))
    assert "Nothing waits" in text(desk.get(waiting_url()))


def test_waiting_events_are_masked_by_role(desk: Desk) -> None:
    publish(desk, [{"name": SECRET}])
    desk.subscribe()
    assert SECRET not in desk.get(waiting_url(), "viewer").content.decode()


def test_a_damaged_page_of_waiting_events_is_refused_and_an_unknown_subscription_not_found(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    assert desk.get(f"{waiting_url()}?page=nonsense").status_code == 400
    assert desk.get(waiting_url(name="nobody")).status_code == 404


def test_retry_and_dead_letter_topics_are_linked_by_name_and_by_what_their_copies_say(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    copies = {
        f"{TOPIC}-{NAME}-DLQ": {},
        f"{TOPIC}-other-DLQ": {"REAL_SUBSCRIPTION": NAME, "REAL_TOPIC": TOPIC},
        "letters-RETRY": {"REAL_SUBSCRIPTION": NAME, "REAL_TOPIC": f"persistent://{TOPIC}-partition-3"},
        "lost-DLQ": {"REAL_TOPIC": TOPIC},
        "foreign-DLQ": {"REAL_SUBSCRIPTION": "other", "REAL_TOPIC": TOPIC},
        "far-DLQ": {"REAL_SUBSCRIPTION": NAME, "REAL_TOPIC": "elsewhere"},
    }
    for topic, properties in copies.items():
        desk.log.create_topic(topic)
        usual = event(1)
        desk.log.append(topic, [NewMessage(payload=b"{}", key="1", properties={**usual.properties, **properties})])
    desk.index()
    answer = desk.get(url())
    assert attribute(answer, "data-letters") == ["letters-RETRY", "lost-DLQ", f"{TOPIC}-{NAME}-DLQ"]
    assert "it may be another subscription’s" in text(answer)


def test_a_declared_dead_letter_topic_is_linked_though_neither_its_name_nor_its_copies_tell(desk: Desk) -> None:
    letters = topic_named("patients-lost-DLQ")
    declared = [DeclaredSubscription(name="mail*", dead_letter=("*-lost-DLQ",))]
    others = [DeclaredSubscription(name="other", dead_letter=("*",)), DeclaredSubscription(name="mailer", retry=("*",))]
    assert [one.by for one in letter_topics(TOPIC, NAME, [letters], lambda pointers: [], declared)] == [By.CONFIGURATION]
    assert list(letter_topics(TOPIC, NAME, [letters], lambda pointers: [], others)) == []


def topic_named(name: str) -> Topic:
    return Topic(name=name, kind=BY_NAME.of(name))


def test_each_type_is_explained_with_a_picture_that_has_a_text_of_its_own(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    answer = desk.get(url())
    assert "How a shared subscription delivers" in text(answer)
    assert 'role="img" aria-label="Six events of three aggregates.' in answer.content.decode()
