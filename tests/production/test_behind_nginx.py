"""Two web, two index and two job processes on PostgreSQL and Redis behind nginx, each killed again and again at random, while
many watch a tail and a replay runs: nothing is lost, nothing comes twice, and every viewer is back without help."""

import random
import threading
import time
from collections.abc import Iterator, Set
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.request import HTTPCookieProcessor, HTTPSHandler, build_opener

import pytest
from django.db import connections

from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.hints import carrier
from dashboard.models import Role
from eventstore.actions import Confirmation
from eventstore.config.loading import parse_config
from eventstore.desk import Desk
from eventstore.drivers.opening import open_storage
from eventstore.jobs import Job, State
from eventstore.model.events import NewMessage
from eventstore.model.storage import Storage
from eventstore.replays import Kind, Way, What
from scripts.local_postgres import PostgresAddress
from scripts.local_redis import LocalRedis
from tests.broker_fixture import left_out
from tests.logging_in import fill_in, header_of
from tests.people import PASSWORD, actor, person
from tests.postgres_fixture import alias_on
from tests.production.installation import CONFIG, REDIS, Installation, seed_of
from tests.production.viewers import Viewer, Viewers
from tests.replaying import copied, originals
from tests.run_servers import NotAvailable

HEARD = 'eventdesk_hints_total{{fate="heard",process="{}"}}'
UNAVAILABLE = 'eventdesk_redis_unavailable{{process="{}"}}'
LISTENING = f"""EVAL "return redis.call('PUBSUB', 'NUMSUB', '{carrier.PREFIX}__group__{carrier.GROUP}')[2]" 0"""
TOPIC, PARTITIONS, KEYS = "documents", 4, 40
ALIASES = {"default": "DATABASE_URL", "index": "INDEX_DATABASE_URL", "store": "STORE_DATABASE_URL"}


@pytest.fixture
def installation(
    tmp_path: Path, desk_databases: dict[str, str], postgres_server: PostgresAddress, redis_server: LocalRedis
) -> Iterator[Installation]:
    """A running one; this process's databases are its."""
    try:
        made = Installation(tmp_path, postgres_server, redis_server)
    except NotAvailable as problem:
        left_out(str(problem))
    with made as running, ExitStack() as aliases:
        for alias, variable in ALIASES.items():
            aliases.enter_context(alias_on(alias, running.environment[variable]))
        yield running


class Publisher:
    """Publishes numbered events, evenly, in a thread. ``ids`` are those that are in the store."""

    def __init__(self, storage: Storage, per_second: int) -> None:
        self.storage, self.pause = storage, 1 / per_second
        self.ids: set[str] = set()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="publisher")

    def publish(self, count: int) -> None:
        first = len(self.ids)
        self.storage.log.append(TOPIC, [event(number) for number in range(first, first + count)])
        self.ids |= {f"e-{number}" for number in range(first, first + count)}

    def _run(self) -> None:
        try:
            while not self.stopped.wait(self.pause):
                self.publish(1)
        finally:
            connections.close_all()


@contextmanager
def publishing(publisher: Publisher) -> Iterator[None]:
    publisher.thread.start()
    try:
        yield
    finally:
        publisher.stopped.set()
        publisher.thread.join()


def event(number: int) -> NewMessage:
    key = f"patient-{number % KEYS}"
    names = {"id": f"e-{number}", "type": "DocumentUploaded", "source": "/documents", "specversion": "1.0"}
    named = {**names, "aggregatetype": "document", "aggregateid": key}
    return NewMessage(payload=b'{"n": %d}' % number, key=key, properties={f"ce_{name}": text for name, text in named.items()})


def login(desk: Installation, name: str) -> str:
    """The Cookie header of somebody who has logged in through nginx."""
    cookies = HTTPCookieProcessor()
    opener = build_opener(HTTPSHandler(context=desk.nginx.context()), cookies)
    fill_in(opener, f"{desk.url}login/", form=f"{desk.url}login/", fields={"username": name, "password": PASSWORD})
    return header_of(cookies.cookiejar)


def viewers_of(desk: Installation, pages: int, scripts: int) -> list[Viewer]:
    cookie = {"Cookie": login(desk, "viewer")}
    text = desk.manage("create_token", "follower", "--role", "viewer", "--days", "1")
    token = {"Authorization": f"Bearer {next(word for word in text.split() if word.startswith('edk_'))}"}
    address = desk.url.replace("https:", "wss:") + f"topics/{TOPIC}/tail/live/"
    trust, origin = desk.nginx.context(), desk.url.rstrip("/")
    kinds = [(cookie, False)] * pages + [(token, True)] * scripts
    return [Viewer(address, headers, script=script, trust=trust, origin=origin) for headers, script in kinds]


