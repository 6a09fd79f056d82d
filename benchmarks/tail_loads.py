"""The loads of the tail's benchmark, what serves them, and what came of one of them."""

import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from benchmarks.index import apart
from benchmarks.running import SHORTEST, masking_rules, processor_seconds, resident, say
from benchmarks.tail_publishing import create, publish
from benchmarks.tail_watching import Seen, Watching, watch
from scripts.local_pulsar import LocalPulsar
from tests.desk_process import ROOT, Desk
from tests.logging_in import cookie_of

REACHED = 0.95
"""Of the intended rate."""
PATIENCE = 15.0
"""Seconds after the last event was published that a subscriber waits for what is missing."""
MOST_TAILS = 1_000
SETTLING = 2.0
"""Seconds after the last event until the server's memory is read. By then everything under way is sent."""
PASSWORD = "only-for-this-benchmark"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What everything is measured on."""

    broker: LocalPulsar
    desk: Desk
    token: str
    cookie: str
    rate: int
    seconds: int
    viewers: int

    def start_anew(self) -> None:
        """Begin with a new web server: an older one would still hold memory of earlier loads."""
        self.desk.end("web")
        self.desk.start_web()


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One load. ``rate`` and ``expected`` are what was intended, ``begun`` and ``published_at`` the publisher's times
    before the first event and after the last. ``kilobytes`` is the web server's memory soon after that, with its
    subscribers connected, and ``cpu`` the seconds of processor time that it took until its subscribers had everything."""

    rate: int
    expected: int
    published: int
    seen: Sequence[Seen]
    begun: float
    published_at: float
    kilobytes: int
    cpu: float

    @property
    def per_second(self) -> float:
        """Events per second, delivered to all subscribers together."""
        ended = max(seen.last_at for seen in self.seen)
        return sum(seen.events for seen in self.seen) / max(ended - self.begun, SHORTEST)

    @property
    def per_second_meanwhile(self) -> float:
        """The same, while events were being published."""
        given = sum(seen.until(self.published_at) for seen in self.seen)
        return given / max(self.published_at - self.begun, SHORTEST)

    @property
    def published_per_second(self) -> float:
        return self.published / max(self.published_at - self.begun, SHORTEST)

    @property
    def rate_reached(self) -> bool:
        return self.published_per_second >= REACHED * self.rate

    def percentile(self, percent: float) -> float:
        """Return this percentile of the delays from publish to receipt, in milliseconds; 0 if nothing came."""
        delays = np.concatenate([np.frombuffer(seen.delays, dtype=np.float32) for seen in self.seen])
        return float(np.percentile(delays, percent)) * 1_000 if len(delays) else 0.0


def watched(
    ground: Ground,
    kind: str,
    times: float,
    *,
    viewers: int = 0,
    seconds: float = 0,
    silent: bool = False,
    patience: float = PATIENCE,
    partitions: int = 0,
) -> Run:
    """Put this load on a new topic that this many subscribers watch. With ``partitions`` it is a partitioned one."""
    rate = int(times * ground.rate)
    expected, topic = int(rate * (seconds or ground.seconds)), f"public/default/{kind}-{time.monotonic_ns()}"
    create(ground.broker.admin_url, topic, partitions)
    apart(publish, ground.broker.service_url, topic, rate, 1)
    watching = Watching(
        kind=kind,
        urls=[_address(ground, kind, topic)] * (viewers or ground.viewers),
        headers=_headers(ground, kind),
        expected=expected,
        patience=0 if silent else patience,
        silent=silent,
    )
    run = _under_load(ground, watching, topic, rate)
    _say_how_it_went(run, kind)
    return run


def _under_load(ground: Ground, watching: Watching, topic: str, rate: int) -> Run:
    web = ground.desk.processes["web"].pid
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(2, mp_context=context) as pool:
        ready, over = manager.Event(), manager.Event()
        watched = pool.submit(watch, watching, ready, over)
        while not (ready.wait(1.0) or watched.done()):
            pass
        if watched.done():
            watched.result()  # says who could not connect, and why
        before, of_load = processor_seconds(web), (ground.broker.service_url, topic, rate, watching.expected)
        begun, published_at, sent = pool.submit(publish, *of_load).result()
        time.sleep(SETTLING)
        kilobytes = resident(web)
        over.set()
        seen = watched.result()
    return Run(
        rate=rate,
        expected=watching.expected,
        published=sent,
        seen=seen,
        begun=begun,
        published_at=published_at,
        kilobytes=kilobytes,
        cpu=processor_seconds(web) - before,
    )


