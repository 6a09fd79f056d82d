"""One topic's readers: what they report of a store that is away, of faults, and of a start that fails."""

import logging
import threading
import time

import pytest

from eventstore.model.errors import (
    EventStoreError,
    NotLetIn,
    NotPermitted,
    NotTrusted,
    StoreClosed,
    StoreRefused,
    UnknownTopic,
)
from eventstore.model.events import NewMessage, Topic
from eventstore.tail import Hub, Start, topic_tail
from tests.contract.helpers import soon
from tests.unit.tail.topic.faulty import SECRET, Faulty

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_a_partition_that_cannot_be_read_is_said_however_well_the_others_are(log: Faulty, topic: Topic, hub: Hub) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)
    (tail,) = subscriber.tails
    assert subscriber.take().state == "live"
    log.broken = {1}
    assert soon(lambda: subscriber.take().state == "away")
    log.append(topic.name, [NewMessage(payload=b"1", key=f"k{number}") for number in range(20)])
    assert soon(lambda: tail.ring.next_number > 0)
    assert subscriber.take().state == "away", "what the other partition gave says nothing of this one"
    tail._probe_store()
    assert tail.away, "nor does a store that answers"
    log.broken = set()
    assert soon(lambda: subscriber.take().state == "live")


def test_a_store_that_is_slow_to_answer_delays_no_event(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_tail, "PROBE_SECONDS", 0.02)
    subscriber = hub.open([topic], Start(), lambda: None)
    log.may_answer.clear()
    time.sleep(0.2)
    try:
        log.append(topic.name, [NewMessage(payload=b"1", key=f"k{number}") for number in range(20)])
        assert soon(lambda: subscriber.take().counts.published == 20)
    finally:
        log.may_answer.set()


def test_a_store_that_gives_events_is_not_said_to_be_away_whatever_it_answers(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_tail, "PROBE_SECONDS", 30.0)
    subscriber = hub.open([topic], Start(), lambda: None)
    (tail,) = subscriber.tails
    log.answers = False
    tail._probe_store()
    assert tail.away, "a silent store is asked, and does not answer"
    log.append(topic.name, [NewMessage(payload=b"1", key="k")])
    assert soon(lambda: not tail.away)
    tail._probe_store()
    assert not tail.away
    tail._last_read_at -= 60
    tail._probe_store()
    assert tail.away, "it gave something a while ago"


@pytest.mark.parametrize(
    ("incarnation", "opened", "stopped"),
    [(None, 0, False), ("another", 0, True), ("", 2, False)],
    ids=["same", "anew", "untold"],
)
def test_after_an_outage_readers_are_opened_again_only_if_the_store_does_not_tell_whether_its_logs_are_the_same(
    log: Faulty,
    topic: Topic,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    incarnation: str | None,
    opened: int,
    stopped: bool,
) -> None:
    monkeypatch.setattr(topic_tail, "PROBE_SECONDS", 30.0)
    (tail,) = hub.open([topic], Start(), lambda: None).tails
    before = log.opened
    log.answers = False
    for _ in range(3):
        tail._probe_store()
    if incarnation is not None:
        monkeypatch.setattr(log, "incarnation", lambda name, partition: incarnation)
    log.answers = True
    for _ in range(3):
        tail._probe_store()
    assert tail.stopped is stopped
    assert soon(lambda: log.opened == before + opened)
    time.sleep(0.1)
    assert log.opened == before + opened


@pytest.mark.parametrize("error", [UnknownTopic, StoreClosed])
def test_a_topic_that_is_gone_ends_its_tail(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch, error: type[EventStoreError]
) -> None:
    monkeypatch.setattr(topic_tail, "PROBE_SECONDS", 0.02)
    subscriber = hub.open([topic], Start(), lambda: None)

    def gone(name: str) -> Topic:
        raise error("It is gone.")

    monkeypatch.setattr(log, "topic", gone)
    assert soon(lambda: subscriber.ended)


