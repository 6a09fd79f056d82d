"""An aggregate that is followed in all topics in which it has events, and a topic that is new to it."""

import threading
import time

import pytest
from django.db import DatabaseError

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.lookup import queries
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.search import parse_filter
from eventstore.tail import Counts, Hub, Start
from eventstore.tail.subscriber import catchup
from tests.contract.helpers import soon
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")

MOVER = ("document", "mover")
ITS_OWN = parse_filter("").of_aggregate(*MOVER)


@pytest.fixture
def log() -> DatabaseLog:
    made = DatabaseLog()
    for topic in ("known", "new"):
        made.create_topic(topic, partitions=2)
    return made


def publish(log: DatabaseLog, topic: str, ids: range, aggregate: str) -> None:
    log.append(topic, [_an_event(str(id), aggregate) for id in ids])
    time.sleep(0.005)  # no two calls have the same instant


def _an_event(id: str, aggregate: str) -> NewMessage:
    properties = {
        "ce_id": id,
        "ce_type": "t",
        "ce_source": "/s",
        "ce_specversion": "1.0",
        "ce_aggregatetype": "document",
        "ce_aggregateid": aggregate,
    }
    return NewMessage(payload=b"{}", key=f"{aggregate}{int(id) % 5}", properties=properties)


def index(log: DatabaseLog) -> None:
    index_until_caught_up(
        Following(storage=StorageOver(log), config=Config(), stop=threading.Event(), on_batch=lambda *_: None)
    )


@pytest.mark.slow
@pytest.mark.parametrize("complete", [True, False])
def test_a_topic_that_the_places_do_not_name_begins_with_its_first_event_there(
    log: DatabaseLog, hub: Hub, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    monkeypatch.setattr(catchup, "MOST_MISSED", 5)
    monkeypatch.setattr(catchup, "MOST_KEPT", 2)
    publish(log, "known", range(3), "mover")
    publish(log, "new", range(100, 180), "another")
    known, new = log.topic("known"), log.topic("new")
    had = hub.open([known], Start(), lambda: None, filter=ITS_OWN).take().places
    publish(log, "new", range(10, 11), "mover")
    publish(log, "new", range(200, 220), "another")
    publish(log, "new", range(11, 14), "mover")
    index(log)
    subscriber = hub.open([known, new], Start(places=had, aggregate=MOVER), lambda: None, filter=ITS_OWN, complete=complete)
    found: list[str] = []
    counts = Counts()

    def all_there() -> bool:
        nonlocal counts
        take = subscriber.take()
        counts = take.counts
        found.extend(entry.event.id or "" for piece in take.pieces for entry in piece.entries)
        return counts.published >= 24

    assert soon(all_there), counts
    assert sorted(found) == ["10", "11", "12", "13"]
    assert counts == Counts(published=24, matched=4, shown=4), "nothing of what was there before, and none left out"


def test_without_the_index_nobody_can_say_where_it_begins(log: DatabaseLog, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(type: str, id: str) -> None:
        raise DatabaseError

    monkeypatch.setattr(queries, "stream_sources", away)
    with pytest.raises(StoreUnreachable, match="index"):
        hub.open([log.topic("new")], Start(places={}, aggregate=MOVER), lambda: None)
