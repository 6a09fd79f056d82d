"""Searches that read a topic, over every driver: every event once, in order, both ways, and on from where one stopped."""

from typing import Any

import pytest

from eventstore.envelope import read_event
from eventstore.model.events import Event, NewMessage, Topic
from eventstore.model.storage import Storage
from eventstore.scanning import partition_reader
from eventstore.scanning.progress import ScanProgress, ScanState
from eventstore.scanning.scan import Scan, ScanLimits, ScanRequest
from eventstore.search import parse_filter
from tests.contract.conftest import MakeTopic
from tests.parts import subscriptions_of

LONG = 60.0
EVENTS = 150


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty messages per piece, so that small topics have several."""
    for name in ("SMALLEST", "FIRST", "LARGEST"):
        monkeypatch.setattr(partition_reader, name, 20)


def filled(storage: Storage, topic: Topic, *, start: int = 0) -> None:
    """Numbered events of many keys, in calls of different sizes: on a broker, batches and single entries."""
    number = start
    for size in (1, 30, 1, 1, 60, 57):
        storage.log.append(topic.name, [message(each) for each in range(number, number + size)])
        number += size


def message(number: int) -> NewMessage:
    properties = {
        "ce_specversion": "1.0",
        "ce_id": f"e-{number}",
        "ce_type": "numbered",
        "ce_source": "/tests",
        "ce_aggregatetype": "number",
        "ce_aggregateid": f"k{number % 17}",
    }
    return NewMessage(payload=b'{"n": %d}' % number, key=f"k{number % 17}", properties=properties)


def searched(
    storage: Storage, topic: Topic, text: str, *, limits: ScanLimits | None = None, **more: Any
) -> tuple[list[Event], ScanProgress]:
    """Return what a search found, and how it ended."""

    def kept(event: Event) -> Event:
        return event

    request = ScanRequest(topic=topic, filter=parse_filter(text), **more)
    scan = Scan(storage.log, request, read=read_event, keep=kept, limits=limits)
    scan.start()
    scan.join(LONG)
    assert not scan.running
    return list(scan.matches()), scan.progress()


def in_order(events: list[Event], newest_first: bool) -> bool:
    """Return whether each partition's events are in the order of its log."""
    sources: dict[int, list[Any]] = {}
    for event in events:
        sources.setdefault(event.position.partition, []).append(event.position)
    return all(source == sorted(source, reverse=newest_first) for source in sources.values())


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("partitions", [1, 3])
def test_every_event_is_read_once_and_in_order(
    storage: Storage, topic: MakeTopic, partitions: int, newest_first: bool
) -> None:
    made = topic(partitions=partitions)
    filled(storage, made)
    events, progress = searched(storage, made, "data.n>=100", newest_first=newest_first)
    assert sorted(event.id for event in events) == sorted(f"e-{number}" for number in range(100, EVENTS))
    assert in_order(events, newest_first)
    assert (progress.state, progress.read, progress.complete) == (ScanState.FINISHED, EVENTS, True)


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_search_goes_on_from_where_one_stopped(storage: Storage, topic: MakeTopic, newest_first: bool) -> None:
    made = topic(partitions=3)
    filled(storage, made)
    found: list[Event] = []
    onward, total = "", 0
    while True:
        events, progress = searched(
            storage, made, "type:numbered", limits=ScanLimits(events=47), newest_first=newest_first, onward=onward
        )
        found += events
        total += progress.read
        onward = progress.onward
        if not onward:
            break
    assert total == EVENTS
    assert sorted(event.id for event in found) == sorted(f"e-{number}" for number in range(EVENTS))
    assert in_order(found, newest_first)


def test_an_empty_topic_is_read_to_its_end(storage: Storage, topic: MakeTopic) -> None:
    for newest_first in (True, False):
        events, progress = searched(storage, topic(partitions=2), "type:numbered", newest_first=newest_first)
        assert (events, progress.complete, progress.words) == ([], True, "There is no event to read.")


def test_nothing_published_before_a_time_is_read(storage: Storage, topic: MakeTopic) -> None:
    made = topic(partitions=2)
    filled(storage, made)
    last = max(message.published for number in range(2) for message in storage.log.read_backward(made.name, number, limit=1))
    for newest_first in (True, False):
        events, progress = searched(storage, made, "type:numbered", published_since=last, newest_first=newest_first)
        assert events
        assert all(event.message.published >= last for event in events)
        assert progress.complete


def test_it_leaves_no_trace(storage: Storage, topic: MakeTopic) -> None:
    made = topic()
    filled(storage, made)
    for newest_first in (True, False):
        assert searched(storage, made, "type:nothing", newest_first=newest_first)[1].complete
    assert subscriptions_of(storage).of_topic(made.name) == []
