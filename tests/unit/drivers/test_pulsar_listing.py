"""What the broker's ``stats`` and ``internalStats`` tell of subscriptions, in the shapes that 4.0.8 and 4.2.4 write."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import unbatched, whole_entry
from eventstore.drivers.pulsar.subscriptions.listing import all_of, as_told, check_movable
from eventstore.drivers.pulsar.subscriptions.waiting import Entries, instant
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.errors import StoresOwn, StoreUnreachable
from eventstore.model.events import TopicKind
from eventstore.model.subscriptions import OpenTransaction, Subscription, SubscriptionKind

NAME = TopicName(tenant="public", namespace="default", local="t")
KNOWN = KnownTopic(name=NAME, shards=0, kind=TopicKind.EVENTS)
FUNCTION = {"consumerName": "d4d9d77015", "metadata": {"application": "pulsar-function", "id": "public/default/echo"}}
SINK = {"consumerName": "x", "metadata": {"application": "pulsar-sink", "id": "public/default/out"}}
Headers = Mapping[int, Mapping[str, str]]
OPENED = "2026-11-29T14:11:43.301Z"


class Told:
    """The admin API: headers of entries by entry, and how far a partition is delivered. Counts what it is asked."""

    def __init__(
        self, headers: Mapping[int, Mapping[str, str]] | None = None, delivered: tuple[int, int] | None = None
    ) -> None:
        self.headers, self.delivered = headers or {}, delivered
        self.asked: list[int] = []

    def headers_of(self, log: TopicName, ledger: int, entry: int) -> Mapping[str, str] | None:
        self.asked.append(entry)
        return self.headers.get(entry)

    def last_delivered(self, log: TopicName) -> tuple[int, int] | None:
        return self.delivered


def entries(told: Told) -> Entries:
    return Entries(cast("Admin", told))


def internals(count: int, cursors: Mapping[str, Any], created: str = OPENED) -> dict[str, Any]:
    return {
        "lastLedgerCreatedTimestamp": created,
        "entriesAddedCounter": count,
        "numberOfEntries": count,
        "totalSize": 50 * count,
        "lastConfirmedEntry": f"5:{count - 1}",
        "ledgers": [{"ledgerId": 5, "entries": 0}],
        "cursors": {
            name: cursor if isinstance(cursor, dict) else {"markDeletePosition": cursor} for name, cursor in cursors.items()
        },
    }


def listed(
    subscriptions: Mapping[str, Any],
    cursors: Mapping[str, Any],
    *,
    count: int = 10,
    known: Entries | None = None,
    created: str = OPENED,
    **stats: Any,
) -> dict[str, Subscription]:
    told = {"subscriptions": subscriptions, **stats}
    found = as_told(known or entries(Told()), KNOWN, [told], [internals(count, cursors, created)])
    return {subscription.name: subscription for subscription in found}


def test_the_brokers_own_cursors_are_told_from_services() -> None:
    found = listed(
        {"__compaction": {"msgBacklog": 7, "type": "Exclusive", "isDurable": True}, "mailer": {"msgBacklog": 1}},
        {"__compaction": "5:2", "pulsar.repl.b": "5:6", "pulsar.dedup": "5:9", "mailer": "5:8", "reader-1a2b": "5:0"},
    )
    assert {name: (each.kind.value, each.backlog) for name, each in found.items()} == {
        "__compaction": ("compaction", 7),
        "mailer": ("service", 1),
        "pulsar.dedup": ("deduplication", 0),
        "pulsar.repl.b": ("replication", 3),
    }
    assert [name for name, each in found.items() if not each.kind.of_the_store] == ["mailer"]


@pytest.mark.parametrize("name", ["__compaction", "pulsar.repl.b", "pulsar.dedup"])
def test_the_driver_itself_moves_none_of_them(name: str) -> None:
    with pytest.raises(StoresOwn, match="the broker's own cursor"):
        check_movable(cast("Admin", Told()), KNOWN, name)


def test_a_functions_subscription_is_known_by_its_consumers_and_without_any_by_its_name() -> None:
    told = {
        "public/default/echo": {"consumers": [FUNCTION]},
        "out": {"consumers": [SINK]},
        "public/default/stopped": {"consumers": []},
        "team/mail/er": {"consumers": [{"consumerName": "c", "metadata": {}}]},
        "a/b": {"consumers": []},
    }
    kinds = {name: each.kind for name, each in listed(told, {}).items()}
    assert kinds == {
        "public/default/echo": SubscriptionKind.FUNCTION,
        "public/default/stopped": SubscriptionKind.FUNCTION,
        "out": SubscriptionKind.SINK,
        "team/mail/er": SubscriptionKind.SERVICE,
        "a/b": SubscriptionKind.SERVICE,
    }


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("public/default/echo", "public%2Fdefault%2Fecho"),
        ("two words", "two+words"),
        ("a%2Fb", "a%252Fb"),
        ("~*é", "%7E*%C3%A9"),
    ],
)
def test_the_cursor_of_a_name_that_the_broker_writes_as_in_a_form_is_found(name: str, written: str) -> None:
    [cursor] = listed({name: {"msgBacklog": 6}}, {written: "5:3"})[name].cursors
    assert cursor.acknowledged == whole_entry(str(NAME), 0, 5, 3)


def test_delayed_events_are_told_with_their_times_and_each_is_asked_for_once() -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    headers = {entry: {"x-pulsar-deliver-at-time": (later + timedelta(minutes=entry)).isoformat()} for entry in (7, 9)}
    headers[8] = {"x-pulsar-deliver-at-time": "2020-01-01T00:00:00Z"}
    admin = Told(headers)
    known = entries(admin)
    for _ in range(2):
        told = {"msgBacklog": 3, "msgBacklogNoDelayed": 0, "msgDelayed": 3, "type": "Shared"}
        [cursor] = listed({"mailer": told}, {"mailer": "5:6"}, known=known)["mailer"].cursors
        assert cursor.delayed == 3
        place = {entry: unbatched(str(NAME), 0, 5, entry) for entry in (7, 9)}
        assert cursor.due == {place[7]: later + timedelta(minutes=7), place[9]: later + timedelta(minutes=9)}
    assert admin.asked == [7, 8, 9]
    admin.headers = {}
    anew = "2026-11-29T18:00:00.000Z"
    [cursor] = listed({"mailer": told}, {"mailer": "5:6"}, known=known, created=anew)["mailer"].cursors
    assert (cursor.due, cursor.log) == ({}, (5, anew)), "a broker that lost its data gives the same numbers again"


def test_where_nothing_is_delayed_and_no_transaction_is_open_no_entry_is_asked_for() -> None:
    admin = Told(delivered=(5, 3))
    [cursor] = listed({"mailer": {"msgBacklog": 3}}, {"mailer": "5:6"}, known=entries(admin))["mailer"].cursors
    assert (cursor.due, cursor.behind, admin.asked) == ({}, None, [])


@pytest.mark.parametrize(
    ("mark", "holes", "behind"),
    [("5:0", "[]", True), ("5:-1", "[]", False), ("5:-1", "[(5:-1..5:0]]", True)],
)
def test_a_subscription_that_has_handled_all_that_is_delivered_is_behind_the_open_transaction(
    mark: str, holes: str, behind: bool
) -> None:
    known = entries(Told({1: {"x-pulsar-publish-time": OPENED, "x-pulsar-txn-uncommitted": "true"}}, delivered=(5, 0)))
    cursor = {"markDeletePosition": mark, "individuallyDeletedMessages": holes}
    told = listed({"mailer": {"msgBacklog": 2}}, {"mailer": cursor}, count=3, known=known, ongoingTxnCount=1)
    [found] = told["mailer"].cursors
    assert found.behind == (OpenTransaction(since=instant(OPENED)) if behind else None)


def test_a_transaction_whose_time_the_broker_does_not_tell_is_said_without_it() -> None:
    known = entries(Told(delivered=(5, 0)))
    [found] = listed({"m": {"msgBacklog": 2}}, {"m": "5:0"}, count=3, known=known, ongoingTxnCount=1)["m"].cursors
    assert found.behind == OpenTransaction(since=None)


def test_what_has_expired_in_a_consumers_hands_is_counted() -> None:
    held = {"msgBacklog": 0, "unackedMessages": 3, "totalMsgExpired": 3}
    assert listed({"mailer": held}, {})["mailer"].expired_held == 3
    assert listed({"mailer": {**held, "msgBacklog": 3}}, {})["mailer"].expired_held == 0
    assert listed({"mailer": {**held, "totalMsgExpired": 0}}, {})["mailer"].expired_held == 0


def test_a_replicated_subscription_is_told() -> None:
    found = listed({"a": {"isReplicated": True}, "b": {"isReplicated": False}}, {})
    assert (found["a"].replicated, found["b"].replicated) == (True, False)


def test_no_count_of_the_brokers_is_below_zero() -> None:
    consumer = {"consumerName": "c", "unackedMessages": -81}
    statistics: list[dict[str, Any]] = [
        {"subscriptions": {"s": {"msgBacklog": -1, "unackedMessages": -81, "consumers": [consumer]}}},
        {"subscriptions": {"s": {"msgBacklog": 2, "unackedMessages": 3}}},
    ]
    partitioned = KnownTopic(name=NAME, shards=2, kind=TopicKind.EVENTS)
    [found] = as_told(entries(Told()), partitioned, statistics, [{}, {}])
    assert (found.unacked, [cursor.backlog for cursor in found.cursors]) == (3, [0, 2])
    assert [each.unacked for each in found.consumers] == [0]


def test_a_cursor_that_has_not_moved_since_the_broker_loaded_it_has_stood_since_then() -> None:
    """After a restart 4.0.8 and 4.2.4 tell no move (0) until the next one; the cursor's ledger began at the load, or later."""
    cursor = {"markDeletePosition": "5:3", "lastLedgerSwitchTimestamp": OPENED}
    found = listed({"mailer": {"msgBacklog": 6, "lastMarkDeleteAdvancedTimestamp": 0}}, {"mailer": cursor})
    [stands] = found["mailer"].cursors
    assert (stands.moved, stands.placed) == (None, instant(OPENED))


