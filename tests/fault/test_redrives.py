"""Redrives whose worker and broker are killed: none of the letters is lost, none is sent twice, keys keep their order."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest

from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Role
from eventstore.actions import subscription_resource
from eventstore.jobs import Job, JobRefused, State
from eventstore.jobs.face import JobFace
from eventstore.model.events import Message, NewMessage
from eventstore.model.log import Edge
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import SubscriptionType
from eventstore.redrives import REDRIVE_LETTERS
from eventstore.redrives.copies import LETTER, letter_id
from eventstore.redrives.order import Order
from scripts.local_pulsar import LocalPulsar
from tests import forked
from tests.broker.batched import publish_batched
from tests.desk_process import ROOT
from tests.people import actor, person
from tests.redriving import KEEPER, messages_in, order_of, waiting

KEYS, PARTITIONS, BATCH = 40, 3, 50
SECONDS = 240.0
BROKER, SOAK = pytest.mark.broker, pytest.mark.soak


@pytest.fixture
def broker(own_pulsar_broker: LocalPulsar) -> LocalPulsar:
    """One that may be killed."""
    return own_pulsar_broker


@contextmanager
def worker(address: Mapping[str, str]) -> Iterator[Callable[[], None]]:
    """A process of ``run_jobs``. What is yielded kills it and starts another."""
    command = [sys.executable, "manage.py", "run_jobs"]

    def started() -> "subprocess.Popen[Any]":
        return forked.start(command, cwd=ROOT, env={**os.environ, **address}, stdout=subprocess.DEVNULL)

    running = started()

    def kill() -> None:
        nonlocal running
        assert running.poll() is None, "the worker ended by itself"
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=30)
        running = started()

    try:
        yield kill
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize(
    ("address", "letters", "throttle", "kills"),
    [
        ("sqlite", 600, 150, 3),
        pytest.param("pulsar", 10_000, 1_500, 3, marks=BROKER),
        pytest.param("pulsar", 10_000, 500, 20, marks=[BROKER, SOAK, pytest.mark.timeout(1_800)]),
    ],
    indirect=["address"],
)
def test_a_killed_redrive_sends_every_letter_once_and_acknowledges_it(
    storage: Storage, address: Mapping[str, str], letters: int, throttle: int, kills: int, request: pytest.FixtureRequest
) -> None:
    """Every third kill is the broker's, where there is one; all others are the worker's. Every seventh entry is not chosen,
    and a letter comes while the job runs: these wait in the end, and no others."""
    chance = random.Random()
    server = request.getfixturevalue("broker") if "EVENTSTORE_URL" in address else None
    order, chosen, left = _letters(storage, address, letters)
    jobs = JobFace(storage=storage, safeguards=SAFEGUARDS)
    job = _asked(jobs, order, len(chosen), throttle)
    with worker(address) as kill_worker:
        for kill in range(kills):
            _until(jobs, job, partial(_has_sent, (kill + 1) * len(chosen) // (kills + 2)))
            if kill == 0:
                storage.log.append(order.letters, [NewMessage(payload=b"late", key="k0")])
            time.sleep(chance.random() * 0.8)
            if server is not None and kill % 3 == 1:
                server.kill()
                server.start()
            else:
                kill_worker()
        ended = _until(jobs, job, lambda now: now.state.has_ended)
    assert (ended.state, ended.progress.done, ended.problem) == (State.SUCCEEDED, len(chosen), "")
    assert ended.epoch > 1, "no kill fell within the job"
    _assert_sent_once(storage, order, chosen)
    assert waiting(storage, order) == [*(one.payload for one in left), b"late"]


def _letters(storage: Storage, address: Mapping[str, str], count: int) -> tuple[Order, Sequence[Message], Sequence[Message]]:
    """Publish the letters, and keep both topics by subscriptions. Return the chosen ones, and those that are left."""
    dead = storage.log.create_topic("orders-mailer-DLQ").name
    target = storage.log.create_topic("orders-mailer-RETRY", partitions=PARTITIONS).name
    for topic, name in ((dead, KEEPER), (target, "mailer")):
        subscriptions_of(storage).create(topic, name, type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    messages = [NewMessage(payload=b"%d" % number, key=f"k{number % KEYS}") for number in range(count)]
    if "EVENTSTORE_URL" in address:
        publish_batched(address["EVENTSTORE_URL"], dead, messages, batch=BATCH)
    else:
        storage.log.append(dead, messages)
    there = messages_in(storage, dead)
    entries = list(dict.fromkeys(storage.log.entry(one.position) for one in there))
    apart = set(entries[3::7])
    left = [one for one in there if storage.log.entry(one.position) in apart]
    chosen = [one for one in there if storage.log.entry(one.position) not in apart]
    return order_of(storage, dead, target, lambda one: storage.log.entry(one.position) not in apart), chosen, left


def _asked(jobs: JobFace, order: Order, letters: int, throttle: int) -> Job:
    return jobs.enqueue(
        REDRIVE_LETTERS,
        subscription_resource(order.letters, KEEPER),
        order.as_json(),
        actor=actor(person(Role.SUPPORT, "anna")),
        reason="SUP-1",
        total=letters,
        throttle=throttle,
    )


def _until(jobs: JobFace, job: Job, is_so: Callable[[Job], bool]) -> Job:
    """Wait until it is so. After a try that did not reach the broker, the pause before the next one is not waited for."""
    deadline = time.monotonic() + SECONDS
    while not is_so(now := jobs.get(job.id)):
        assert time.monotonic() < deadline, f"waited in vain: {now.state}, {now.progress}, {now.problem}"
        if now.state is State.QUEUED and now.not_before is not None:
            with suppress(JobRefused):  # a worker has just taken it
                jobs.resume(now.asker, job.id)
        time.sleep(0.02)
    return now


def _has_sent(least: int, job: Job) -> bool:
    return job.progress.done >= least


def _assert_sent_once(storage: Storage, order: Order, chosen: Sequence[Message]) -> None:
    expected: dict[str | None, list[str]] = defaultdict(list)
    for message in chosen:
        expected[message.key].append(letter_id(message))
    found: dict[str | None, list[str]] = defaultdict(list)
    for partition in range(PARTITIONS):
        for message in messages_in(storage, order.target, partition):
            found[message.key].append(message.properties[LETTER])
    assert found == expected
