"""Which events of a range go, where the order does not keep them one by one."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from eventstore.model.errors import StoreRefused
from eventstore.model.events import Event, Message
from eventstore.replays.order import Bounds, Kind, ReplayOrder, Way, What
from eventstore.replays.sending.portions import judge_of, portion_of
from tests.indexing import event

EVENTS = [event(number, aggregate=("patient", str(number % 3))) for number in range(9)]
READ: Mapping[str, Event] = {one.message.position.token: one for one in EVENTS}
WHOLE = Bounds(first=0, end=9, first_token=min(READ), last_token=max(READ))
SINGLE = replace(WHOLE, ordinals=(0, 3, 8))
OF_1 = ("patient", "1")


def read(message: Message) -> Event:
    return READ[message.position.token]


def chosen(what: What, bounds: Bounds = WHOLE, *, only: tuple[str, str] = ("", "")) -> list[int]:
    """The numbers of the events that go, if their places are not known."""
    order = ReplayOrder(
        projection="app", way=Way.TOPIC, what=what, topics={"patients": {0: bounds}}, subscription="app", only=only
    )
    judge = judge_of(order, bounds, None, read)
    return [number for number, one in enumerate(EVENTS) if portion_of(one.message, bounds, judge).copy is not None]


def test_an_aggregate_or_an_id_takes_no_other_event_of_its_range_however_many_it_has() -> None:
    shared = What(kind=Kind.EVENT, events=(EVENTS[2].id, EVENTS[5].id))
    for bounds in (WHOLE, SINGLE):
        assert chosen(What(kind=Kind.AGGREGATE, aggregate=OF_1), bounds) == [1, 4, 7]
        assert chosen(shared, bounds) == [2, 5]
        assert chosen(What(kind=Kind.EVERYTHING), bounds, only=OF_1) == [1, 4, 7]


@pytest.mark.parametrize("kind", list(Kind))
def test_only_what_asks_for_a_whole_range_gets_one(kind: Kind) -> None:
    """Whatever kind of choice there may be one day."""
    try:
        found = chosen(What(kind=kind))
    except StoreRefused:
        assert kind is Kind.FILTER, "a filter without a text"
    else:
        assert found == (list(range(9)) if kind in (Kind.EVERYTHING, Kind.SINCE) else [])


@pytest.mark.parametrize("kind", [Kind.EVERYTHING, Kind.SINCE, Kind.FILTER])
def test_single_events_that_nothing_tells_from_others_any_more_are_refused(kind: Kind) -> None:
    with pytest.raises(StoreRefused, match="Plan the replay anew"):
        chosen(What(kind=kind), SINGLE)
