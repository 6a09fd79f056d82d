"""Places inside a message: tokens that sort just before the message's own, and lead back to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position
from eventstore.model.tokens import AFTER_ALL, LARGEST, encode, inside, message_of

NUMBERS = st.one_of(st.integers(0, 20), st.integers(0, LARGEST))
MESSAGES = st.tuples(NUMBERS, NUMBERS, NUMBERS)


@given(MESSAGES, MESSAGES, st.integers(0, 10_000), st.integers(0, 10_000))
def test_members_sort_before_their_message_by_number_and_behind_every_earlier_message(
    one: tuple[int, ...], other: tuple[int, ...], first: int, second: int
) -> None:
    token = encode(*one)
    assert inside(token, first) < token
    assert (inside(token, first) < inside(token, second)) == (first < second)
    if one < other:
        assert token < inside(encode(*other), first)


@given(st.integers(0, LARGEST), st.integers(0, LARGEST), st.integers(1, 10_000))
def test_the_same_holds_where_a_token_is_one_number(one: int, other: int, member: int) -> None:
    if one < other:
        assert encode(one) < inside(encode(other), member) < encode(other)


@given(MESSAGES, st.integers(0, 10_000), st.sampled_from(["", "h08c8cd", "h00"]))
def test_a_members_token_leads_back_to_its_message(numbers: tuple[int, ...], member: int, chunk: str) -> None:
    token = encode(*numbers) + chunk
    assert message_of(inside(token, member)) == (token, member)
    assert message_of(token) == (token, None)


@pytest.mark.parametrize("token", ["m", "m11", "11m", "11m1", "11mm11", "1m11", "0m", "00m11", "x0m11", "11m11m11", "11gm11"])
def test_a_token_that_only_resembles_a_members_is_refused(token: str) -> None:
    with pytest.raises(InvalidPosition):
        message_of(token)


@pytest.mark.parametrize("token", ["", "m11", encode(1, 2) + AFTER_ALL])
def test_only_a_message_has_members(token: str) -> None:
    with pytest.raises(InvalidPosition):
        inside(token, 1)


def test_a_position_tells_its_message_and_its_member() -> None:
    whole = Position(topic="t", partition=2, token=encode(118, 4021, 0), label="118:4021")
    third = whole.inside(3)
    assert (third.member, third.label, third.message, third.message.label) == (3, "118:4021/3", whole, "118:4021")
    assert (whole.member, whole.message) == (None, whole)
    assert Position.decode(third.encode()) == third
    assert third.beginning == whole.beginning < whole.inside(1) < third < whole
