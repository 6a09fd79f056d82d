"""The index of topics with messages that hold several events: the flat list of the events, wherever an indexer stopped."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from eventstore.config.loading import Config
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check.run import check_topic
from eventstore.index.indexer.run import index_until_caught_up
from eventstore.index.models import IndexedPartition, current_partitions
from eventstore.index.rebuild.run import rebuild_topic
from eventstore.index.writing import writer
from eventstore.index.writing.partition import move_checkpoint
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import NewMessage, Position
from eventstore.streams import copies
from tests.batches import Numbers, in_a_batch
from tests.index.running_indexers import following
from tests.indexing import pointers

pytestmark = pytest.mark.usefixtures("desk_databases", "in_a_hurry")

TOPIC = "patients"


@pytest.fixture
def storage() -> DatabaseStorage:
    made = DatabaseStorage()
    made.log.create_topic(TOPIC)
    return made


def difference(storage: DatabaseStorage) -> str:
    (report,) = check_topic(storage, Config(), storage.log.topic(TOPIC), lambda _: None, threading.Event())
    return report.difference


@pytest.mark.usefixtures("in_a_hurry")
@pytest.mark.parametrize(("messages", "batch"), [(60, 4), pytest.param(3_000, 50, marks=pytest.mark.soak, id="soak")])
def test_of_random_batches_the_index_is_the_flat_list_though_its_writing_fails_again_and_again(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch, messages: int, batch: int
) -> None:
    seed = random.randrange(10**9)
    print("seed", seed)  # noqa: T201 -- to repeat it
    numbers = Numbers().add_random(random.Random(seed), messages)
    storage.log.append(TOPIC, numbers.messages)
    monkeypatch.setattr(writer, "move_checkpoint", failing_each(3, move_checkpoint))
    inside: list[bool] = []

    def note(*_: object) -> None:
        token = current_partitions().using("index").get().checkpoint
        inside.append(Position(topic=TOPIC, partition=0, token=token).member is not None)

    index_until_caught_up(following(storage, threading.Event(), batch=batch, on_batch=note))
    found = pointers(TOPIC)
    assert [one.event_id for one in found] == numbers.ids
    assert [one.position.token for one in found] == [
        one.position.token for one in storage.log.read_forward(TOPIC, 0, limit=len(numbers.ids) + 1)
    ]
    assert [one.version for one in found] == [number // numbers.aggregates + 1 for number in range(len(found))]
    assert any(inside), "no checkpoint was inside a message: nothing was proved"
    assert difference(storage) == ""
    rebuild_topic(storage, Config(), storage.log.topic(TOPIC), lambda _: None, threading.Event(), batch=batch)
    assert [one.event_id for one in pointers(TOPIC)] == numbers.ids
    assert difference(storage) == ""


def failing_each(times: int, write: Callable[..., None]) -> Callable[..., None]:
    """Fail at the end of each so-and-so-many-th transaction, as if the process were killed before it was committed."""
    calls = iter(range(10**9))

    def written(*given: Any) -> None:
        write(*given)
        if next(calls) % times == 1:
            raise OperationalError("killed")

    return written


def test_the_same_id_twice_in_a_batch_is_a_duplicate_and_a_bad_member_is_unreadable_alone(storage: DatabaseStorage) -> None:
    numbers = Numbers(aggregates=1)
    first = numbers.document()
    storage.log.append(TOPIC, [in_a_batch([first, first, 7, numbers.document()])])
    index_until_caught_up(following(storage, threading.Event()))
    found = pointers(TOPIC)
    assert [one.event_id for one in found] == ["e0", "e0", found[2].position.encode(), "e1"]
    assert [tuple(one.anomalies) for one in found] == [(), (Anomaly.DUPLICATE_ID,), (Anomaly.UNREADABLE,), ()]
    assert [one.version for one in found] == [1, 2, None, 3]
    assert difference(storage) == ""


def test_an_index_from_before_is_read_on_and_the_check_names_the_difference(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the batch as one unreadable event. That is no sign that the topic was made anew."""
    numbers = Numbers()
    storage.log.append(TOPIC, [numbers.batch(3)])
    with monkeypatch.context() as before:
        before.setattr(storage, "log", storage.log.messages)  # type: ignore[attr-defined]
        index_until_caught_up(following(storage, threading.Event()))
    assert [one.unreadable for one in pointers(TOPIC)] == [True]
    storage.log.append(TOPIC, [numbers.batch(2)])
    index_until_caught_up(following(storage, threading.Event()))
    assert IndexedPartition.objects.using("index").count() == 1
    assert [one.event_id for one in pointers(TOPIC)][1:] == ["e3", "e4"]
    assert difference(storage)
    rebuild_topic(storage, Config(), storage.log.topic(TOPIC), lambda _: None, threading.Event())
    assert [one.event_id for one in pointers(TOPIC)] == numbers.ids
    assert difference(storage) == ""


def test_a_member_of_a_dead_lettered_batch_leads_to_the_same_member_of_the_original(storage: DatabaseStorage) -> None:
    numbers, letters = Numbers(), storage.log.create_topic(f"{TOPIC}-mailer-DLQ").name
    (original,) = storage.log.append(TOPIC, [numbers.batch(3)])
    batch = numbers.messages[0]
    properties = {**batch.properties, "ORIGIN_MESSAGE_ID": original.label}
    storage.log.append(letters, [NewMessage(payload=batch.payload.replace(b'"e', b'"copy-'), key="k", properties=properties)])
    index_until_caught_up(following(storage, threading.Event()))
    pairs = list(zip(pointers(TOPIC), pointers(letters), strict=True))
    assert len(pairs) == 3
    for one, copy in pairs:
        assert [found.event_id for found in copies.copies_of(storage.log, one)] == [copy.event_id]
        assert [found.event_id for found in copies.originals_of(storage.log, copy)] == [one.event_id]
