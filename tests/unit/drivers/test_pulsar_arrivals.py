"""The threads that ask for news, and the one that guards readers, with answers that nobody foresaw."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from eventstore.drivers.pulsar.admin_http import Growth
from eventstore.drivers.pulsar.client import arrivals as asking
from eventstore.drivers.pulsar.client.arrivals import Arrivals, PartitionNews
from eventstore.drivers.pulsar.client.asked_topics import AskedPartition
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import StoreClosed, StoreUnreachable

Internals = Sequence[Mapping[str, Any]]
SECONDS = 20.0
NEWS: Internals = [{"lastConfirmedEntry": "7:4", "ledgers": [{"ledgerId": 7, "entries": 5}]}]


class Answers:
    """An admin API that calls the function for each question, until it is closed."""

    def __init__(self, answer: Callable[[str], Internals]) -> None:
        self.answer, self.closed = answer, False
        self.sizes: list[Growth | None] = []
        self.asked: list[str] = []

    def growths(self, name: TopicName, shards: int) -> Sequence[Growth | None]:
        if self.closed:
            raise StoreClosed("closed")
        return self.sizes[:shards]

    def partition_internals(self, name: TopicName) -> Mapping[str, Any]:
        self.asked.append(name.local)
        return self.answer(name.local)[0]

    def internals(self, name: TopicName, shards: int) -> Internals:
        if self.closed:
            raise StoreClosed("closed")
        return self.answer(name.local)


@pytest.fixture
def follow() -> Iterator[Callable[..., list[PartitionNews]]]:
    """Follow the topics of these names."""
    made: list[tuple[Answers, list[PartitionNews]]] = []

    def following(answer: Callable[[str], Internals], *names: str) -> list[PartitionNews]:
        admin: Any = Answers(answer)
        arrivals = Arrivals(admin)
        topics = [TopicName(tenant="public", namespace="default", local=name) for name in names]
        news = [arrivals.join(topic, 0, 0, {}) for topic in topics]
        made.append((admin, news))
        return news

    yield following
    for admin, news in made:
        admin.closed = True
        for one in news:
            one.leave()


def end_of(news: PartitionNews) -> Any:
    return news.await_end(lambda end: end is not None, monotonic() + SECONDS)


@pytest.mark.parametrize("answer", [[{"x": 1}], [["a"]], [{"lastConfirmedEntry": "x", "ledgers": []}], KeyError("partitions")])
def test_an_unforeseen_answer_is_told_once_and_the_next_one_counts(
    follow: Callable[..., list[PartitionNews]], answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [answer]

    def answered(name: str) -> Internals:
        found = answers.pop() if answers else NEWS
        if isinstance(found, Exception):
            raise found
        return found

    [news] = follow(answered, "t")
    with pytest.raises(StoreUnreachable, match="no usable answer for public/default/t"):
        end_of(news)
    assert "unforeseen" in caplog.text
    assert _after_errors(news) == NEWS[0]


def _after_errors(news: PartitionNews) -> Any:
    """The error stays until the next answer."""
    until = monotonic() + SECONDS
    while monotonic() < until:
        try:
            return end_of(news)
        except StoreUnreachable:
            continue
    return None


def test_topics_for_which_the_broker_does_not_answer_do_not_hold_up_another(
    follow: Callable[..., list[PartitionNews]],
) -> None:
    asked, go_on = threading.Semaphore(0), threading.Event()

    def answered(name: str) -> Internals:
        if name != "quick":
            asked.release()
            go_on.wait(SECONDS)
        return NEWS

    news = follow(answered, "hung", "hung-too", "quick")
    try:
        for one in news[:2]:
            assert one.end_since(monotonic()) is None
            assert asked.acquire(timeout=SECONDS)
        assert end_of(news[2]) == NEWS[0]
    finally:
        go_on.set()


def test_the_interval_is_bounded_however_many_topics_there_are(
    follow: Callable[..., list[PartitionNews]], monkeypatch: pytest.MonkeyPatch
) -> None:
    news = follow(lambda name: NEWS, *[f"t{number}" for number in range(500)])
    arrivals, topic = news[0]._arrivals, news[0]._topic
    monkeypatch.setattr(asking, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    with arrivals.lock:
        arrivals._plan(topic, 999.9)
    assert topic.earliest == 1000.0 + asking.LONGEST_PAUSE


def told(entries: int) -> Mapping[str, Any]:
    return {
        "lastConfirmedEntry": f"7:{entries - 1}",
        "ledgers": [{"ledgerId": 7, "entries": entries}],
        "totalSize": 100 * entries,
    }


def test_of_many_partitions_only_those_are_asked_for_that_have_grown_and_are_waited_for() -> None:
    admin: Any = Answers(lambda name: [told(6)])
    admin.sizes = [(500, 5)] * 4
    arrivals, topic = Arrivals(admin), TopicName(tenant="public", namespace="default", local="t")
    news = [arrivals.join(topic, 4, number, told(5)) for number in range(4)]
    came = threading.Event()
    try:
        news[3].call_on_news(came.set)
        assert news[3].await_end(lambda end: end == (7, 5), monotonic()) is None
        assert news[0].await_end(lambda end: end != (7, 4), monotonic() + 0.2) is None
        assert admin.asked == [], "their sizes are as they were"
        admin.sizes = [(500, 5), (600, 6), (600, 5), (500, 6)]
        found = news[2].await_end(lambda end: end != (7, 4), monotonic() + SECONDS)
        assert found == told(6)
        assert came.wait(SECONDS)
        assert sorted(set(admin.asked)) == ["t-partition-2", "t-partition-3"], "nobody waits for the second one"
        found = news[1].await_end(lambda end: end != (7, 4), monotonic() + SECONDS)
        assert found == told(6)
    finally:
        admin.closed = True
        for one in news:
            one.leave()


@pytest.mark.parametrize(("held", "size"), [({}, None), ({}, (0, 0)), (told(5), (500, 7))])
def test_a_partition_that_holds_what_it_held_has_not_grown(held: Mapping[str, Any], size: Growth | None) -> None:
    partition = AskedPartition(threading.RLock())
    partition.begin(held)
    for _ in range(2):
        partition.grow(size)
        assert not partition.stale
    partition.grow((600, 8))
    assert partition.stale


def test_a_partition_of_which_the_broker_tells_nothing_any_more_is_asked_for() -> None:
    partition = AskedPartition(threading.RLock())
    partition.begin(told(5))
    partition.grow(None)
    assert partition.stale


def test_topics_that_have_been_silent_for_long_do_not_put_off_the_question_about_one_that_is_in_use(
    follow: Callable[..., list[PartitionNews]], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use, *silent = follow(lambda name: NEWS, *[f"t{number}" for number in range(500)])
    arrivals = in_use._arrivals
    monkeypatch.setattr(asking, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    with arrivals.lock:
        in_use._topic.changed_at = 990.0
        for one in silent:
            one._topic.changed_at = 0.0
        for topic in (in_use._topic, silent[0]._topic):
            arrivals._plan(topic, 999.99)
    assert in_use._topic.earliest == pytest.approx(1000.0 + asking.EFFORT * 0.01)
    assert silent[0]._topic.earliest == 1000.0 + asking.LONGEST_PAUSE


def test_one_slow_answer_does_not_put_off_the_next_question(
    follow: Callable[..., list[PartitionNews]], monkeypatch: pytest.MonkeyPatch
) -> None:
    [news] = follow(lambda name: NEWS, "t")
    arrivals, topic = news._arrivals, news._topic
    monkeypatch.setattr(asking, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    for took in (0.01, 0.01, 1.0):
        with arrivals.lock:
            arrivals._plan(topic, 1000.0 - took)
    assert topic.earliest == pytest.approx(1000.0 + asking.EFFORT * 0.01)
