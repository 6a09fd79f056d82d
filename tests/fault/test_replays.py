"""Replays whose workers, broker and database are killed: the replay topic gets each event once, and keys keep their order."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Role
from eventstore.actions import Confirmation, subscription_resource
from eventstore.config.loading import parse_config
from eventstore.desk import Desk
from eventstore.jobs import Job, State
from eventstore.jobs.face import JobFace
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.replays import REPLAY_EVENTS, Kind, Way, What
from eventstore.replays.order import ReplayOrder
from scripts.local_postgres import LocalPostgres
from scripts.local_pulsar import LocalPulsar
from tests import forked
from tests.desk_process import ROOT
from tests.people import actor, person
from tests.postgres_fixture import alias_on
from tests.replaying import copied, indexed, order_of, originals

KEYS, PARTITIONS, WORKERS = 60, 4, 2
SECONDS = 240.0
BROKER, SOAK = pytest.mark.broker, pytest.mark.soak
CONFIG = """
[[projection]]
name = "app-timeline"
purpose = "What patients see in the app"
topics = ["documents"]
subscription = "app-timeline"
ways = ["topic"]
replay_topic = "documents-replay"
"""
TYPE = "DocumentUploaded"


@pytest.fixture
def broker(own_pulsar_broker: LocalPulsar) -> LocalPulsar:
    """One that may be killed."""
    return own_pulsar_broker


class Workers:
    """Processes of ``run_jobs``. ``kill`` ends one of them, and starts another."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment}
        self.running = [self._started() for _ in range(WORKERS)]

    def _started(self) -> "subprocess.Popen[Any]":
        command = [sys.executable, "manage.py", "run_jobs"]
        return forked.start(command, cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        victim = self.running.pop(0)
        assert victim.poll() is None, "the worker ended by itself"
        victim.send_signal(signal.SIGKILL)
        victim.wait(timeout=30)
        self.running.append(self._started())

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@contextmanager
def workers(environment: Mapping[str, str]) -> Iterator[Workers]:
    some = Workers(environment)
    try:
        yield some
    finally:
        some.end()


@pytest.fixture
def configured(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "desk.toml"
    file.write_text(CONFIG)
    return {"EVENTDESK_CONFIG": str(file)}


@pytest.mark.parametrize(
    ("address", "events", "throttle", "kills"),
    [
        ("sqlite", 2_000, 700, 3),
        pytest.param("pulsar", 25_000, None, 3, marks=BROKER),  # two windows of copies on their way
        pytest.param("pulsar", 50_000, 1_500, 20, marks=[BROKER, SOAK, pytest.mark.timeout(1_800)]),
    ],
    indirect=["address"],
)
def test_a_killed_replay_gives_each_event_once_and_in_order(
    storage: Storage,
    address: Mapping[str, str],
    configured: Mapping[str, str],
    events: int,
    throttle: int | None,
    kills: int,
    request: pytest.FixtureRequest,
) -> None:
    """Two workers share the partitions. Of each three kills one is the broker's, where there is one, and the others are of a
    worker. On the broker, people, record and jobs are in a PostgreSQL, which is stopped and started as well.

    On the embedded store a planned and approved replay takes the events of one type: known one by one, and fetched."""
    chance = random.Random()
    broker = request.getfixturevalue("broker") if "EVENTSTORE_URL" in address else None
    database = request.getfixturevalue("own_desk_on_postgres") if broker else None
    source, target = _published(storage, events)
    jobs = JobFace(storage=storage, safeguards=SAFEGUARDS)
    job = _asked(jobs, order_of(storage, [source], target), events, throttle) if broker else _planned(storage, throttle)
    order = ReplayOrder.of(job.arguments)
    reached = {**address, **configured, **({"DATABASE_URL": database.url("desk")} if database else {})}
    with workers(reached) as some:
        for kill in range(kills):
            _until(jobs, job, partial(_has_sent, (kill + 1) * events // (kills + 2)))
            time.sleep(chance.random() * 0.5)
            if broker is not None and kill % 3 == 1:
                _restart_broker(broker)
            else:
                some.kill()
            if database is not None and kill % 3 == 2:
                _restart(database)
        _until(jobs, job, partial(_has_sent, events))
        _consume(storage, order)
        ended = _until(jobs, job, lambda now: now.state.has_ended)
    assert (ended.state, ended.progress.done, ended.progress.failed, ended.problem) == (State.SUCCEEDED, events, 0, "")
    assert (ended.facts["sent"], ended.facts["consumed"]) == (events, events)
    shares = jobs.shares(ended)
    assert [share.finished for share in shares] == [True] * PARTITIONS
    assert sum(share.epoch for share in shares) > PARTITIONS, "no kill fell within a share"
    assert copied(storage, order.target, job.id) == originals(storage, [source], type=TYPE)


@pytest.fixture
def own_desk_on_postgres(desk_databases: dict[str, str], own_postgres_server: LocalPostgres) -> Iterator[LocalPostgres]:
    """People, record and jobs in the database ``desk`` of a PostgreSQL of their own."""
    with alias_on("default", own_postgres_server.address.create_database("desk")):
        call_command("migrate", database="default", verbosity=0)
        yield own_postgres_server


def _restart_broker(broker: LocalPulsar) -> None:
    broker.kill()
    broker.start()


def _restart(database: LocalPostgres) -> None:
    database.stop()
    database.start()
    connections["default"].close()


def _published(storage: Storage, events: int) -> tuple[str, str]:
    """Publish the events in batches, to all partitions, and on the embedded store one of another type after each two. Return
    the topic, and the replay topic."""
    source = storage.log.create_topic("documents", partitions=PARTITIONS).name
    target = storage.log.create_topic("documents-replay", partitions=PARTITIONS).name
    others = 0 if storage.schemas is not None else events // 2
    messages = [_event(number, "Other" if others and number % 3 == 2 else TYPE) for number in range(events + others)]
    for start in range(0, len(messages), 500):  # fewer at once are not batched
        storage.log.append(source, messages[start : start + 500])
    return source, target


def _event(number: int, type: str) -> NewMessage:
    key = f"k{number % KEYS}"
    properties = {
        "ce_specversion": "1.0",
        "ce_id": f"e-{number}",
        "ce_type": type,
        "ce_source": "/documents",
        "ce_aggregatetype": "document",
        "ce_aggregateid": key,
    }
    return NewMessage(payload=b"%d" % number, key=key, properties=properties)


def _planned(storage: Storage, throttle: int | None) -> Job:
    """Plan the replay of one type's events, confirm it, and have another person approve it."""
    indexed(storage)
    desk = Desk(storage=storage, config=parse_config(CONFIG, "desk.toml"), safeguards=SAFEGUARDS)
    what = What(kind=Kind.FILTER, filter=f"type:{TYPE}")
    plans = desk.replay_plans
    aim = plans.aim(desk.projections.get("app-timeline"), Way.TOPIC, what, ticket="SUP-1")
    plan = plans.plan(aim)
    confirmation = Confirmation(digest=plan.digest, since=2**40)
    anna, bert = actor(person(Role.SUPPORT, "anna")), actor(person(Role.APPROVER, "bert"))
    read = [one.danger.value for one in plan.grave]  # nobody reads the topic itself here
    aim = replace(aim, until=plan.until)
    asked = plans.confirm(anna, aim, confirmation=confirmation, reason="SUP-1", throttle=throttle, read=read)
    assert asked.state is State.WAITING
    assert all(bounds.ordinals for _, _, bounds in ReplayOrder.of(asked.arguments).each())
    return plans.approve(bert, asked.id, digest=asked.digest)


def _asked(jobs: JobFace, order: ReplayOrder, events: int, throttle: int | None) -> Job:
    return jobs.enqueue(
        REPLAY_EVENTS,
        subscription_resource(next(iter(order.topics)), order.subscription),
        order.as_json(),
        actor=actor(person(Role.SUPPORT, "anna")),
        reason="SUP-1",
        total=events,
        throttle=throttle,
    )


def _until(jobs: JobFace, job: Job, is_so: Callable[[Job], bool]) -> Job:
    deadline = time.monotonic() + SECONDS
    while not is_so(now := jobs.get(job.id)):
        assert time.monotonic() < deadline, f"waited in vain: {now.state}, {now.progress}, {now.problem}"
        assert now.state is not State.FAILED, now.problem
        time.sleep(0.02)
    return now


def _has_sent(least: int, job: Job) -> bool:
    return job.progress.done >= least


def _consume(storage: Storage, order: ReplayOrder) -> None:
    """The projection's consumers acknowledge everything: what they do with it is no matter here."""
    ends = dict.fromkeys(range(PARTITIONS), Edge.LATEST)
    subscriptions_of(storage).reset_cursor(order.target, order.subscription, ends)
