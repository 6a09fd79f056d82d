"""A reset as an action: what its parts say, and what the store shows of one that a crash left open."""

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from eventstore.actions import Ending, Part, Running, partitions, subscription_resource
from eventstore.actions.partitions import NOT_TRIED
from eventstore.actions.recovery import shown_by_store
from eventstore.cursors import RESET_CURSOR
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.drivers.database.subscriptions import moving
from eventstore.model.cursor_moves import CursorMove, MoveResult
from eventstore.model.errors import EventStoreError, LeaseLost, StoreRefused, StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.safeguards import MemoryLease, MemoryLocks
from tests.unit.cursors.standing import index_all

pytestmark = pytest.mark.usefixtures("desk_databases")

MAILER = subscription_resource("patients", "mailer")
MOVED, NOT_MOVED, UNKNOWN, REFUSED = MoveResult.MOVED, MoveResult.NOT_MOVED, MoveResult.UNKNOWN, MoveResult.FAILED
DONE, FAILED = Ending.DONE, Ending.FAILED
LOST = LeaseLost("Somebody else has it now.")
NO = StoreRefused("The broker refuses this.")


@pytest.fixture
def storage() -> Iterator[DatabaseStorage]:
    opened = DatabaseStorage()
    opened.log.create_topic("patients", partitions=3)
    opened.log.append("patients", [NewMessage(payload=b"{}", key=f"k{number}") for number in range(9)])
    opened.subscriptions.create("patients", "mailer", type=SubscriptionType.SHARED, start=Edge.LATEST)
    yield opened
    opened.close()


def answering(results: list[MoveResult], error: EventStoreError | None) -> Callable[..., None]:
    def reset_cursor(topic: str, name: str, targets: Mapping[int, Any], **callbacks: Callable[..., None]) -> None:
        for partition, result in zip(sorted(targets), results, strict=False):
            callbacks["on_begin"](partition)
            callbacks["on_move"](CursorMove(partition=partition, result=result, reason="" if result is MOVED else "so"))
        if error is not None:
            raise error

    return reset_cursor


def execute(storage: DatabaseStorage, act: Running) -> list[tuple[Ending, str]]:
    RESET_CURSOR.execute(storage, RESET_CURSOR.plan(storage, MAILER, Edge.EARLIEST), act)
    return [(part.ending, part.reason) for part in act.parts]


@pytest.mark.parametrize(
    ("results", "error", "parts"),
    [
        ([MOVED, NOT_MOVED, UNKNOWN], None, [(DONE, ""), (FAILED, "so"), (Ending.UNKNOWN, "so")]),
        ([MOVED, REFUSED], NO, [(DONE, ""), (FAILED, "so"), (FAILED, NOT_TRIED)]),
        ([UNKNOWN, REFUSED], NO, [(Ending.UNKNOWN, "so"), (FAILED, "so"), (FAILED, NOT_TRIED)]),
        ([MOVED], LOST, [(DONE, ""), (FAILED, str(LOST)), (FAILED, str(LOST))]),
        ([UNKNOWN], LOST, [(Ending.UNKNOWN, "so"), (FAILED, str(LOST)), (FAILED, str(LOST))]),
    ],
    ids=["to its end", "refused", "refused after an unknown one", "lock lost", "lock lost after an unknown one"],
)
def test_each_partition_is_a_part_and_says_why_it_was_not_moved(
    storage: DatabaseStorage,
    monkeypatch: pytest.MonkeyPatch,
    results: list[MoveResult],
    error: EventStoreError | None,
    parts: list[tuple[Ending, str]],
) -> None:
    monkeypatch.setattr(storage.subscriptions, "reset_cursor", answering(results, error))
    assert execute(storage, Running(lease=None)) == parts


