"""Redrives that cannot go on: what they sent does not wait for another redrive, and nothing is sent that may have arrived.

The embedded store removes nothing. Here it does, and tells of it as Pulsar would.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from eventstore.drivers.database.copying import TableCopying, TablePublisher, TableSent
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import MessageRow, PartitionRow
from eventstore.drivers.database.positions import position_of
from eventstore.drivers.routing import partition_of
from eventstore.jobs import JobInterrupted
from eventstore.model.errors import InvalidMessage, NotSupported, StoreRefused, UnknownTopic
from eventstore.model.events import NewMessage
from eventstore.model.log import Ends
from eventstore.model.storage import Storage, copying_of, subscriptions_of
from eventstore.model.subscriptions import SubscriptionType
from eventstore.redrives.copies import LETTER
from eventstore.redrives.order import Order
from tests import redriving
from tests.redriving import Killed, Notes, copied, keep, letter, order_of, run, waiting

DEAD, RETRY = "s-m-DLQ", "s-m-RETRY"
FIRST, SECOND = (next(key for key in "abcdefgh" if partition_of(key, 2) == number) for number in range(2))
"""Keys of the first partition of two, and of the second."""
UNKNOWN = "nothing tells which of the next 4 dead letters, from"


@pytest.fixture
def product(desk_databases: dict[str, str]) -> str:
    return "SQLite"


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.redrives.sending.MOST_LETTERS", 4)


@pytest.fixture(autouse=True)
def told_as_pulsar_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(self: DatabaseLog, topic: str) -> Sequence[Ends]:
        return [_ends(topic, row) for row in PartitionRow.objects.filter(topic__name=topic).order_by("number")]

    monkeypatch.setattr(DatabaseLog, "ends", ends)


def _ends(topic: str, row: PartitionRow) -> Ends:
    left = list(MessageRow.objects.filter(partition=row).order_by("number").values_list("number", flat=True))
    first, last = (position_of(topic, row.number, left[at]) if left else None for at in (0, -1))
    written = position_of(topic, row.number, row.next_number - 1).token if row.next_number else ""
    return Ends(topic=topic, partition=row.number, first=first, last=last, written=written)


def trimmed(topic: str, partition: int = 0) -> int:
    """Remove what is there, as retention does, and return how much it was."""
    return MessageRow.objects.filter(partition__topic__name=topic, partition__number=partition).delete()[0]


def asked(storage: Storage, keys: Sequence[str] = ("k",), partitions: int = 1) -> Order:
    """Twelve letters, and a topic for them to go to."""
    storage.log.create_topic(DEAD)
    keep(storage, DEAD)
    storage.log.append(DEAD, [letter(number, key=keys[number * len(keys) // 12]) for number in range(12)])
    storage.log.create_topic(RETRY, partitions=partitions)
    return order_of(storage, DEAD, RETRY)


def killed(storage: Storage, order: Order, notes: Notes, name: str, time: int) -> None:
    """Run it until it comes to the step of this name for this time, counted from 1."""
    left = [time]

    def step(now: str) -> None:
        left[0] -= now == name
        if not left[0]:
            raise Killed(now)

    with pytest.raises(Killed):
        run(redriving.Over(storage, redriving.Stepping(copying_of(storage), step)), order, notes)


def on_the_second(raises: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch, of: type, name: str) -> None:
    """Let the second call of a method be this one."""
    real, calls = getattr(of, name), list[int]()

    def call(self: Any, *given: Any) -> Any:
        calls.append(1)
        return raises(self) if len(calls) == 2 else real(self, *given)

    monkeypatch.setattr(of, name, call)


def test_a_first_window_whose_copies_retention_removed_is_not_sent_again(storage: Storage) -> None:
    order, notes = asked(storage), Notes()
    killed(storage, order, notes, "settled", 1)
    assert trimmed(RETRY) == 4
    with pytest.raises(StoreRefused, match=f"{UNKNOWN} {DEAD} partition 0, 0 on"):
        run(storage, order, notes)
    assert copied(storage, RETRY) == {}
    assert len(waiting(storage, order)) == 12


def test_a_target_that_was_empty_all_the_time_is_no_reason_to_fail(storage: Storage) -> None:
    order, notes = asked(storage), Notes()
    storage.log.append(RETRY, [NewMessage(payload=b"x", key="k")])
    trimmed(RETRY)
    killed(storage, order, notes, "before sending", 1)
    run(storage, order, notes)
    assert waiting(storage, order) == []
    assert [len(found) for found in copied(storage, RETRY).values()] == [12]


def test_what_is_noted_is_acknowledged_though_nothing_tells_what_came_after_it(storage: Storage) -> None:
    order, notes = asked(storage), Notes()
    killed(storage, order, notes, "on the way", 2)  # the first window is noted and not acknowledged
    assert (notes.progress.done, len(waiting(storage, order))) == (4, 12)
    trimmed(RETRY)
    for _ in range(2):  # resuming it says the same
        with pytest.raises(StoreRefused, match=UNKNOWN):
            run(storage, order, notes)
        assert waiting(storage, order) == [b"%d" % number for number in range(4, 12)]


def test_a_partition_that_gets_no_copies_is_no_reason_to_fail(storage: Storage) -> None:
    order, notes = asked(storage, [FIRST], partitions=2), Notes()
    storage.log.append(RETRY, [NewMessage(payload=b"x", key=SECOND)])
    killed(storage, order, notes, "on the way", 2)
    storage.log.append(RETRY, [NewMessage(payload=b"y", key=SECOND)])
    assert trimmed(RETRY, partition=1) == 2
    run(storage, order, notes)
    assert waiting(storage, order) == []
    assert [len(found) for found in copied(storage, RETRY).values()] == [12]


def test_what_retention_removes_during_a_pause_is_no_reason_to_fail(storage: Storage) -> None:
    order, notes = asked(storage), Notes(stop_after=1)
    with suppress(JobInterrupted):
        run(storage, order, notes)
    notes.stop_after = None
    storage.log.append(RETRY, [NewMessage(payload=b"y", key="k")])
    assert trimmed(RETRY) == 5
    storage.log.append(RETRY, [NewMessage(payload=b"z", key="k", properties={LETTER: ""})])
    killed(storage, order, notes, "before sending", 1)
    run(storage, order, notes)
    assert waiting(storage, order) == []
    assert [len(found) for found in copied(storage, RETRY).values()] == [1 + 8]


def test_the_noted_places_move_on_in_partitions_that_get_nothing(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first eight letters go to one partition, and the last four to the other, where retention is at work meanwhile."""
    monkeypatch.setattr("eventstore.redrives.sending.LOOK_EVERY", 0.0)
    order, notes = asked(storage, [FIRST, FIRST, SECOND], partitions=2), Notes()

    def others(step: str) -> None:
        if step == "settled" and notes.progress.done == 0:
            storage.log.append(RETRY, [NewMessage(payload=b"y", key=SECOND)])
            trimmed(RETRY, partition=1)

    over = redriving.Over(storage, redriving.Stepping(copying_of(storage), others))
    killed(over, order, notes, "before sending", 3)
    run(storage, order, notes)
    assert waiting(storage, order) == []
    assert {key: len(found) for key, found in copied(storage, RETRY).items()} == {FIRST: 8, SECOND: 4}


