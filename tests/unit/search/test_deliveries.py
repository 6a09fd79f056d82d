"""Filters that ask what became of an event in a subscription."""

import pytest

from eventstore.model.errors import InvalidFilter
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState
from eventstore.search import parse_filter
from tests.indexing import START, place
from tests.unit.search.deliveries import Handled

ODD = 'odd "name" = (1)'
STATES = {str(number): state for number, state in enumerate(DeliveryState)}
HANDLED = Handled(
    {(id, name): state for id, state in STATES.items() for name in ("mailer", "a=b", ODD)}, names=["mailer", "a=b", ODD]
)


def pointer(id: str) -> Pointer:
    return Pointer(position=place(0), ordinal=0, event_id=id, type="sent", time=START, published=START, size=0, version=1)


def found(text: str) -> set[DeliveryState]:
    filter = parse_filter(text, HANDLED)
    assert not filter.reads_payload
    return {STATES[id] for id in STATES if filter.matches_pointer(pointer(id)) is True}


def unsure(text: str) -> set[DeliveryState]:
    filter = parse_filter(text, HANDLED)
    return {STATES[id] for id in STATES if filter.matches_pointer(pointer(id)) is None}


@pytest.mark.parametrize("state", DeliveryState)
def test_each_state_is_asked_for_by_its_word_and_what_is_stuck_is_pending_too(state: DeliveryState) -> None:
    expected = {state, DeliveryState.STUCK} if state is DeliveryState.PENDING else {state}
    assert found(f"delivery:mailer={state.value.replace(' ', '-')}") == expected
    assert found(f"DELIVERY:mailer = {state.value.replace(' ', '-').upper()}") == expected


def test_whether_something_unknown_matches_another_state_is_unknown_and_so_is_whether_it_does_not() -> None:
    assert unsure("delivery:mailer=pending") == {DeliveryState.UNKNOWN}
    assert unsure("not delivery:mailer=pending") == {DeliveryState.UNKNOWN}
    assert unsure("delivery:mailer=unknown") == set()
    assert found("not delivery:mailer=acknowledged") == set(DeliveryState) - {
        DeliveryState.ACKNOWLEDGED,
        DeliveryState.UNKNOWN,
    }


def test_the_terms_combine_with_all_others() -> None:
    assert found("type:sent (delivery:mailer=stuck or delivery:mailer=retrying)") == {
        DeliveryState.STUCK,
        DeliveryState.RETRYING,
    }
    assert found("type:other delivery:mailer=stuck") == set()


@pytest.mark.parametrize(
    "written", ["a=b=stuck", '"a=b"=stuck', '"odd \\"name\\" = (1)"=stuck', '"odd \\"name\\" = (1)" = stuck']
)
def test_a_name_with_odd_signs_is_put_in_quotes_and_the_state_stands_after_the_last_equals_sign(written: str) -> None:
    assert found(f"delivery:{written}") == {DeliveryState.STUCK}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("delivery:nobody=pending", "at character 1: there are mailer, a=b"),
        (
            "type:a delivery:mailer=done",
            "at character 8: after = stands one of the states dead-lettered, retrying, passed-over",
        ),
        ("delivery:mailer", "at character 10: name a subscription and a state, as in delivery:mailer=pending"),
        ("delivery=mailer", "write delivery:NAME=STATE"),
        ("delivery.mailer:pending", "there is no such field"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_there_is(text: str, said: str) -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse_filter(text, HANDLED)
    assert said in str(refused.value)


def test_where_no_delivery_is_known_the_filter_says_where_to_ask() -> None:
    with pytest.raises(InvalidFilter, match="delivery can be asked for on an aggregate's page"):
        parse_filter("delivery:mailer=pending")


def test_an_event_of_a_topic_without_the_subscription_does_not_match() -> None:
    filter = parse_filter("delivery:mailer=pending", HANDLED)
    assert filter.matches_pointer(pointer("elsewhere")) is False
    filter.prepare([pointer("1")])
    assert HANDLED.prepared == ["1"]
