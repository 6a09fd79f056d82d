"""What a replay by copies costs on Pulsar, against bare loops with the same client and settings in the same run.

- ``copy_ratio``: copies a second of a replay of everything, divided by those of a loop that reads and publishes each event
  with the same key, properties, marks and event time, and waits for the receipts. Both read the same topic, one partition
  after the other, and send without batches to a topic of their own. The replay is the job as ``run_jobs`` runs it, with its
  notes in SQLite; the clock runs from its being asked for to the note of the last receipt.
- ``workers_ratio``: copies a second of three workers on four partitions, divided by those of one. ``share_0`` and so on
  are the copies of each of the three.
- ``one_ratio``: the time in which a bare loop finds one aggregate's 25 events among 1,000,000 by reading the topic, and copies
  them, divided by the time of our replay of that aggregate: from the click that confirms it (the request, by Django's test
  client: session, rights, lock, second plan and record included, the web server and the network not) to the note of its last
  receipt. The worker is a process of its own that waits for work, as the index's is. The index has everything; building it is
  not measured, nor is the preview. ``answer_seconds`` of it pass until the page has answered.

All are medians of as many rounds, measured in turn, and the last round's shares.

``COPIES`` is the number of copies of a round, ``EVENTS`` that of the events among which one aggregate is found.
"""

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.replay_bare import EACH, PARTITIONS, bare_copies, bare_replay, publish
from benchmarks.replay_click import browser, replay_one, serving
from benchmarks.replay_desk import opened_desk, run_elsewhere, run_here, workers
from benchmarks.running import SEES_ALL, desk_in_a_folder, rate, report, say, scale, setting
from scripts.local_pulsar import LocalPulsar

if TYPE_CHECKING:
    from eventstore.desk import Desk
    from eventstore.replays.order import ReplayOrder

COPIES, EVENTS = 60_000, 1_000_000
ROUNDS = 3
SOURCE, REPLAY = "documents", "documents-replay"
CONFIG = f"""{SEES_ALL}
[replays]
approval_above = 1000000000
events_a_day = 1000000000

[[projection]]
name = "app-timeline"
purpose = "What patients see in the app"
topics = ["{SOURCE}"]
subscription = "app-timeline"
ways = ["topic"]
replay_topic = "{REPLAY}"
"""
FOUND = "aggregate-7"
"""Its events lie all over the topic."""


def main() -> None:
    copies, events = setting("COPIES", COPIES), scale(EVENTS)
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        config = Path(folder) / "desk.toml"
        config.write_text(CONFIG)
        say("starting the broker")
        broker = LocalPulsar(Path(folder) / "broker")
        broker.start()
        os.environ |= {
            "EVENTDESK_CONFIG": str(config),
            "EVENTSTORE_URL": broker.service_url,
            "PULSAR_ADMIN_URL": broker.admin_url,
        }
        try:
            with desk_in_a_folder() as data:
                figures = _measure(broker, data, config, copies, events)
        finally:
            broker.stop()
    report(figures)