class Starting:
    """The admin API of a broker that leaves out partitions: these answers are all that it has."""

    def __init__(self, *statistics: dict[str, Any], inside: Sequence[dict[str, Any]] = ({}, {})) -> None:
        self._statistics, self._inside = statistics, inside

    def statistics(self, name: TopicName, shards: int) -> Sequence[dict[str, Any]]:
        return self._statistics

    def internals(self, name: TopicName, shards: int) -> Sequence[dict[str, Any]]:
        return self._inside


def test_a_partition_that_the_broker_leaves_out_is_neither_a_cursor_at_the_beginning_nor_a_subscription_that_is_gone() -> None:
    known, told = KnownTopic(name=NAME, shards=2, kind=TopicKind.EVENTS), {"subscriptions": {"s": {"msgBacklog": 2}}}
    stands = internals(10, {"s": "5:6"})

    def names(starting: Starting, sought: str = "") -> list[str]:
        return [one.name for one in all_of(cast("Admin", starting), entries(Told()), known, sought=sought)]

    [found] = all_of(cast("Admin", Starting(told, {}, inside=[stands, {}])), entries(Told()), known, sought="s")
    assert [cursor.told for cursor in found.cursors] == [True, False]
    with pytest.raises(StoreUnreachable, match="nothing of 2 of the partitions"):
        names(Starting({}, {}), "s")
    assert names(Starting({}, {})) == []
    assert names(Starting(told, told), "gone") == ["s"]