@pytest.mark.parametrize("error", [NotPermitted, NotLetIn, NotTrusted])
def test_who_may_not_read_any_more_is_told_the_words_by_opening_again(
    log: Faulty, topic: Topic, hub: Hub, error: type[EventStoreError]
) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)
    log.fault = lambda: error("It needs the permission consume.")
    log.broken = {0}
    assert soon(lambda: subscriber.ended)
    with pytest.raises(error, match="needs the permission consume"):
        hub.open([topic], Start(), lambda: None)
    log.broken = set()
    assert not hub.open([topic], Start(), lambda: None).ended


def test_a_refusal_to_answer_changes_nothing(log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)

    def refuse(name: str) -> Topic:
        raise StoreRefused("No permission to ask.")

    monkeypatch.setattr(log, "topic", refuse)
    subscriber.tails[0]._probe_store()
    assert not subscriber.tails[0].away and not subscriber.ended


def readers_of(topic: Topic) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(f"tail {topic.name} ")]


def test_a_tail_stops_a_while_after_its_last_subscriber_has_gone(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (hub.open([topic], Start(), lambda: None) for _ in range(2))
    (tail,) = first.tails
    first.close()
    tail.watchers.left_at -= 2 * topic_tail.LINGER_SECONDS
    time.sleep(0.2)
    assert not tail.stopped, "somebody watches still"
    monkeypatch.setattr(topic_tail, "LINGER_SECONDS", 0.1)
    second.close()
    assert soon(lambda: tail.stopped and not readers_of(topic))
    assert not hub._tails, "it would keep its ring"
    opened = log.opened
    assert hub.open([topic], Start(), lambda: None).tails[0] is not tail
    assert log.opened == 2 * opened


def test_a_subscriber_that_comes_soon_after_the_last_has_gone_finds_the_same_readers(
    log: Faulty, topic: Topic, hub: Hub
) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)
    (tail,), opened = subscriber.tails, log.opened
    subscriber.close()
    assert not tail.watched
    time.sleep(0.2)
    again = hub.open([topic], Start(), lambda: None)
    assert again.tails[0] is tail
    assert log.opened == opened
    log.append(topic.name, [NewMessage(payload=b"1", key="k")])
    assert soon(lambda: again.take().counts.published == 1)


def test_readers_wait_at_a_quiet_store_only_while_somebody_watches(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_tail, "PATIENCE", 0.02)
    subscriber = hub.open([topic], Start(), lambda: None)
    (tail,) = subscriber.tails
    log.waits.clear()
    assert soon(lambda: len(log.waits) > 10)
    assert min(log.waits) > 0
    subscriber.close()
    assert soon(lambda: log.waits[-4:] == [0] * 4)
    monkeypatch.setattr(topic_tail, "PATIENCE", 30.0)
    time.sleep(0.1)
    log.waits.clear()
    assert hub.open([topic], Start(), lambda: None).tails[0] is tail
    assert soon(lambda: min(log.waits[-4:], default=0.0) > 0), "whoever comes is not waited for"


def test_a_tail_that_nobody_watches_takes_what_comes_all_the_same(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_tail, "PATIENCE", 0.02)
    subscriber = hub.open([topic], Start(), lambda: None)
    (tail,) = subscriber.tails
    subscriber.close()
    assert soon(lambda: log.waits[-4:] == [0] * 4)
    log.append(topic.name, [NewMessage(payload=b"1", key=f"k{number}") for number in range(2_000)])
    assert soon(lambda: tail.ring.events == 2_000)


def test_a_fault_in_a_reader_ends_the_tail_and_tells_nothing_of_the_events(
    log: Faulty, topic: Topic, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)
    log.fault = lambda: ValueError(SECRET)
    with caplog.at_level(logging.ERROR):
        log.broken = {1}
        assert soon(lambda: subscriber.ended)
        assert soon(lambda: "ValueError" in caplog.text)
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text
