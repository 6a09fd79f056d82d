"""The desk of the benchmark of replays: its jobs, and workers in processes of their own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.redrive import NoLocks, NoRecord

if TYPE_CHECKING:
    from eventstore.desk import Desk
    from eventstore.jobs import Job
    from eventstore.replays.order import ReplayOrder


LOOK_EVERY = 0.05
"""Seconds between two looks at the progress of a job that takes many of them."""


@contextmanager
def opened_desk(service_url: str, admin_url: str, config: Path) -> "Iterator[Desk]":
    from eventstore.actions import Safeguards
    from eventstore.config.loading import load_config
    from eventstore.desk import Desk
    from eventstore.drivers.pulsar.storage import PulsarStorage

    storage = PulsarStorage(service_url=service_url, admin_url=admin_url)
    safeguards = Safeguards(authorizer=lambda actor, action, resource: True, locks=NoLocks(), record=NoRecord())
    desk = Desk(storage=storage, config=load_config(str(config)), safeguards=safeguards)
    try:
        yield desk
    finally:
        desk.close()


def asked(desk: "Desk", order: "ReplayOrder", count: int) -> "Job":
    from eventstore.actions import Actor, subscription_resource
    from eventstore.replays import REPLAY_EVENTS

    resource = subscription_resource(order.target, order.subscription)
    actor = Actor(name="bench", via="shell")
    return desk.jobs.enqueue(REPLAY_EVENTS, resource, order.as_json(), actor=actor, reason="bench", total=count)


def run_here(desk: "Desk", order: "ReplayOrder", count: int) -> None:
    """Run the job in this process until everything is sent. Nobody consumes it, so it is cancelled then."""
    job = asked(desk, order, count)
    stop = threading.Event()
    worker = threading.Thread(target=desk.jobs.run, args=(stop, lambda said: None))
    worker.start()
    await_sent(desk, job, count, every=LOOK_EVERY)
    stop.set()
    worker.join()
    cancel(desk, job)


def run_elsewhere(desk: "Desk", order: "ReplayOrder", count: int) -> None:
    job = asked(desk, order, count)
    await_sent(desk, job, count, every=LOOK_EVERY)
    cancel(desk, job)


def await_sent(desk: "Desk", job: "Job", count: int, *, every: float = 0.01) -> None:
    """Look every so many seconds. A look costs a few milliseconds of a processor."""
    while (now := desk.jobs.get(job.id)).progress.done < count:
        if now.state.has_ended:
            raise SystemExit(f"the replay is {now.state}: {now.progress.done} of {count}. {now.problem}")
        time.sleep(every)


def cancel(desk: "Desk", job: "Job") -> None:
    from eventstore.actions import Actor

    if not desk.jobs.get(job.id).state.has_ended:
        desk.jobs.cancel(Actor(name="bench", via="shell"), job.id, reason="bench")
    while not desk.jobs.get(job.id).state.has_ended:
        desk.jobs.run_until_idle()


@contextmanager
def workers(environment: dict[str, str], count: int) -> Iterator[None]:
    """So many processes that are workers, once they look for jobs."""
    command = [sys.executable, "-c", "from benchmarks.replay_desk import work; work()"]
    root, env = Path(__file__).parent.parent, {**os.environ, **environment}
    running = [
        subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    from eventstore.jobs import lookup

    try:
        while lookup.workers("") < count:
            time.sleep(0.05)
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def work() -> None:
    """Be a worker, until SIGTERM."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    import django

    django.setup()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    config = Path(os.environ["EVENTDESK_CONFIG"])
    with opened_desk(os.environ["EVENTSTORE_URL"], os.environ["PULSAR_ADMIN_URL"], config) as desk:
        desk.jobs.run(stop, lambda said: None)
