"""One process at a time asks the store about all subscriptions, and what it found is there for all."""

import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import connections

from eventstore.backlogs import TopicBacklogs
from eventstore.backlogs import face as face_module
from eventstore.backlogs import lease as leases
from eventstore.backlogs.face import BacklogFace
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.models import BacklogRow, LookRow
from eventstore.model.errors import StoreRefused, StoreUnreachable, UnknownTopic
from eventstore.model.events import Topic
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionCapabilities, SubscriptionType
from eventstore.subscriptions.face import SubscriptionFace
from tests.forked import start

pytestmark = pytest.mark.usefixtures("desk_databases")

NOW = timedelta(0)
LONG = timedelta(hours=1)


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store be asked again at once, however long the last answer took on this machine."""
    monkeypatch.setattr(face_module, "REST", 0)


@dataclass
class Told:
    """A store that tells what a test says, and counts how often it is asked about a topic."""

    topics: dict[str, Sequence[str] | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    away: bool = False
    backlog: int = 3
    capabilities = SubscriptionCapabilities(backlog_unit="events", reset_disconnects=False, lists_consumers=True)

    def of_topic(self, topic: str) -> Sequence[Subscription]:
        self.asked.append(topic)
        if self.away:
            raise StoreUnreachable("The store is away.")
        there = self.topics[topic]
        if isinstance(there, Exception):
            raise there
        return [
            Subscription(
                topic=topic,
                name=name,
                type=SubscriptionType.SHARED,
                cursors=[Cursor(partition=0, acknowledged=None, backlog=self.backlog)],
            )
            for name in there
        ]


class Store(DatabaseStorage):
    def __init__(self, told: Told) -> None:
        super().__init__()
        self.subscriptions = told  # type: ignore[assignment]
        self.log.topics = lambda: [Topic(name=name) for name in sorted(told.topics)]  # type: ignore[method-assign]


def face_of(told: Told) -> BacklogFace:
    """What one process has."""
    storage = Store(told)
    subscriptions = SubscriptionFace(storage=storage, rows_of=lambda _: [], stuck_after=timedelta(minutes=2))
    return BacklogFace(log=storage.log, subscriptions=subscriptions)


def no() -> bool:
    return False


def names(topics: Sequence[TopicBacklogs]) -> list[tuple[str, str]]:
    return [(one.topic.name, each.backlog.subscription.name) for one in topics for each in one.subscriptions]


def test_nothing_at_all_is_an_answer() -> None:
    told = Told()
    assert face_of(told).current().topics == []
    assert told.asked == []


def test_all_subscriptions_come_by_topic_and_name_and_a_second_process_does_not_ask_again() -> None:
    told = Told({"b": ["y", "x"], "a": ["z"]})
    first, second = face_of(told), face_of(told)
    assert names(first.current(LONG).topics) == [("a", "z"), ("b", "y"), ("b", "x")]
    assert names(second.current(LONG).topics) == names(first.current(LONG).topics)
    assert told.asked == ["a", "b"]
    second.forget()
    first.current(LONG)
    assert told.asked == ["a", "b"] * 2


def test_many_who_want_figures_at_once_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_module, "PATIENCE", 60.0)  # with less, a page on a busy machine shows what it has
    told = Told({f"t{number}": ["s"] for number in range(5)})
    faces = [face_of(told) for _ in range(3)]
    found: list[int] = []

    def look(face: BacklogFace) -> None:
        found.append(len(face.current(LONG).topics))
        connections.close_all()

    threads = [threading.Thread(target=look, args=(face,)) for face in faces * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [5] * 12
    assert len(told.asked) == 5


def test_a_topic_that_the_store_refuses_keeps_its_last_figures_with_the_reason() -> None:
    told = Told({"a": ["x"], "b": ["y"]})
    face = face_of(told)
    before = face.current(NOW).topics
    told.topics["a"] = StoreRefused("No permission.")
    told.backlog = 8
    a, b = face.current(NOW).topics
    assert (a.unavailable, a.as_of, a.subscriptions[0].backlog.waiting) == ("No permission.", before[0].as_of, 3)
    assert (b.unavailable, b.subscriptions[0].backlog.waiting) == ("", 8)
    told.topics["a"] = ["x"]
    assert (face.current(NOW).topics[0].unavailable, face.current(NOW).topics[0].subscriptions[0].backlog.waiting) == ("", 8)


def test_a_topic_that_was_refused_from_the_beginning_is_named_without_figures() -> None:
    face = face_of(Told({"a": StoreRefused("No permission."), "b": UnknownTopic("gone")}))
    (only,) = face.current(NOW).topics
    assert (only.topic.name, only.as_of, only.subscriptions, only.unavailable) == ("a", None, [], "No permission.")


def test_a_topic_that_is_gone_is_forgotten_but_not_what_was_seen_of_it() -> None:
    told = Told({"a": ["x"], "b": ["y"]})
    face = face_of(told)
    face.current(NOW)
    del told.topics["a"]
    assert names(face.current(NOW).topics) == [("b", "y")]
    assert LookRow.objects.filter(topic="a").count() == 1


def test_a_store_that_is_away_is_asked_once_by_all_and_its_last_figures_stay() -> None:
    told = Told({"a": ["x"], "b": ["y"]})
    first, second = face_of(told), face_of(told)
    first.current(NOW)
    told.away = True
    told.asked.clear()
    with pytest.raises(StoreUnreachable, match="away"):
        first.current(NOW)
    with pytest.raises(StoreUnreachable, match="away"):
        second.current(LONG)
    assert told.asked == ["a"]
    assert names(second.last_known().topics) == [("a", "x"), ("b", "y")]
    told.away = False
    assert len(second.current(NOW).topics) == 2


def test_what_a_poller_has_promised_to_ask_nobody_else_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_module, "POLL_EVERY", 1000.0)
    told = Told({"a": ["x"]})
    poller, page = face_of(told), face_of(told)
    assert poller.poll(LONG, no)
    assert page.current(NOW).topics
    assert not poller.poll(LONG, no)
    assert told.asked == ["a"]
    assert poller.poll(NOW, no)  # its own promise keeps nobody from polling
    page.forget()
    page.current(NOW)
    assert told.asked == ["a"] * 3


def test_where_an_answer_takes_long_nobody_asks_again_for_a_while_unless_something_was_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told({"a": ["x"]})
    face = face_of(told)
    monkeypatch.setattr(face_module, "REST", 10**9)
    face.current(NOW)
    face.current(NOW)
    assert told.asked == ["a"]
    face.forget()
    face.current(NOW)
    assert told.asked == ["a"] * 2


HOLDER = """
import os, sys, time
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
django.setup()
from datetime import timedelta
from eventstore.backlogs import lease
from eventstore.index.indexer.lease_owner import new_owner
assert lease.take(new_owner(), timedelta(0))
print("taken", flush=True)
time.sleep(60)
"""


def test_a_process_that_is_killed_while_it_asks_is_replaced_at_once(desk_databases: dict[str, str]) -> None:
    told = Told({"a": ["x"]})
    face = face_of(told)
    holder = start([sys.executable, "-c", HOLDER], stdout=-1, env={**os.environ, **desk_databases})
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"taken\n"
        assert leases.situation(NOW).taken
        assert leases.take("another", NOW) is None
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert face.current(NOW).topics
    assert told.asked == ["a"]


def test_a_lease_that_nobody_renews_ends_by_itself_and_its_late_owner_writes_nothing() -> None:
    late = leases.take("elsewhere", NOW)
    assert late is not None
    assert leases.take("another", NOW) is None
    BacklogRow.objects.filter(topic=leases.ALL).update(leased_until="2020-01-01T00:00:00Z")
    assert leases.take("another", NOW) is not None
    with pytest.raises(leases.LeaseLost):
        leases.renew(late)
    leases.finish(late, reason="too late")
    assert leases.situation(NOW).taken
    assert leases.situation(NOW).reason == ""
