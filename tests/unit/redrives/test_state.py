"""How a redrive's checkpoint stays as short as a job keeps it."""

import pytest

from eventstore.jobs.rows import MOST_CHECKPOINT, as_json
from eventstore.redrives.state import MOST_CHARACTERS, State

TOKEN = "6a1b2c35d4e5f11"


def state(*, partitions: int, subscriptions: int, name: str, letters: int) -> State:
    return State(
        reached=dict.fromkeys(range(letters), TOKEN),
        behind=dict.fromkeys(range(partitions), TOKEN),
        held={
            number: [f"{name}{one} 1234:{one} 5678:{number}" for one in range(subscriptions)] for number in range(partitions)
        },
        tidy=False,
    )


def characters(state: State) -> int:
    return len(as_json(state.as_json(), MOST_CHECKPOINT, "checkpoint"))


def test_a_checkpoint_keeps_how_all_subscriptions_stood_where_they_are_few() -> None:
    few = state(partitions=3, subscriptions=20, name="mailer", letters=3)
    assert State.of(few.as_json()) == few


@pytest.mark.parametrize("name", ["reader-of-invoices-", "Empfänger-für-" * 8], ids=["short", "long"])
def test_of_many_partitions_with_many_subscriptions_each_keeps_one_at_least(name: str) -> None:
    many = state(partitions=100, subscriptions=20, name=name, letters=0)
    assert characters(many) <= MOST_CHARACTERS
    kept = State.of(many.as_json()).held
    assert all(kept[number] and list(kept[number]) == list(many.held[number])[: len(kept[number])] for number in range(100))


def test_it_has_room_for_what_it_reaches_later_even_where_nothing_can_be_kept_of_subscriptions() -> None:
    for partitions in (60, 300, 900):
        begun = state(partitions=partitions, subscriptions=20, name="mailer" * 40, letters=0)
        ended = state(partitions=partitions, subscriptions=20, name="mailer" * 40, letters=partitions)
        assert max(characters(begun), characters(ended)) <= MOST_CHECKPOINT
        assert State.of(ended.as_json()).reached == ended.reached


def test_a_checkpoint_of_before_that_was_nearly_too_long_goes_on() -> None:
    before = {
        **state(partitions=100, subscriptions=0, name="", letters=0).as_json(),
        "held": {"7": ["mailer 1:2 3:4"] * 3_000},
    }
    assert characters(State.of(before)) <= MOST_CHARACTERS