@pytest.mark.parametrize("results", [[], [REFUSED], [NOT_MOVED, REFUSED]])
def test_an_error_before_anything_can_have_moved_is_raised(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch, results: list[MoveResult]
) -> None:
    monkeypatch.setattr(storage.subscriptions, "reset_cursor", answering(results, NO))
    act = Running(lease=None)
    with pytest.raises(StoreRefused):
        execute(storage, act)
    assert act.parts == [Part(name=f"partition {n}", ending=FAILED, reason="so") for n in range(len(results))]


def test_the_lock_is_renewed_before_each_partition_and_not_after_the_last(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = MemoryLocks()
    monkeypatch.setattr(storage.subscriptions, "reset_cursor", answering([MOVED, MOVED, MOVED], None))
    assert execute(storage, Running(lease=MemoryLease(locks, MAILER.key))) == [(DONE, "")] * 3
    assert locks.renewals == 3


def test_a_move_that_takes_long_begins_no_further_partition_and_the_next_one_goes_on_with_them(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, order = [0.0], list[int]()

    def slowly(topic: str, name: str, targets: Mapping[int, Any], **callbacks: Callable[..., None]) -> None:
        for partition, target in targets.items():
            callbacks["on_begin"](partition)
            order.append(partition)
            clock[0] += partitions.LONGEST / 2 + 1
            callbacks["on_begin"](partition)  # as of a call that takes long: it is done to its end
            moving.reset_cursor(topic, name, {partition: target})
            callbacks["on_move"](CursorMove(partition=partition, result=MOVED))

    monkeypatch.setattr(storage.subscriptions, "reset_cursor", slowly)
    monkeypatch.setattr(partitions, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    index_all(storage)
    told = execute(storage, Running(lease=None))
    assert told == [(DONE, ""), (DONE, ""), (FAILED, partitions.OUT_OF_TIME)]
    assert execute(storage, Running(lease=None)) == [(DONE, ""), (DONE, ""), (FAILED, partitions.OUT_OF_TIME)]
    assert order == [0, 1, 2, 0], "what is left to do comes first"


def test_a_move_of_which_every_partition_failed_until_the_time_was_over_says_why_they_failed(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def failing(topic: str, name: str, targets: Mapping[int, Any], **callbacks: Callable[..., None]) -> None:
        for partition in targets:
            callbacks["on_begin"](partition)
            clock[0] += partitions.LONGEST / 2 + 1
            callbacks["on_move"](CursorMove(partition=partition, result=MoveResult.FAILED, reason="The broker is busy."))

    monkeypatch.setattr(storage.subscriptions, "reset_cursor", failing)
    monkeypatch.setattr(partitions, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    with pytest.raises(EventStoreError, match=r"partition 0: The broker is busy\. The partitions after it were not tried"):
        execute(storage, Running(lease=None))


def test_a_lock_that_was_lost_before_the_first_partition_moves_nothing(storage: DatabaseStorage) -> None:
    with pytest.raises(LeaseLost):
        execute(storage, Running(lease=MemoryLease(MemoryLocks(lost=True), MAILER.key)))
    assert storage.subscriptions.named("patients", "mailer").backlog == 0


def test_after_a_crash_the_store_shows_where_the_cursor_stands(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(action: str = "reset_cursor", name: str = "mailer") -> Mapping[str, Any]:
        return shown_by_store(storage, action, subscription_resource("patients", name), {})

    before = shown()
    assert set(before["stands_at"]) == {"0", "1", "2"}
    assert before["backlog"] == 0
    execute(storage, Running(lease=None))
    assert shown() == {"stands_at": {"0": "start", "1": "start", "2": "start"}, "backlog": 9}
    assert shown(name="gone") == {"subscription": "is not there"}
    assert shown("an_action_that_is_gone") == {}

    def away(topic: str, name: str) -> None:
        raise StoreUnreachable("The broker does not answer.")

    monkeypatch.setattr(storage.subscriptions, "named", away)
    assert shown() == {"store": "could not be asked: The broker does not answer."}