@pytest.mark.parametrize("error", [StoreRefused("no"), UnknownTopic("gone"), NotSupported("never"), KeyError("version")])
def test_what_is_noted_is_acknowledged_whatever_ends_the_sending(
    storage: Storage, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(publisher: TablePublisher) -> None:
        raise error

    order, notes = asked(storage), Notes()
    on_the_second(refuse, monkeypatch, TablePublisher, "send")
    with pytest.raises(type(error)):
        run(storage, order, notes)
    assert waiting(storage, order) == [b"%d" % number for number in range(4, 12)]


def test_what_has_arrived_is_acknowledged_though_it_was_not_noted(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sent: TableSent) -> None:
        raise InvalidMessage("no")

    order, notes = asked(storage), Notes()
    on_the_second(refuse, monkeypatch, TableSent, "settle")
    with pytest.raises(InvalidMessage):
        run(storage, order, notes)
    assert sum(map(len, copied(storage, RETRY).values())) == 8
    assert waiting(storage, order) == [b"%d" % number for number in range(8, 12)]


def test_what_is_noted_is_acknowledged_though_the_next_run_cannot_even_begin(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **named: Any) -> None:
        raise NotSupported("no such schema")

    order, notes = asked(storage), Notes()
    killed(storage, order, notes, "on the way", 2)
    monkeypatch.setattr(TableCopying, "open_publisher", refuse)
    with pytest.raises(NotSupported):
        run(storage, order, notes)
    assert waiting(storage, order) == [b"%d" % number for number in range(8, 12)]  # the second window had arrived


def test_the_lease_is_kept_while_a_run_reads_what_has_arrived_and_seeks_its_letters(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.copying.source.AT_ONCE", 1)
    order, notes, ticks = asked(storage), Notes(), list[str]()
    killed(storage, order, notes, "on the way", 2)
    storage.log.append(RETRY, [NewMessage(payload=b"x", key="k", properties={LETTER: ""})] * 50)
    notes.is_due, notes.step = True, ticks.append
    run(storage, order, notes)
    assert ticks.count("before a note") > 50


def test_a_redrive_stops_when_its_letters_would_be_got_by_nobody_or_by_more_than_were_named(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.redrives.sending.LOOK_EVERY", 0.0)
    order, notes = replace(asked(storage), name="m", audience=["m"]), Notes()
    with pytest.raises(StoreRefused, match="The subscription m of s-m-RETRY is gone"):
        run(storage, order, notes)
    assert not notes.checkpoint
    subscriptions_of(storage).create(RETRY, "m", type=SubscriptionType.SHARED)

    def another(step: str) -> None:
        if step == "settled":
            subscriptions_of(storage).create(RETRY, "audit", type=SubscriptionType.SHARED)

    over = redriving.Over(storage, redriving.Stepping(copying_of(storage), another))
    with pytest.raises(StoreRefused, match="subscriptions that would get the letters too: audit"):
        run(over, order, notes)
    assert notes.progress.done == 4
    assert waiting(storage, order) == [b"%d" % number for number in range(4, 12)]
