"""What the broker tells of consumers, rates and the ends of partitions, as 4.0.8 writes it of a key_shared subscription."""

from datetime import UTC, datetime
from typing import Any

from eventstore.drivers.pulsar.positions import whole_entry
from tests.unit.drivers.test_pulsar_listing import NAME, listed

CONSUMER = {
    "consumerName": "timeline-1",
    "address": "/10.1.2.3:40112",
    "clientVersion": "Pulsar-CPP-v3.7.2",
    "connectedSince": "2026-11-29T14:11:43.301+01:00",
    "availablePermits": 994,
    "unackedMessages": 6,
    "blockedConsumerOnUnackedMsgs": False,
    "msgOutCounter": 12,
    "msgRateOut": 0.2,
    "msgRateRedeliver": 0.1,
    "lastConsumedTimestamp": 1_764_425_503_000,
    "lastAckedTimestamp": 0,
    "keyHashRangeArrays": [[0, 32767], [40000, 65535]],
    "metadata": {"team": "app"},
}
TOLD: dict[str, Any] = {
    "type": "Key_Shared",
    "msgRateOut": 0.2,
    "msgRateRedeliver": 0.1,
    "totalMsgExpired": 3,
    "blockedSubscriptionOnUnackedMsgs": True,
    "allowOutOfOrderDelivery": True,
    "subscriptionProperties": {"owner": "app"},
    "lastAckedTimestamp": 1_764_425_504_000,
    "consumers": [CONSUMER],
}


def test_a_consumer_is_told_with_its_permits_its_rates_and_its_ranges_of_keys() -> None:
    [consumer] = listed({"timeline": TOLD}, {"timeline": "5:2"})["timeline"].consumers
    assert (consumer.name, consumer.address, consumer.client) == ("timeline-1", "10.1.2.3:40112", "Pulsar-CPP-v3.7.2")
    assert consumer.connected_since == datetime(2026, 11, 29, 13, 11, 43, 301_000, UTC)
    assert (consumer.permits, consumer.unacked, consumer.blocked, consumer.delivered_events) == (994, 6, False, 12)
    assert (consumer.rate_out, consumer.rate_redelivered) == (0.2, 0.1)
    assert (consumer.delivered, consumer.acked) == (datetime.fromtimestamp(1_764_425_503, UTC), None)
    assert consumer.key_ranges == [(0, 32767), (40000, 65535)]
    assert consumer.metadata == {"team": "app"}


def test_a_consumer_of_which_the_broker_tells_nothing_has_unknown_figures_and_no_zeros() -> None:
    [consumer] = listed({"timeline": {"consumers": [{"consumerName": "c"}]}}, {})["timeline"].consumers
    assert (consumer.permits, consumer.rate_out, consumer.rate_redelivered, consumer.delivered_events) == (None,) * 4
    assert (consumer.key_ranges, consumer.metadata, consumer.delivered) == ([], {}, None)


def test_a_subscription_is_told_with_its_rates_what_has_expired_and_whether_it_is_blocked() -> None:
    told = listed({"timeline": TOLD}, {"timeline": "5:2"}, msgRateIn=2.5)["timeline"]
    assert (told.rate_in, told.rate_out, told.rate_redelivered) == (2.5, 0.2, 0.1)
    assert (told.expired, told.blocked, told.out_of_order) == (3, True, True)
    assert told.properties == {"owner": "app"}
    assert told.acked == datetime.fromtimestamp(1_764_425_504, UTC)


def test_a_partition_ends_with_its_last_entry_and_an_empty_one_nowhere() -> None:
    [cursor] = listed({"mailer": {"activeConsumerName": "m-1"}}, {"mailer": "5:2"}, count=10)["mailer"].cursors
    assert (cursor.end, cursor.active) == (whole_entry(str(NAME), 0, 5, 9), "m-1")
    [cursor] = listed({"mailer": {}}, {"mailer": "5:-1"}, count=0)["mailer"].cursors
    assert (cursor.end, cursor.active) == (None, "")


def test_a_partition_begins_where_its_first_ledger_does_whatever_was_trimmed_before() -> None:
    [cursor] = listed({"mailer": {}}, {"mailer": "5:2"}, count=10)["mailer"].cursors
    assert cursor.start == whole_entry(str(NAME), 0, 5, -1)


def test_what_consumers_hold_of_a_partition_is_told_of_shared_types_and_of_others_only_if_they_were_given_nothing() -> None:
    def held(**told: Any) -> int | None:
        return listed({"mailer": told}, {"mailer": "5:2"})["mailer"].cursors[0].held

    given, not_given = {"consumerName": "c", "msgOutCounter": 4}, {"consumerName": "c", "msgOutCounter": 0}
    assert held(type="Shared", unackedMessages=6, consumers=[given]) == 6
    assert held(type="Key_Shared", unackedMessages=0, consumers=[given]) == 0
    assert held(type="Failover", unackedMessages=0, consumers=[not_given, given]) is None
    assert held(type="Failover", unackedMessages=0, consumers=[not_given]) == 0
    assert held() == 0, "nobody is connected"