def _say_how_it_went(run: Run, kind: str) -> None:
    p50, p99 = run.percentile(50), run.percentile(99)
    say(f"{len(run.seen)} {kind} at {run.rate:,}/s: {run.per_second:,.0f} events/s, p50 {p50:,.0f} ms, p99 {p99:,.0f} ms")
    if not run.rate_reached:
        say(f"NOT REACHED: {run.published_per_second:,.0f} of {run.rate:,} events a second were published")


def all_in_order(seen: Seen, expected: int) -> bool:
    told = tuple(seen.counts[name] for name in ("published", "matched", "shown"))
    return (seen.events, seen.gaps, *told) == (expected, 0, expected, expected, expected)


def adds_up(seen: Seen, expected: int) -> bool:
    """Return whether the counts add up. They do not if the number of events older than the buffer is unknown: here there
    are none."""
    counts, skipped = seen.counts, seen.counts["skipped"]
    if skipped["older"] is None:
        return False
    given = counts["shown"] + skipped["sampled"] + skipped["slow"] + skipped["older"]
    return (counts["published"], counts["matched"], given, counts["shown"]) == (expected, expected, expected, seen.events)


def _address(ground: Ground, kind: str, topic: str) -> str:
    if kind == "endpoint":
        return f"ws://127.0.0.1:{ground.broker.web_port}/ws/v2/reader/persistent/{topic}?messageId=latest"
    return f"ws://127.0.0.1:{ground.desk.port}/topics/{quote(topic, safe='').replace('%', '~')}/tail/live/"


def _headers(ground: Ground, kind: str) -> tuple[tuple[str, str], ...]:
    match kind:
        case "json":
            return (("Authorization", f"Bearer {ground.token}"),)
        case "page":
            return ("Cookie", ground.cookie), ("Origin", ground.desk.url.rstrip("/"))
    return ()


@contextmanager
def grounds(rate: int, seconds: int, viewers: int, trees: Sequence[Path] = (ROOT,)) -> Iterator[list[Ground]]:
    """One broker, and a desk of each of these work trees. Only this one's people have a cookie."""
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as name, ExitStack() as ends:
        say("starting the broker, with its websockets")
        broker = LocalPulsar(Path(name) / "broker", websockets=True, say=say)
        broker.start()
        ends.callback(broker.stop)
        made: list[Ground] = []
        for number, tree in enumerate(trees):
            (folder := Path(name) / f"desk-{number}").mkdir()
            desk = _desk_of(tree, folder, broker)
            ends.callback(desk.end_all)
            for alias in ("default", "index", "store"):
                desk.manage("migrate", "--database", alias, "--verbosity", "0")
            desk.start_web()
            made.append(_ground(broker, desk, rate, seconds, viewers, people=tree == ROOT))
        yield made


def _ground(broker: LocalPulsar, desk: Desk, rate: int, seconds: int, viewers: int, *, people: bool) -> Ground:
    token = desk.manage("create_token", "bench", "--role", "support", "--days", "1").stdout.decode().split()[-1]
    cookie = ""
    if people:
        desk.manage("create_user", "support", "--role", "support", "--password-stdin", stdin=PASSWORD.encode())
        cookie = cookie_of(desk, "support", PASSWORD)
    return Ground(broker=broker, desk=desk, token=token, cookie=cookie, rate=rate, seconds=seconds, viewers=viewers)


def _desk_of(tree: Path, folder: Path, broker: LocalPulsar) -> Desk:
    addresses = {"EVENTSTORE_URL": broker.service_url, "PULSAR_ADMIN_URL": broker.admin_url}
    if tree != ROOT:
        return OtherDesk(tree, folder, addresses)
    (config := folder / "limits.toml").write_text(f"[limits]\ntails_per_person = {MOST_TAILS}\n{masking_rules()}")
    desk = Desk(folder, {**addresses, "EVENTDESK_CONFIG": str(config)})
    desk.begin = subprocess.Popen  # its processes share no memory with others
    return desk


class OtherDesk(Desk):
    """A desk of another work tree."""

    def __init__(self, tree: Path, data: Path, environment: Mapping[str, str]) -> None:
        super().__init__(data, {**environment, "PYTHONPATH": str(tree), "DJANGO_SETTINGS_MODULE": "dashboard.settings"})
        self.begin = partial(self._begin, tree)
        self._tree = tree

    def manage(self, *arguments: str, stdin: bytes = b"", check: bool = True) -> "subprocess.CompletedProcess[bytes]":
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=self._tree, env=self.environment, input=stdin, capture_output=True, check=check)

    @staticmethod
    def _begin(tree: Path, command: Sequence[str], *, cwd: Path, **options: Any) -> "subprocess.Popen[bytes]":
        del cwd
        return subprocess.Popen([*command], cwd=tree, **options)
