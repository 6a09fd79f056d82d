"""Which entries a range of places holds, and which of them are still to be acknowledged."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.drivers.database.subscriptions import ranges
from eventstore.drivers.pulsar.client import closing
from eventstore.drivers.pulsar.ledgers import Layout, less
from eventstore.drivers.pulsar.positions import batched, entry_at, last_entry, unbatched, whole_entry
from eventstore.drivers.pulsar.subscriptions import acknowledging
from eventstore.drivers.pulsar.subscriptions.acknowledging import entries_in, joining_type
from eventstore.model.errors import StoreRefused
from eventstore.model.subscriptions import SubscriptionType

PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


def test_a_range_over_several_ledgers_holds_the_entries_of_each() -> None:
    layout = Layout(ledgers=((5, 3), (8, 2), (9, 4)))
    assert list(entries_in(layout, [(1, 4), (6, 7)])) == [(5, 1), (5, 2), (8, 0), (9, 1)]


@given(PAIRS, PAIRS)
def test_what_is_left_of_ranges_is_in_none_of_the_others(wanted: list[tuple[int, int]], done: list[tuple[int, int]]) -> None:
    def members(pairs: list[tuple[int, int]]) -> set[int]:
        return {number for first, behind in pairs for number in range(first, behind)}

    left = list(less(wanted, done))
    assert [number for first, behind in left for number in range(first, behind)] == sorted(members(wanted) - members(done))


@given(PAIRS, PAIRS)
def test_of_the_embedded_store_as_well(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    first = ranges.union((min(pair), max(pair)) for pair in one)
    second = ranges.union((min(pair), max(pair)) for pair in other)
    left = set(ranges.each(ranges.less(first, second)))
    assert left == set(ranges.each(first)) - set(ranges.each(second))


def test_the_last_entry_up_to_a_place_is_told_for_every_kind_of_place() -> None:
    single, in_batch = unbatched("t", 0, 5, 3), batched("t", 0, 5, 3, 2)
    before, behind = entry_at(in_batch)
    assert [last_entry(place.token) for place in (single, in_batch, behind)] == [(5, 3)] * 3
    assert [last_entry(place.token) for place in (before, single.beginning, in_batch.beginning)] == [(5, 2)] * 3
    assert last_entry(whole_entry("t", 0, 5, -1).token) == (5, -1)


@pytest.mark.parametrize(
    ("told", "connected", "type"),
    [
        ("Shared", True, SubscriptionType.SHARED),
        ("Key_Shared", True, SubscriptionType.KEY_SHARED),
        ("Failover", True, SubscriptionType.FAILOVER),
        ("Exclusive", False, SubscriptionType.SHARED),
        ("None", False, SubscriptionType.SHARED),
    ],
)
def test_one_joins_with_the_type_of_those_who_are_connected(told: str, connected: bool, type: SubscriptionType) -> None:
    consumers = [{"consumerName": "worker-1"}] if connected else []
    assert joining_type({"subscriptions": {"s": {"type": told, "consumers": consumers}}}, "s") is type


def test_beside_an_exclusive_consumer_nobody_joins_and_it_is_named() -> None:
    told = {"subscriptions": {"s": {"type": "Exclusive", "consumers": [{"consumerName": "worker-1"}]}}}
    with pytest.raises(StoreRefused, match="worker-1"):
        joining_type(told, "s")


class Told:
    """The admin API: the types that it tells of the subscription, one after the other. The last one is told for ever."""

    def __init__(self, *types: str) -> None:
        self.types = list(types)

    def statistics(self, log: object, partitions: int) -> list[Any]:
        type = self.types.pop(0) if len(self.types) > 1 else self.types[0]
        consumers = [] if type == "None" else [{"consumerName": "worker-1"}]
        return [{"subscriptions": {"s": {"type": type, "consumers": consumers}}}]


@pytest.mark.parametrize(
    ("given", "told", "tried"),
    [
        (None, ["None", "Key_Shared"], ["shared", "key_shared"]),
        (SubscriptionType.KEY_SHARED, ["Key_Shared"], ["key_shared"]),
        (SubscriptionType.SHARED, ["None", "None", "Key_Shared"], ["shared", "shared", "shared", "key_shared"]),
    ],
    ids=["a consumer comes at that moment", "its consumers are gone for a moment", "another kind of consumer comes"],
)
def test_who_joins_goes_by_whoever_comes_first(
    monkeypatch: pytest.MonkeyPatch, given: SubscriptionType | None, told: list[str], tried: list[str]
) -> None:
    types: list[str] = []

    def subscribed(connection: object, log: object, name: str, type: SubscriptionType) -> str:
        types.append(type.value)
        if type is not SubscriptionType.KEY_SHARED:
            raise StoreRefused("The subscription is in use in another way.")
        return "joined"

    monkeypatch.setattr(acknowledging, "_subscribed", subscribed)
    monkeypatch.setattr(acknowledging, "JOIN_SECONDS", 3_600.0)
    monkeypatch.setattr(acknowledging, "JOIN_PAUSE", 0.0)
    joined = acknowledging._join(cast("Any", Told(*told)), cast("Any", None), cast("Any", None), "s", given)
    assert (joined, types) == (("joined", SubscriptionType.KEY_SHARED), tried)


def test_who_cannot_join_gives_up_and_an_exclusive_consumer_that_has_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise StoreRefused("The subscription is in use in another way.")

    monkeypatch.setattr(acknowledging, "_subscribed", refuses)
    monkeypatch.setattr(acknowledging, "JOIN_SECONDS", 0.0)
    with pytest.raises(StoreRefused, match="in another way"):
        acknowledging._join(cast("Any", Told("None")), cast("Any", None), cast("Any", None), "s", None)
    monkeypatch.setattr(acknowledging, "JOIN_SECONDS", 3_600.0)
    monkeypatch.setattr(acknowledging, "JOIN_PAUSE", 0.0)
    with pytest.raises(StoreRefused, match="worker-1"):
        acknowledging._join(cast("Any", Told("None", "Exclusive")), cast("Any", None), cast("Any", None), "s", None)


@pytest.mark.parametrize(("kept", "joins"), [([0], 0), ([4, 0], 1), ([4] * 20, 5)])
def test_what_a_broker_keeps_back_of_a_key_shared_subscription_it_is_made_to_give(
    monkeypatch: pytest.MonkeyPatch, kept: list[int], joins: int
) -> None:
    """A consumer that takes no more is left alone after some tries."""
    joined: list[int] = []

    class Keeping:
        def statistics(self, log: object, partitions: int) -> list[Any]:
            return [{"subscriptions": {"s": {"msgInReplay": kept.pop(0)}}}]

    def subscribed(connection: object, log: object, name: str, type: SubscriptionType, *, queue: int = 0) -> str:
        joined.append(queue)
        return "member"

    monkeypatch.setattr(acknowledging, "_subscribed", subscribed)
    monkeypatch.setattr(closing, "close_consumer", lambda member: None)
    monkeypatch.setattr(acknowledging, "GIVEN_PAUSE", 0.0)
    acknowledging._have_the_rest_given(cast("Any", Keeping()), cast("Any", None), cast("Any", None), "s")
    assert joined == [1] * joins
