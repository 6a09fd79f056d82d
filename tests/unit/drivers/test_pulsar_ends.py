"""The last event of a partition, from what the broker tells and from a reader that may have met a silent broker."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.client.partition_log import PartitionLog
from eventstore.drivers.pulsar.ends import EndsFinder
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import batched, unbatched, whole_entry
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.events import Position, TopicKind

NAME = TopicName(tenant="public", namespace="default", local="t")
KNOWN = KnownTopic(name=NAME, shards=0, kind=TopicKind.EVENTS)
ID = {"x-pulsar-message-id": "5:9"}
LARGE = 10 * 1024 * 1024


def internals(size: int) -> dict[str, Any]:
    return {
        "numberOfEntries": 10,
        "totalSize": size,
        "lastConfirmedEntry": "5:9",
        "lastLedgerCreatedTimestamp": "2026-11-29T14:09:10.963Z",
        "ledgers": [{"ledgerId": 5, "entries": 0}],
    }


class Told:
    """The admin API of a broker whose log ends at 5:9, with these headers of that entry."""

    def __init__(self, headers: Mapping[str, str] | None, size: int) -> None:
        self.headers, self.size = headers, size

    def internals(self, topic: TopicName, partitions: int) -> list[dict[str, Any]]:
        return [internals(self.size)]

    def last_message_id(self, log: TopicName) -> tuple[int, int, int]:
        return 5, 9, -1

    def headers_of(self, log: TopicName, ledger: int, entry: int) -> Mapping[str, str] | None:
        return self.headers


class Read:
    """A partition of which readers give this entry last (``None``: nothing). Counts its readers."""

    log, topic, partition = NAME, str(NAME), 0

    def __init__(self, last: int | None) -> None:
        self.entry, self.readers = last, 0

    def first(self) -> Position | None:
        return unbatched(self.topic, 0, 5, 0)

    def last(self) -> Position | None:
        self.readers += 1
        return None if self.entry is None else unbatched(self.topic, 0, 5, self.entry)


def ends_of(headers: Mapping[str, str] | None, read: Read, size: int = LARGE) -> list[Position | None]:
    """Ask three times; return the last event each time."""
    finder = EndsFinder(cast(Admin, Told(headers, size)))
    found = [finder.of(KNOWN, [cast(PartitionLog, read)])[0] for _ in range(3)]
    assert {ends.bound for ends in found} == {whole_entry(str(NAME), 0, 5, 9)}
    return [ends.last for ends in found]


def test_a_reader_that_gives_the_last_entry_is_asked_once() -> None:
    read = Read(9)
    assert ends_of({}, read) == [unbatched(str(NAME), 0, 5, 9)] * 3
    assert read.readers == 1


@pytest.mark.parametrize("given", [None, 3])
def test_silence_is_not_taken_for_the_end_where_the_broker_tells_of_a_later_message(given: int | None) -> None:
    assert ends_of(ID, Read(given)) == [unbatched(str(NAME), 0, 5, 9)] * 3
    in_a_batch = {**ID, "x-pulsar-num-batch-message": "4"}
    assert ends_of(in_a_batch, Read(given)) == [batched(str(NAME), 0, 5, 9, 3)] * 3


def test_what_rests_on_silence_alone_is_not_remembered() -> None:
    read = Read(3)
    assert ends_of(None, read, size=1_000) == [unbatched(str(NAME), 0, 5, 3)] * 3
    assert read.readers == 3


@pytest.mark.parametrize(
    "header", [{"x-pulsar-marker-type": "20"}, {"x-pulsar-txn-uncommitted": "true"}, {"x-pulsar-num-chunks-from-msg": "3"}]
)
def test_an_entry_that_readers_do_not_get_is_no_end_and_costs_one_reader(header: Mapping[str, str]) -> None:
    read = Read(8)
    assert ends_of({**ID, **header}, read) == [unbatched(str(NAME), 0, 5, 8)] * 3
    assert read.readers == 1