def replay(storage: Storage, events: int, throttle: int) -> Job:
    """Plan the replay of everything that is indexed, confirm it, and have somebody else approve it if it needs that."""
    desk = Desk(storage=storage, config=parse_config(CONFIG, "desk.toml"), safeguards=SAFEGUARDS)
    plans = desk.replay_plans
    aim = plans.aim(desk.projections.get("app-timeline"), Way.TOPIC, What(kind=Kind.EVERYTHING), ticket="SUP-1")
    plan = plans.plan(aim)
    confirmation = Confirmation(digest=plan.digest, since=2**40)
    read = [one.danger.value for one in plan.grave]
    anna, bert = actor(person(Role.SUPPORT, "anna")), actor(person(Role.APPROVER, "bert"))
    asked = plans.confirm(
        anna, replace(aim, until=plan.until), confirmation=confirmation, reason="SUP-1", throttle=throttle, read=read
    )
    return plans.approve(bert, asked.id, digest=asked.digest) if asked.state is State.WAITING else asked


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("pages", "scripts", "kills", "per_second", "old"),
    [
        (8, 2, 1, 20, 120),
        pytest.param(150, 50, 10, 10, 6_000, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)]),
    ],
)
def test_whatever_is_killed_nothing_is_lost_or_doubled_and_every_viewer_comes_back(
    installation: Installation, pages: int, scripts: int, kills: int, per_second: int, old: int
) -> None:
    """Each process is killed this often. ``old`` events are there before, and are replayed meanwhile."""
    desk, chance = installation, seed_of()
    storage = open_storage("database://", kinds=parse_config(CONFIG, "desk.toml").topics)
    for name in (TOPIC, f"{TOPIC}-replay"):
        storage.log.create_topic(name, partitions=PARTITIONS)
    publisher = Publisher(storage, per_second)
    publisher.publish(old)
    desk.wait(lambda: desk.metrics("web-1").get("eventdesk_index_events") == old, "everything is indexed")
    source = storage.log.topic(TOPIC).name
    to_copy = originals(storage, [source])
    before = set(publisher.ids)
    with Viewers(viewers_of(desk, pages, scripts)) as viewers:
        desk.wait(lambda: viewers.count(lambda one: one.watching) == pages + scripts, "all watch")
        with publishing(publisher):
            job = replay(storage, old, throttle=max(20, old // (12 * kills)))
            kill_each(desk, kills, chance)
        expected = publisher.ids - before
        wait_for_all(desk, viewers, expected)
        desk.wait(lambda: viewers.count(lambda one: one.watching) == len(viewers.all), "every viewer is back")
        assert [one.ended for one in viewers.all if one.ended] == []
        assert_hints(desk, viewers)
    assert [one.doubled for one in viewers.all if one.doubled] == []
    for one in viewers.all:
        assert len(expected - one.seen) == one.skipped, f"{len(expected - one.seen)} are missing, {one.skipped} were told of"
        assert one.seen <= expected
    assert not any(one.skipped for one in viewers.all if one.script)
    assert sum(one.comings for one in viewers.all) > len(viewers.all), "no kill met a viewer"
    assert_replayed(desk, storage, job, to_copy)
    everything = len(publisher.ids) + old  # with the copies
    desk.wait(lambda: desk.metrics("web-2").get("eventdesk_index_events") == everything, "everything is indexed, and once")
    desk.manage("check_index")
    desk.manage("verify_record")
    assert_logs(desk)
    storage.close()


def has_all(expected: Set[str], viewer: Viewer) -> bool:
    """It has every one, or was told how many it does not get."""
    return len(viewer.seen) + viewer.skipped >= len(expected)


def wait_for_all(desk: Installation, viewers: Viewers, expected: Set[str]) -> None:
    try:
        desk.wait(lambda: viewers.count(partial(has_all, expected)) == len(viewers.all), "all have all")
    except AssertionError as waited:
        missing = [one for one in viewers.all if not has_all(expected, one)]
        raise AssertionError(f"{waited} {len(missing)} do not have all {len(expected)}: {missing[:5]}") from waited


def kill_each(desk: Installation, times: int, chance: random.Random) -> None:
    victims = [*desk.names, REDIS] * times
    chance.shuffle(victims)
    for name in victims:
        time.sleep(chance.uniform(0.3, 2.5))
        desk.kill(name)
    desk.wake_redis()
    desk.wait_until_ready(["web-1", "web-2"])
    assert desk.kills == dict.fromkeys([*desk.names, REDIS], times)


def assert_replayed(desk: Installation, storage: Storage, job: Job, to_copy: dict[str | None, list[str]]) -> None:
    target = storage.log.topic(f"{TOPIC}-replay").name
    total = sum(map(len, to_copy.values()))
    desk.wait(lambda: sum(map(len, copied(storage, target, job.id).values())) >= total, "everything is copied", 300)
    assert copied(storage, target, job.id) == to_copy


def assert_hints(desk: Installation, viewers: Viewers) -> None:
    """Redis, killed again and again, takes hints: both web processes hear that a token is revoked, and close its sockets."""
    names = ("web-1", "web-2")
    # A process learns within seconds that the Redis which was killed last is gone, and hears nothing until then.
    desk.wait(lambda: desk.redis.ask(LISTENING) == f":{len(names)}", "both listen to the Redis that runs")
    desk.wait(lambda: not any(desk.metrics(name)[UNAVAILABLE.format(name)] for name in names), "Redis answers")
    before = {name: desk.metrics(name)[HEARD.format(name)] for name in names}
    desk.manage("revoke_token", "follower")
    desk.wait(lambda: all(desk.metrics(name)[HEARD.format(name)] > before[name] for name in names), "both hear of it")
    scripts = sum(one.script for one in viewers.all)
    desk.wait(lambda: viewers.count(lambda one: one.ended == "closed with 4403") == scripts, "the token's sockets are closed")


def assert_logs(desk: Installation) -> None:
    """Every line is an object, and none has an event, an aggregate or an address."""
    for name in desk.names:
        lines = desk.lines(name)
        assert all(line["process"] == name for line in lines)
        assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
        assert "patient-" not in desk.log(name)
        assert f"/topics/{TOPIC}/tail" not in desk.log(name)
        assert desk.redis.password not in desk.log(name)
    requests = [line for name in ("web-1", "web-2") for line in desk.lines(name) if line["logger"] == "eventdesk.requests"]
    assert {"login", "metrics", "readyz"} <= {line["route"] for line in requests}
    assert "patient-" not in desk.nginx.requests
    assert TOPIC not in desk.nginx.requests
