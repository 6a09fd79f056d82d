"""The threads that ask for news, and the one that guards readers, with answers that nobody foresaw."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from eventstore.drivers.pulsar.client import arrivals as asking
from eventstore.drivers.pulsar.client.arrivals import Arrivals, PartitionNews
from eventstore.drivers.pulsar.client.raw_readers import ReaderGuard
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import StoreClosed, StoreUnreachable

Internals = Sequence[Mapping[str, Any]]
SECONDS = 20.0
NEWS: Internals = [{"lastConfirmedEntry": "7:4", "ledgers": [{"ledgerId": 7, "entries": 5}]}]


class Answers:
    """An admin API that calls the function for each question, until it is closed."""

    def __init__(self, answer: Callable[[str], Internals]) -> None:
        self.answer, self.closed = answer, False

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
    told = news.await_end(lambda end: end is not None, monotonic() + SECONDS)
    return told and told[0]


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


def test_a_reader_that_fails_does_not_end_the_guard_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    closed = threading.Event()

    class Odd:
        def is_connected(self) -> bool:
            raise ValueError("odd")

    class Lost:
        def __init__(self) -> None:
            self._reader = self

        def is_connected(self) -> bool:
            return False

        def close(self) -> None:
            closed.set()

    guard = ReaderGuard()
    guard.watch(Odd())
    guard.watch(Lost())
    assert closed.wait(SECONDS)
    assert "Guarding a reader: an unforeseen ValueError" in caplog.text
