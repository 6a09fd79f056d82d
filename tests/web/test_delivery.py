"""What became of an event in each subscription: on its page, beside an aggregate's stream, and in filters."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.http import HttpResponse

from dashboard.web.global_search import delivery_filter
from eventstore.config.loading import parse_config
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState, SubscriptionType
from eventstore.search import parse_filter
from tests.hostile import NAMES
from tests.indexing import START, place
from tests.unit.search.deliveries import Handled
from tests.web.ageing import make_old
from tests.web.desk import TOPIC, Desk, attribute, event, opened_desk, text
from tests.web.resetting import reset

PATIENT = "/aggregates/patient/4711/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def states(answer: HttpResponse, name: str = "mailer") -> list[str]:
    """The states in the subscription's column, newest event first."""
    cells = re.findall(r'data-delivery="([^"]*)" title="([^"]*):', answer.content.decode())
    return [state for state, of in cells if of == name]


def panel(answer: HttpResponse) -> dict[str, str]:
    """The states in the part of an event's page, by subscription."""
    return dict(re.findall(r'data-delivery-of="([^"]*)" data-delivery="([^"]*)"', answer.content.decode()))


def filtered(desk: Desk, filter: str) -> HttpResponse:
    return desk.get(f"{PATIENT}?filter={quote(filter)}")


