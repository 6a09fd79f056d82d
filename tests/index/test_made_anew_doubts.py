"""What is no sign that a topic was made anew, and what is asked once a store that was away answers again."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.run import index_until_caught_up
from eventstore.index.lookup import progress
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild.build import BegunOnAnother
from eventstore.index.rebuild.run import discard, rebuild_topic
from eventstore.index.writing.drafting import Ways
from eventstore.index.writing.partition import Memory
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, Topic
from eventstore.model.log import Ends, Reader
from tests.contract.helpers import soon
from tests.index.made_anew import Untold, delete, lives, publish
from tests.index.running_indexers import following, running
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases", "in_a_hurry")


class Silent(Untold):
    """A store that gives nothing at a place, as a broker may that does not answer in time."""

    def read_forward(self, topic: str, partition: int, **how: Any) -> Sequence[Message]:
        return []


class Short(Silent):
    """Its last event is found by a reader that was given one far too early. It knows where its log ends."""

    def ends(self, topic: str) -> Sequence[Ends]:
        return [replace(end, last=end.first, bound=end.last) for end in super().ends(topic)]


@pytest.mark.parametrize("log", [Silent, Short])
@pytest.mark.parametrize("was_gone", [False, True])
def test_silence_tells_nothing_even_of_a_topic_that_was_gone_for_a_time(log: type[DatabaseLog], was_gone: bool) -> None:
    storage = StorageOver(log())
    publish(storage, 30)
    with running(storage):
        assert soon(lambda: lives() == [(30, False)])
    if was_gone:
        IndexedPartition.objects.update(gone_at=timezone.now())
    publish(storage, 5, life="later")
    with running(storage):
        assert soon(lambda: lives() == [(35, False)])
    assert progress.made_anew() == []


class SilentWithAName(DatabaseLog):
    """A store that says which log it has, and gives nothing of it."""

    def read_forward(self, topic: str, partition: int, **how: Any) -> Sequence[Message]:
        return []


@pytest.mark.parametrize(("log", "answers"), [(DatabaseLog, True), (SilentWithAName, False)])
def test_a_row_of_an_older_version_learns_its_incarnation_when_it_is_opened_if_the_store_shows_its_last_event(
    log: type[DatabaseLog], answers: bool
) -> None:
    storage = StorageOver(log())
    publish(storage, 3)
    index_until_caught_up(following(storage, threading.Event()))
    known = storage.log.incarnation("documents", 0)
    IndexedPartition.objects.update(incarnation="")
    row = IndexedPartition.objects.get()
    topic = storage.log.topic("documents")
    with (
        AssignedPartition(topic=topic, number=0, row=row.pk, epoch=row.epoch)
        .open(storage, Memory(), Ways(mappings=(), decode=lambda message: None, values_of=None))
        .reader
    ):
        assert IndexedPartition.objects.get().incarnation == (known if answers else "")


class SometimesAway(DatabaseLog):
    """A store that does not list its topics while it is away. It counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.listed = self.opened = 0

    def topics(self) -> Sequence[Topic]:
        self.listed += 1
        if self.away:
            raise StoreUnreachable("The store does not answer now.")
        return super().topics()

    def open_reader(self, topic: str, partition: int, **how: Any) -> Reader:
        self.opened += 1
        return super().open_reader(topic, partition, **how)

    def outage(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Be away for three questions, and be asked twice afterwards."""
        self.away = True
        self._be_asked(3)
        meanwhile()
        self.away = False
        self._be_asked(2)

    def _be_asked(self, times: int) -> None:
        until = self.listed + times
        assert soon(lambda: self.listed >= until)


def test_a_list_of_topics_that_fails_for_a_while_opens_no_partition_again() -> None:
    storage = StorageOver(SometimesAway())
    publish(storage, 60, partitions=3, keys=20)
    with running(storage):
        assert soon(lambda: sum(events for events, _ in lives()) == 60)
        storage.log.outage()
        publish(storage, 20, keys=20, life="later", partitions=3)
        assert soon(lambda: sum(events for events, _ in lives()) == 80)
    assert storage.log.opened == 3


def test_a_topic_that_is_another_one_after_an_outage_is_begun_anew() -> None:
    storage = StorageOver(SometimesAway())
    publish(storage, 20)

    def lose_the_data() -> None:
        delete()
        publish(storage, 20, life="new")

    with running(storage):
        assert soon(lambda: lives() == [(20, False)])
        storage.log.outage(lose_the_data)
        assert soon(lambda: lives() == [(20, True), (20, False)])


@pytest.mark.parametrize("filled", [10, 30])
def test_a_rebuild_that_was_begun_on_the_old_topic_ends_at_once_and_says_how_to_begin_anew(
    filled: int,
) -> None:
    """Whether it had got as far as the swap or not."""
    storage = DatabaseStorage()
    publish(storage, 30)
    index_until_caught_up(following(storage, threading.Event()))
    stop = threading.Event()

    def rebuild(stop: threading.Event) -> bool:
        topic, done = storage.log.topic("documents"), [0]

        def progressed(events: int) -> None:
            done[0] += events
            if done[0] >= filled:
                stop.set()

        return rebuild_topic(storage, Config(), topic, progressed, stop, batch=10).live

    assert not rebuild(stop)
    delete()
    publish(storage, 30, life="new")
    index_until_caught_up(following(storage, threading.Event()))
    assert lives() == [(30, True), (30, False)]
    with pytest.raises(BegunOnAnother, match=r"made anew.*--topic documents --restart"):
        rebuild(threading.Event())
    assert lives() == [(30, True), (30, False)]
    assert discard("documents")
    filled = 1_000
    assert rebuild(threading.Event())
    assert lives() == [(30, True), (30, False)]
