"""A log is looked up before readers are opened: once for all threads that are about to read it."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.drivers.pulsar.client import partition_log
from eventstore.drivers.pulsar.client.partition_log import PartitionLog
from eventstore.drivers.pulsar.names import TopicName

NAME = "public/default/orders"
THREADS = 8


class CountingAdmin:
    """Answers what the broker would, when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = threading.Event()

    def log_internals(self, log: TopicName) -> dict[str, Any]:
        self.asked += 1
        number = self.asked
        assert self.may_answer.wait(10)
        return {"state": "LedgerOpened", "answer": number}


def together(work: Callable[[], Any], admin: CountingAdmin) -> list[Any]:
    """Call it in several threads at once, and let the broker answer after all have begun."""
    answers: list[Any] = []
    begun = threading.Barrier(THREADS + 1)

    def run() -> None:
        begun.wait(10)
        answers.append(work())

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    admin.may_answer.set()
    for thread in threads:
        thread.join(10)
    return answers


def log_of(admin: CountingAdmin) -> PartitionLog:
    return PartitionLog(
        cast(Any, SimpleNamespace(client=lambda: None)),
        cast(Any, admin),
        TopicName(tenant="public", namespace="default", local="orders"),
        NAME,
        0,
    )


def test_threads_that_read_one_log_look_it_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_log, "LOOKED_UP_SECONDS", 60.0)
    admin = CountingAdmin()
    log = log_of(admin)
    answers = together(log.looked_up, admin)
    assert [answer["answer"] for answer in answers] == [1] * THREADS
    assert admin.asked == 1


def test_the_client_is_made_ready_before_the_question_for_the_topic_may_go_as_soon_as_it_is_answered() -> None:
    done: list[str] = []

    def log_internals(log: TopicName) -> dict[str, Any]:
        done.append("look up")
        return {"state": "LedgerOpened"}

    connection: Any = SimpleNamespace(client=lambda: done.append("client"))
    admin: Any = SimpleNamespace(log_internals=log_internals)
    PartitionLog(connection, admin, TopicName(tenant="public", namespace="default", local="orders"), NAME, 0).look_up()
    assert done == ["client", "look up"]


def test_while_one_thread_looks_it_up_again_the_others_go_on_with_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_log, "LOOKED_UP_SECONDS", 0.0)
    monkeypatch.setattr(partition_log, "LONGEST_LOOKED_UP_SECONDS", 60.0)
    admin = CountingAdmin()
    log = log_of(admin)
    admin.may_answer.set()
    assert log.looked_up()["answer"] == 1
    admin.may_answer.clear()
    asks = threading.Thread(target=log.looked_up)
    asks.start()
    while admin.asked < 2:
        time.sleep(0.001)
    assert log.looked_up()["answer"] == 1
    admin.may_answer.set()
    asks.join(10)
    assert admin.asked == 2


def test_what_was_told_too_long_ago_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_log, "LOOKED_UP_SECONDS", 0.0)
    monkeypatch.setattr(partition_log, "LONGEST_LOOKED_UP_SECONDS", 0.0)
    admin = CountingAdmin()
    admin.may_answer.set()
    log = log_of(admin)
    assert [log.looked_up()["answer"] for _ in range(3)] == [1, 2, 3]