def test_the_stream_has_a_column_for_each_subscription_with_its_time_and_source(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe("mailer", handled=3)
    desk.subscribe("timeline", handled=5)
    answer = desk.get(PATIENT)
    assert states(answer) == ["pending", "pending", "acknowledged", "acknowledged", "acknowledged"]
    assert states(answer, "timeline") == ["acknowledged"] * 5
    said = re.sub(r"\s+", " ", text(answer))
    assert re.search(r"✓ acknowledged ○ pending · as of [^,]+, from the store’s cursors", said)


def test_the_head_says_who_has_not_acknowledged_how_much_and_leads_to_those_events(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe("mailer", handled=3)
    desk.subscribe("timeline", handled=4)
    answer = desk.get(PATIENT)
    assert "2 events not yet acknowledged by mailer" in text(answer)
    assert "1 event not yet acknowledged by timeline" in text(answer)
    [url, _] = re.findall(r'href="([^"]*)" data-subscription=', answer.content.decode())
    assert parse_qs(urlsplit(url).query) == {"filter": ["delivery:mailer=pending"]}
    assert attribute(desk.get(url), "data-event-id") == ["e-4", "e-3"]


@pytest.mark.parametrize("name", [*NAMES, "a=b", "line\nbreak", "nul\0", "(", "back\\", "\x7f", "ideographic\u3000space"])
def test_the_link_to_waiting_events_finds_a_subscription_of_any_name(name: str) -> None:
    pointer = Pointer(position=place(0), ordinal=0, event_id="e", type="", time=START, published=START, size=0, version=1)
    for state in (DeliveryState.DEAD_LETTERED, DeliveryState.PENDING):
        handled = Handled({("e", name): state}, names=[name])
        assert parse_filter(delivery_filter(name, state), handled).matches_pointer(pointer)


def test_the_link_at_the_head_opens_for_a_name_that_has_to_be_quoted(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe('odd "name" (1)')
    [url] = re.findall(r'href="([^"]*)" data-subscription=', desk.get(PATIENT).content.decode())
    assert attribute(desk.get(unescape(url)), "data-event-id") == ["e-0"]


def test_an_aggregate_that_everybody_has_handled_says_nothing_at_its_head(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe("mailer", handled=2)
    desk.publish(1, key="4712", start=2)
    answer = desk.get(PATIENT)
    assert states(answer) == ["acknowledged"] * 2
    assert "not yet acknowledged" not in text(answer)


def test_a_stuck_one_is_said_first_and_what_holds_it_is_one_click_away(desk: Desk) -> None:
    desk.publish(1, key="other")
    desk.publish(3, start=1)
    desk.subscribe("a-timeline", handled=4)
    desk.subscribe("mailer")
    with desk.subscriptions.consume(TOPIC, "mailer", type=desk.subscriptions.named(TOPIC, "mailer").type, consumer="one"):
        make_old()
        answer = desk.get(PATIENT)
    assert states(answer) == ["stuck"] * 3
    assert "3 events not yet acknowledged by mailer" in text(answer)
    here = panel(answer)
    assert list(here.items()) == [("mailer", "stuck"), ("a-timeline", "acknowledged")]
    assert "3 events here, 4 events in all" in text(answer)
    assert set(re.findall(r'href="([^"]*#holder)"', answer.content.decode())) == {
        f"/topics/{TOPIC}/subscriptions/mailer/#holder"
    }


def test_an_events_page_has_a_line_for_each_subscription_of_its_topic(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe("mailer", handled=1)
    desk.log.create_topic("elsewhere")
    desk.subscribe("other", topic="elsewhere")
    answer = desk.get("/events/e-2/")
    assert panel(answer) == {"mailer": "pending"}
    assert "2 events here, 2 events in all" in text(answer)
    assert panel(desk.get("/events/e-0/")) == {"mailer": "acknowledged"}


def test_each_answer_says_what_it_rests_on(desk: Desk) -> None:
    positions = desk.publish(3)
    desk.subscribe("mailer", handled=1)
    letters = f"{TOPIC}-mailer-DLQ"
    desk.log.create_topic(letters)
    properties = {**event(9).properties, "ORIGIN_MESSAGE_ID": positions[0].label}
    desk.log.append(letters, [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.index()
    for id, said in (("e-0", r"dead-lettered .* · from its dead letter"), ("e-1", "pending · from the store’s cursor")):
        assert re.search(said, re.sub(r"\s+", " ", text(desk.get(f"/events/{id}/")))), id
    assert ", from the store’s cursors, dead letters" in text(desk.get(PATIENT))


def test_an_event_from_before_a_subscription_was_born_is_passed_over_and_not_acknowledged(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe("mailer", start=Edge.LATEST)
    desk.publish(1, start=3)
    assert states(desk.get(PATIENT)) == ["pending", *["passed over"] * 3]
    assert "older than the subscription" in text(desk.get("/events/e-0/"))
    desk.handle(1)
    assert states(desk.get(PATIENT)) == ["acknowledged", *["passed over"] * 3]


def test_what_a_reset_skipped_is_passed_over_until_the_cursor_goes_back(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe("mailer", handled=1)
    assert states(desk.get(PATIENT)) == ["pending"] * 3 + ["acknowledged"]
    desk.subscriptions.reset_cursor(TOPIC, "mailer", {0: Edge.LATEST})
    for _ in range(2):
        assert states(desk.get(PATIENT)) == ["passed over"] * 3 + ["acknowledged"]
    desk.subscriptions.reset_cursor(TOPIC, "mailer", {0: Edge.EARLIEST})
    assert states(desk.get(PATIENT)) == ["pending"] * 4


def test_what_a_reset_of_ours_skipped_is_known_although_a_consumer_held_it(desk: Desk) -> None:
    """Looks at the cursor cannot tell: the consumer may have acknowledged what it held."""
    desk.publish(4)
    desk.subscribe("mailer", handled=1)
    with desk.subscriptions.consume(TOPIC, "mailer", type=SubscriptionType.SHARED, consumer="holder") as consumer:
        assert len(consumer.receive(limit=2, timeout=5)) == 2
        desk.get(PATIENT)
        assert reset(desk, "latest").status_code == 302
        for _ in range(2):
            assert states(desk.get(PATIENT)) == ["passed over"] * 3 + ["acknowledged"]


def test_a_dead_lettered_event_leads_to_its_letter(desk: Desk) -> None:
    positions = desk.publish(2)
    desk.subscribe("mailer", handled=2)
    letters = f"{TOPIC}-mailer-DLQ"
    desk.log.create_topic(letters)
    properties = {**event(9).properties, "ORIGIN_MESSAGE_ID": positions[1].label}
    desk.log.append(letters, [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.index()
    assert states(desk.get(PATIENT)) == ["dead-lettered", "acknowledged"]
    answer = desk.get("/events/e-1/")
    assert panel(answer) == {"mailer": "dead-lettered"}
    assert re.search(rf'href="/events/e-9/\?at=[^"]*{letters}">dead-lettered<', answer.content.decode())


def test_while_the_index_is_behind_in_a_dead_letter_topic_the_pages_say_so(desk: Desk) -> None:
    from eventstore.index.models import IndexedPartition

    desk.publish(2)
    desk.subscribe("mailer", handled=2)
    for topic in (f"{TOPIC}-mailer-DLQ", "others-mailer-DLQ"):
        desk.log.create_topic(topic)
    desk.index()

    def said() -> list[bool]:
        return ["are not all indexed yet" in text(desk.get(page)) for page in (PATIENT, "/events/e-1/")]

    def read_until(minutes: int, topic: str) -> None:
        until = datetime.now(UTC) + timedelta(minutes=minutes)
        assert IndexedPartition.objects.filter(topic__endswith=topic).update(caught_up_at=until)

    read_until(10, "")
    read_until(-10, "others-mailer-DLQ")
    assert said() == [False, False]
    read_until(-10, f"{TOPIC}-mailer-DLQ")
    assert said() == [True, True]


def test_at_most_five_have_columns_and_the_others_are_counted_below(desk: Desk) -> None:
    desk.publish(2)
    for number in range(7):
        desk.subscribe(f"s{number}", handled=1 if number in (5, 6) else 2)
    answer = desk.get(PATIENT)
    heads = re.findall(r'<th scope="col" class="delivery" title="([^"]*)"', answer.content.decode())
    assert heads == ["s5", "s6", "s0", "s1", "s2"], "those first that have something to do"
    assert re.search(r"2 more subscriptions\s*s3: 2 acknowledged\s*s4: 2 acknowledged", text(answer))


def test_an_aggregate_of_several_topics_has_one_column_for_a_name_and_none_filled_where_there_is_no_such(desk: Desk) -> None:
    desk.publish(2)
    desk.publish(1, topic="letters", start=2)
    desk.subscribe("mailer", handled=2)
    desk.subscribe("mailer", topic="letters")
    desk.subscribe("timeline", handled=1)
    answer = desk.get(PATIENT)
    assert sorted(states(answer)) == ["acknowledged", "acknowledged", "pending"]
    assert sorted(states(answer, "timeline")) == ["acknowledged", "pending"]
    assert attribute(filtered(desk, "delivery:letters/mailer=pending"), "data-event-id") == ["e-2"]
    assert attribute(filtered(desk, f"delivery:{TOPIC}/mailer=pending"), "data-event-id") == []
    assert attribute(filtered(desk, "not delivery:timeline=acknowledged"), "data-event-id") == ["e-2", "e-1"]


def test_a_filter_for_a_subscription_that_is_not_there_names_those_that_are(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe("mailer")
    desk.subscribe('odd "name"')
    answer = filtered(desk, "delivery:postman=pending")
    assert answer.status_code == 400
    assert 'there is no subscription of this name here; there are mailer, odd "name"' in text(answer)
    assert attribute(filtered(desk, 'delivery:"odd \\"name\\""=pending'), "data-event-id") == ["e-0"]


@pytest.mark.parametrize("page", [f"/topics/{TOPIC}/", f"/topics/{TOPIC}/tail/"])
def test_other_pages_say_where_delivery_can_be_asked_for(desk: Desk, page: str) -> None:
    desk.publish(1)
    desk.subscribe("mailer")
    answer = desk.get(f"{page}?filter=delivery:mailer%3Dpending", "admin")
    assert "delivery can be asked for on an aggregate’s page" in text(answer).replace("'", "’")


def test_a_group_with_positions_elsewhere_is_unknown_and_not_named_at_the_head(desk: Desk) -> None:
    from django.test.utils import override_settings

    from dashboard import gateway

    desk.publish(2)
    desk.subscribe("gateway", handled=1)
    declared = parse_config('[[subscription]]\nname = "gateway"\npositions = "external"\n', "desk.toml")
    with override_settings(EVENTDESK=declared):
        gateway.close()
        answer = desk.get(PATIENT)
        assert states(answer, "gateway") == ["unknown"] * 2
        assert "not yet acknowledged" not in text(answer)
        assert "keeps its positions elsewhere, as the configuration declares" in text(answer)
    gateway.close()
