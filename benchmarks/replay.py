"""What a replay by copies costs on Pulsar, against bare loops with the same client and settings in the same run.

- ``copy_ratio``: copies a second of a replay of everything, divided by those of a loop that reads and publishes each event
  with the same key, properties, marks and event time, and waits for the receipts. Both read the same topic, one partition
  after the other, and send without batches to a topic of their own. The replay is the job as ``run_jobs`` runs it, with its
  notes in SQLite; the clock runs from its being asked for to the note of the last receipt.
- ``workers_ratio``: copies a second of three workers on four partitions, divided by those of one. ``share_0`` and so on
  are the copies of each of the three.
- ``one_ratio``: the time in which a bare loop finds one aggregate's 25 events among 1,000,000 by reading the topic, and copies
  them, divided by the time of our replay of that aggregate: from the confirmation of its plan to its last receipt. The worker
  was waiting. The index has everything; building it is not measured, nor is the plan that the person has looked at.

``COPIES`` is the number of copies of a round, ``EVENTS`` that of the events among which one aggregate is found.
"""

import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.replay_bare import EACH, PARTITIONS, bare_copies, bare_replay, publish
from benchmarks.replay_desk import await_sent, cancel, indexing, opened_desk, run_elsewhere, run_here, workers
from benchmarks.running import desk_in_a_folder, rate, report, say, scale, setting
from scripts.local_pulsar import LocalPulsar

if TYPE_CHECKING:
    from eventstore.desk import Desk
    from eventstore.replays.order import ReplayOrder

COPIES, EVENTS = 60_000, 1_000_000
ROUNDS = 3
SOURCE, REPLAY = "documents", "documents-replay"
CONFIG = f"""
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
    with desk_in_a_folder() as data, tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        config = Path(folder) / "desk.toml"
        config.write_text(CONFIG)
        say("starting the broker")
        broker = LocalPulsar(Path(folder) / "broker")
        broker.start()
        try:
            with opened_desk(broker.service_url, broker.admin_url, config) as desk:
                figures = _measure(
                    desk, broker, {"EVENTDESK_DATA": str(data), "EVENTDESK_CONFIG": str(config)}, copies, events
                )
        finally:
            broker.stop()
    report(figures)


def _measure(
    desk: "Desk", broker: LocalPulsar, environment: dict[str, str], copies: int, events: int
) -> dict[str, float | int]:
    import pulsar

    client = pulsar.Client(broker.service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    reached = {**environment, "EVENTSTORE_URL": broker.service_url, "PULSAR_ADMIN_URL": broker.admin_url}
    try:
        figures = _copying(desk, client, reached, copies)
        return {**figures, **_finding(desk, client, reached, events)}
    finally:
        client.close()


# -- copies a second


def _copying(desk: "Desk", client: Any, environment: dict[str, str], count: int) -> dict[str, float | int]:
    """Measure all in turn: the best round of each counts, since the machine's state changes."""
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
            shares = _shares(desk) if three[-1] == max(three) else shares
    return {
        "copies": count,
        "copies_per_second": max(own),
        "bare_per_second": max(bare),
        "copy_ratio": max(own) / max(bare),
        "workers_ratio": max(three),
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


def _finding(desk: "Desk", client: Any, environment: dict[str, str], events: int) -> dict[str, float | int]:
    from eventstore.model.log import Edge
    from eventstore.model.storage import subscriptions_of
    from eventstore.model.subscriptions import SubscriptionType

    source = desk.log.create_topic(SOURCE, partitions=PARTITIONS).name
    target = desk.log.create_topic(REPLAY, partitions=PARTITIONS).name
    subscriptions = subscriptions_of(desk.store)
    for topic in (source, target):
        subscriptions.create(topic, "app-timeline", type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    say(f"publishing {events:,} events, and indexing them")
    publish(client, source, events)
    _index(desk)
    bare_target = desk.log.create_topic("found-replay", partitions=PARTITIONS).name
    begun = time.perf_counter()
    found = sum(
        bare_copies(
            client,
            f"{source}-partition-{partition}",
            f"{bare_target}-partition-{partition}",
            lambda message: message.partition_key() == FOUND,
        )
        for partition in range(PARTITIONS)
    )
    bare = time.perf_counter() - begun
    if found != EACH:
        raise SystemExit(f"the bare loop found {found} events, not {EACH}")
    with indexing(environment):
        own = min(_replay_one(desk) for _ in range(ROUNDS))
    say(f"bare loop: {bare:,.2f} s; replay: {own:,.3f} s")
    return {"events": events, "bare_seconds": bare, "one_seconds": own, "one_ratio": bare / own}


def _index(desk: "Desk") -> None:
    from eventstore.index.indexer.run import Following, index_until_caught_up

    index_until_caught_up(
        Following(
            storage=desk.store, config=desk.config, stop=threading.Event(), on_batch=lambda topic, partition, count: None
        )
    )


def _replay_one(desk: "Desk") -> float:
    """Return the seconds from the confirmation to the last receipt, with a worker that waits for work."""
    from eventstore.actions import Actor, Confirmation
    from eventstore.replays import Kind, Way, What

    plans, what = desk.replay_plans, What(kind=Kind.AGGREGATE, aggregate=("document", FOUND))
    projection = desk.projections.get("app-timeline")
    plan = plans.plan(plans.aim(projection, Way.TOPIC, what))
    stop = threading.Event()
    worker = threading.Thread(target=desk.jobs.run, args=(stop, lambda said: None))
    worker.start()
    time.sleep(1.0)
    begun = time.perf_counter()
    aim = plans.aim(projection, Way.TOPIC, what, until=plan.until, ticket="bench")
    job = plans.confirm(Actor(name="bench"), aim, confirmation=Confirmation(digest=plan.digest, since=0), reason="bench")
    await_sent(desk, job, EACH)
    seconds = time.perf_counter() - begun
    stop.set()
    worker.join()
    cancel(desk, job)
    return seconds


if __name__ == "__main__":
    main()
