"""The indexer while topics come, go and change: new ones are found, those that went are noted as gone."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError

from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer import leases, topic_watch
from eventstore.index.indexer import run as following_module
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.indexer import Indexer
from eventstore.index.indexer.run import index_until_caught_up
from eventstore.index.lookup import queries
from eventstore.index.models import IndexedPartition
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Topic
from eventstore.model.log import Ends
from tests.contract.helpers import soon
from tests.index.running_indexers import RefusingAtFirst, following, indexed, owners, published, running
from tests.indexing import place
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases", "in_a_hurry")


class Watched(DatabaseLog):
    """A log in which one can take topics away from the indexer that looks for them."""

    hidden: frozenset[str] = frozenset()

    def topics(self) -> Sequence[Topic]:
        return [topic for topic in super().topics() if topic.name not in self.hidden]


def test_new_topics_are_found_and_those_that_went_are_let_go() -> None:
    storage = StorageOver(Watched())
    published(storage, 3)
    with running(storage):
        assert soon(lambda: indexed() == 3)
        published(storage, 7, topic="permits", partitions=3)
        assert soon(lambda: indexed("permits") == 7)
        storage.log.hidden = frozenset({"permits"})
        assert soon(lambda: not IndexedPartition.objects.filter(topic="permits").exclude(owner="").exists())
        published(storage, 2)
        assert soon(lambda: indexed() == 5)


def gone() -> set[str]:
    """The topics of which a partition is noted as gone from the store."""
    return set(IndexedPartition.objects.filter(gone_at__isnull=False).values_list("topic", flat=True))


def test_a_topic_that_went_is_noted_as_gone_and_holds_up_nothing_until_it_is_back() -> None:
    storage = StorageOver(Watched())
    published(storage, 3)
    published(storage, 3, topic="permits")
    with running(storage):
        assert soon(lambda: (indexed(), indexed("permits")) == (3, 3))
        storage.log.hidden = frozenset({"permits"})
        assert soon(lambda: gone() == {"permits"})
        IndexedPartition.objects.filter(topic="permits").update(caught_up_at=None)
        known = {topic.topic: topic for topic in queries.indexed_topics()}
        assert known["permits"].gone_at is not None
        assert (known["documents"].gone_at, known["permits"].events) == (None, 3)
        storage.log.hidden = frozenset()
        assert soon(lambda: gone() == set())
        assert soon(lambda: "" not in owners().values())


def test_no_topic_is_noted_as_gone_while_the_store_does_not_tell_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = StorageOver(RefusingAtFirst())
    storage.log.refusals = 0
    published(storage, 3)
    index_until_caught_up(following(storage, threading.Event()))
    storage.log.refusals = 1_000
    with running(storage):
        assert soon(lambda: storage.log.refusals < 990)
    assert gone() == set()


def test_a_store_that_refuses_again_and_again_is_told_once_and_when_it_answers_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    storage = StorageOver(RefusingAtFirst())
    storage.log.refusals = 0
    published(storage, 3)
    storage.log.refusals = 20
    with running(storage):
        assert soon(lambda: indexed() == 3)
    told = [record.getMessage() for record in caplog.records if "Looking for topics" in record.getMessage()]
    assert len(told) == 2, told
    assert told[1] == "Looking for topics: the store answers again."


def test_a_partition_that_fails_again_and_again_is_told_once_and_when_it_works(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    storage = DatabaseStorage()
    published(storage, 3)
    opening, failures = AssignedPartition.open, [StoreUnreachable("It is away.")] * 5

    def fail(self: AssignedPartition, *arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return opening(self, *arguments)

    monkeypatch.setattr(AssignedPartition, "open", fail)
    with running(storage):
        assert soon(lambda: indexed() == 3)
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("documents partition 0")]
    assert told == ["documents partition 0: trying again: It is away.", "documents partition 0: works again."]


@pytest.mark.parametrize("to_an_end", [False, True])
def test_an_index_database_that_is_away_again_and_again_is_told_once_and_when_it_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, to_an_end: bool
) -> None:
    storage = DatabaseStorage()
    published(storage, 3)
    step, failures = Indexer.step, [OperationalError("the disk is full")] * 5

    def fail(self: Indexer, timeout: float) -> None:
        if failures:
            raise failures.pop()
        step(self, timeout)

    monkeypatch.setattr(Indexer, "step", fail)
    if to_an_end:
        index_until_caught_up(following(storage, threading.Event()))
    else:
        with running(storage):
            assert soon(lambda: indexed() == 3)
    told = [record.getMessage() for record in caplog.records if "index's database" in record.getMessage()]
    assert told == [
        "The index's database: trying again: OperationalError: the disk is full",
        "The index's database: answers again.",
    ]


def test_what_another_indexer_watches_is_not_gone_for_one_that_does_not() -> None:
    storage = DatabaseStorage()
    published(storage, 3)
    published(storage, 3, topic="permits")
    topics = {topic.name: topic for topic in storage.log.topics()}
    never = threading.Event()
    with (
        following_module._indexer(following(storage, never, owner="wide")) as wide,
        following_module._indexer(following(storage, never, owner="narrow")) as narrow,
    ):
        wide.topics, narrow.topics = topics, {"documents": topics["documents"]}
        wide.rebalance()
        narrow.rebalance()
        assert gone() == set()
        wide.leave()
        narrow.rebalance()
        assert gone() == {"permits"}, "nobody watches it now"


def test_topics_that_change_in_the_middle_of_a_look_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watching thread replaces them whenever the store says so: between the leasing of a partition and its opening too."""
    storage = DatabaseStorage()
    published(storage, 3)
    taken = leases.take
    with following_module._indexer(following(storage, threading.Event(), owner="one")) as indexer:
        indexer.topics = {topic.name: topic for topic in storage.log.topics()}

        def take(*arguments: Any, **more: Any) -> dict[int, int]:
            indexer.topics = {}
            return taken(*arguments, **more)

        monkeypatch.setattr(leases, "take", take)
        indexer.rebalance()
        assert owners() == {0: "one"}
        indexer.rebalance()
        assert owners() == {0: ""}


def test_an_end_that_was_taken_away_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_watch, "ASK_AGAIN", 0.3)
    storage = DatabaseStorage()
    published(storage, 3)
    later: Callable[[Ends], Ends] = lambda ends: replace(ends, last=place(9, topic="documents"))  # noqa: E731
    gone = [storage.log.position("documents", 0, end.last.token) for end in storage.log.ends("documents") if end.last]
    assert gone
    changes = iter([later])

    ends_now = storage.log.ends

    def ends(topic: str) -> Sequence[Ends]:
        change = next(changes, None)
        found = ends_now(topic)
        return [change(end) for end in found] if change else found

    monkeypatch.setattr(storage.log, "ends", ends)
    with running(storage):
        assert soon(lambda: IndexedPartition.objects.filter(caught_up_at__isnull=False).exists())
