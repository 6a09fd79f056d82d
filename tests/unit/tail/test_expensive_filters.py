"""A filter in a tail that is too expensive: it is dropped, its subscribers are told, and no other subscriber waits for it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from eventstore.drivers.database.log import DatabaseLog
from eventstore.model.errors import FilterTooExpensive
from eventstore.model.events import Message, NewMessage, Position, Topic
from eventstore.search import Filter, cost_budget, parse_filter
from eventstore.tail import Hub, Start
from eventstore.tail.pieces import Entry
from eventstore.tail.ring import Ring
from tests.contract.helpers import soon
from tests.unit.tail.entries import PARSER

DEAR = 'text~".{0,500}Q"'
CHUNKS, OF_A_CHUNK = 30, 40


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    cost_budget.forget()
    yield
    cost_budget.forget()


class RingUser:
    left = False


class Looks:
    """Counts the events that a filter examines."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of: dict[str, int] = {}
        matches = Filter.matches

        def counted(filter: Filter, event: object) -> bool:
            self.of[filter.text] = self.of.get(filter.text, 0) + 1
            return matches(filter, event)  # type: ignore[arg-type]

        monkeypatch.setattr(Filter, "matches", counted)


def entry(number: int) -> Entry:
    properties = {"ce_id": str(number), "ce_type": f"t{number % 2}", "ce_source": "/s", "ce_specversion": "1.0"}
    return Entry(
        Message(
            position=Position(topic="t", partition=0, token=f"{number:06d}"),
            payload=b'"' + b"x" * 5_000 + b'"',
            published=datetime(2026, 1, 1, tzinfo=UTC),
            key="k",
            properties=properties,
        ),
        PARSER,
    )


@pytest.mark.slow
def test_the_sealing_drops_it_and_goes_on_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ring, results = Ring({0: ""}), Looks(monkeypatch)
    dear = ring.watch(RingUser(), parse_filter(DEAR), 500).ring_filter
    other = ring.watch(RingUser(), parse_filter("type:t1"), 500).ring_filter
    for chunk in range(CHUNKS):
        ring.add([entry(chunk * OF_A_CHUNK + number) for number in range(OF_A_CHUNK)], sealed=chunk / 10)
    assert "simpler" in dear.problem
    assert results.of[DEAR] < CHUNKS * OF_A_CHUNK / 4
    assert (other.problem, other.total, results.of["type:t1"]) == ("", CHUNKS * OF_A_CHUNK / 2, CHUNKS * OF_A_CHUNK)


@pytest.mark.slow
def test_a_ring_is_not_looked_through_by_it_when_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    ring, results = Ring({0: ""}), Looks(monkeypatch)
    for chunk in range(CHUNKS):
        ring.add([entry(chunk * OF_A_CHUNK + number) for number in range(OF_A_CHUNK)], sealed=chunk / 10)
    assert ring.watch(RingUser(), parse_filter(DEAR), 500, 0).ring_filter.problem
    assert results.of[DEAR] < CHUNKS * OF_A_CHUNK / 4


@pytest.fixture
def topic(hub: Hub) -> Topic:
    return DatabaseLog().create_topic("documents")


def large(count: int) -> list[NewMessage]:
    return [NewMessage(payload=b'"' + b"x" * 5_000 + b'"', key="k") for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("complete", [False, True])
def test_a_subscriber_that_watches_live_with_it_is_told_and_another_gets_every_event(
    hub: Hub, topic: Topic, complete: bool
) -> None:
    dear = hub.open([topic], Start(), lambda: None, filter=parse_filter(DEAR), complete=complete)
    other = hub.open([topic], Start(), lambda: None, complete=True)
    DatabaseLog().append(topic.name, large(600))
    assert soon(lambda: other.take().counts.matched == 600)
    with pytest.raises(FilterTooExpensive, match="simpler"):
        soon(lambda: dear.take().counts.published == 600)


@pytest.mark.slow
@pytest.mark.parametrize("complete", [False, True])
def test_a_subscriber_that_catches_up_with_it_is_told(
    hub: Hub, topic: Topic, complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    DatabaseLog().append(topic.name, large(2_000))
    results = Looks(monkeypatch)
    subscriber = hub.open([topic], Start(last=2_000), lambda: None, filter=parse_filter(DEAR), complete=complete)
    with pytest.raises(FilterTooExpensive, match="simpler"):
        soon(lambda: subscriber.take().counts.published == 2_000)
    assert results.of[DEAR] < 500