def _measure(broker: LocalPulsar, data: Path, config: Path, copies: int, events: int) -> dict[str, float | int]:
    import pulsar

    from dashboard import gateway

    client = pulsar.Client(broker.service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    try:
        with opened_desk(broker.service_url, broker.admin_url, config) as desk:
            figures = _copying(desk, client, {"EVENTDESK_DATA": str(data)}, copies)
        return {**figures, **_finding(gateway.desk(), client, events)}
    finally:
        gateway.close()
        client.close()


# -- copies a second


def _copying(desk: "Desk", client: Any, environment: dict[str, str], count: int) -> dict[str, float | int]:
    """Measure all in turn, as often: the medians count. ``workers_ratio`` is that of three and one in the same round."""
    source = desk.log.create_topic("source", partitions=PARTITIONS).name
    say(f"publishing {count:,} events")
    publish(client, source, count)
    bare, own, three = [], [], []
    shares: Sequence[int] = ()
    for number in range(ROUNDS):
        target = desk.log.create_topic(f"bare-{number}-replay", partitions=PARTITIONS).name
        bare.append(_told("bare loop", rate(count, partial(bare_replay, client, source, target))))
        order = _order(desk, source, f"own-{number}-replay")
        own.append(_told("replay", rate(count, partial(run_here, desk, order, count))))
        with workers(environment, 1):
            one = _told(
                "one worker", rate(count, partial(run_elsewhere, desk, _order(desk, source, f"one-{number}-replay"), count))
            )
        with workers(environment, 3):
            order = _order(desk, source, f"three-{number}-replay")
            three.append(_told("three workers", rate(count, partial(run_elsewhere, desk, order, count))) / one)
            shares = _shares(desk)
    return {
        "copies": count,
        "copies_per_second": median(own),
        "bare_per_second": median(bare),
        "copy_ratio": median(own) / median(bare),
        "workers_ratio": median(three),
        **{f"share_{number}": done for number, done in enumerate(shares)},
    }


def _told(name: str, found: float) -> float:
    say(f"{name}: {found:,.0f} copies/s")
    return found


def _order(desk: "Desk", source: str, target: str) -> "ReplayOrder":
    """Everything in the source, to a replay topic that is made for it. The index is not needed."""
    from eventstore.replays.order import Bounds, Kind, ReplayOrder, Way, What

    topic = desk.log.create_topic(target, partitions=PARTITIONS).name
    chosen = {}
    for ends in desk.log.ends(source):
        assert ends.first is not None and ends.last is not None
        count = _count(desk, source, ends.partition)
        chosen[ends.partition] = Bounds(first=0, end=count, first_token=ends.first.beginning.token, last_token=ends.last.token)
    return ReplayOrder(
        projection="app-timeline",
        way=Way.TOPIC,
        what=What(kind=Kind.EVERYTHING),
        topics={source: chosen},
        subscription="app-timeline",
        target=topic,
    )


COUNTED: dict[tuple[str, int], int] = {}


def _count(desk: "Desk", topic: str, partition: int) -> int:
    if (topic, partition) not in COUNTED:
        count, after = 0, None
        while found := desk.log.read_forward(topic, partition, after=after, limit=5_000):
            count, after = count + len(found), found[-1].position
        COUNTED[topic, partition] = count
    return COUNTED[topic, partition]


def _shares(desk: "Desk") -> Sequence[int]:
    """The copies of each worker, the most first."""
    job = desk.jobs.newest(limit=1)[0]
    done: dict[str, int] = {}
    for share in desk.jobs.shares(job):
        done[share.owner] = done.get(share.owner, 0) + share.progress.done
    return sorted(done.values(), reverse=True)


# -- one aggregate among many


def _finding(desk: "Desk", client: Any, events: int) -> dict[str, float | int]:
    """Measure both in turn, as often: the medians count."""
    from eventstore.model.log import Edge
    from eventstore.model.storage import subscriptions_of
    from eventstore.model.subscriptions import SubscriptionType

    source = desk.log.create_topic(SOURCE, partitions=PARTITIONS).name
    target = desk.log.create_topic(REPLAY, partitions=PARTITIONS).name
    say(f"publishing {events:,} events, and indexing them")
    publish(client, source, events)
    subscriptions = subscriptions_of(desk.store)
    for topic in (source, target):
        subscriptions.create(topic, "app-timeline", type=SubscriptionType.SHARED, start=Edge.LATEST)
    _index(desk)
    bare, own, answers = [], [], []
    with serving():
        person = browser()
        replay_one(person, FOUND, EACH)  # what a process does only once: imports, the first connection, the templates
        for number in range(ROUNDS):
            target = desk.log.create_topic(f"found-{number}-replay", partitions=PARTITIONS).name
            bare.append(_bare_seconds(client, source, target))
            answered, seconds = replay_one(person, FOUND, EACH)
            own.append(seconds)
            answers.append(answered)
            say(f"bare loop: {bare[-1]:,.2f} s; replay: {seconds:,.3f} s, {answered:,.3f} s of it until the page answers")
    found = {"bare_seconds": median(bare), "one_seconds": median(own), "answer_seconds": median(answers)}
    return {"events": events, **found, "one_ratio": found["bare_seconds"] / found["one_seconds"]}


def _bare_seconds(client: Any, source: str, target: str) -> float:
    """Return how long a bare loop takes that reads the topic for one aggregate's events and copies them."""
    begun, found = time.perf_counter(), 0
    for partition in range(PARTITIONS):
        ends = f"{source}-partition-{partition}", f"{target}-partition-{partition}"
        found += bare_copies(client, *ends, lambda message: message.partition_key() == FOUND)
    if found != EACH:
        raise SystemExit(f"the bare loop found {found} events, not {EACH}")
    return time.perf_counter() - begun


def _index(desk: "Desk") -> None:
    from eventstore.index.indexer.run import Following, index_until_caught_up

    index_until_caught_up(
        Following(
            storage=desk.store, config=desk.config, stop=threading.Event(), on_batch=lambda topic, partition, count: None
        )
    )


if __name__ == "__main__":
    main()
