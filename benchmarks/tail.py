"""Fifty people and fifty scripts watch one topic: how many events per second reach them, how late, and whether the counts
are right.

Uses a real broker, the desk's real web server and a topic of one partition with events of about 500 bytes. Publisher
and subscribers are processes of their own. ``EVENTS`` (1,000) is the quiet load per second, ``SECONDS`` (20) is how
long each load lasts, and ``VIEWERS`` (50) is how many watch.

- ``fanout_ratio``: events delivered per second to all JSON subscribers, against the broker's own websocket reader, by
  the same program under the same load: six and a half times the quiet one, almost what two cores can carry that run the
  server and its fifty subscribers. The broker has four times its usual memory; with less it does not survive that load.
- ``json_p99_ms``, ``frame_p99_ms``: from publish to receipt by scripts, and to a page's frame, at the quiet load.
- ``json_behind_s``: when the last JSON subscriber had everything of the five-fold load, after the last event was
  published.
- ``counts_exact``: 1 if every JSON subscriber got every event of these three loads once and in order, and if at twenty
  times the quiet load every page's counts add up to what was published and matched, and its rows to what it was told.
- ``kb_per_viewer``, ``kb_per_silent_viewer``, and the same with ``json``: the additional memory of the web server for
  each of 200 subscribers that read, and of 200 that never read, compared with one. Each time the server was just
  started and has served the same small load. It is measured at the end of a fifth of the quiet load, with its
  subscribers connected: two hundred that take every frame of more keep two cores too busy.
- ``…_published_per_second``: what was really published, from the publisher's own beginning to its end.
- ``rates_reached``: 1 if that was at least 95 % of the intended rate while the desk was watched. Otherwise the output
  says so, and the other figures are those of a smaller load.
"""

import multiprocessing
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from benchmarks.index import apart
from benchmarks.running import SHORTEST, masking_rules, report, resident, say, scale, setting
from benchmarks.tail_publishing import publish
from benchmarks.tail_watching import Seen, Watching, watch
from scripts.local_pulsar import LocalPulsar
from tests.desk_process import Desk
from tests.logging_in import cookie_of

CALM, QUIET, BUSY, FULL, WILD = 0.2, 1, 5, 6.5, 20
LOADS = ("json", "page")
REACHED = 0.95
"""Of the intended rate."""
PATIENCE = 15.0
"""Seconds after the last event was published that a subscriber waits for what is missing."""
CROWD = 200
WARMING, WARM_SECONDS = 2, 2
"""Subscribers and seconds before memory is measured, so that what is loaded or made once is already there."""
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


def main() -> None:
    rate, seconds, viewers = scale(1_000), setting("SECONDS", 20), setting("VIEWERS", 50)
    with (
        tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder,
        _ground(Path(folder), rate, seconds, viewers) as ground,
    ):
        figures: dict[str, float] = {"events_per_second": rate, "seconds": seconds, "viewers": viewers}
        figures |= _json(ground)
        figures |= _page(ground)
        figures |= _memory(ground, "page", "") | _memory(ground, "json", "json_")
        figures |= _endpoint(ground, figures["json_per_second"])
    for name in ("counts_exact", "rates_reached"):
        figures[name] = int(all(figures.pop(f"{what}_{name}") for what in LOADS))
    report(figures)


# -- the loads


def _json(ground: Ground) -> dict[str, float]:
    quiet, busy, full = (_watched(ground, "json", load) for load in (QUIET, BUSY, FULL))
    behind = max(seen.last_at for seen in busy.seen) - busy.published_at
    return {
        "json_per_second": full.per_second,
        "full_published_per_second": full.published_per_second,
        "full_p99_ms": full.percentile(99),
        "busy_published_per_second": busy.published_per_second,
        "json_p50_ms": quiet.percentile(50),
        "json_p99_ms": quiet.percentile(99),
        "busy_p99_ms": busy.percentile(99),
        "json_behind_s": behind,
        "json_counts_exact": all(_all_in_order(seen, run.expected) for run in (quiet, busy, full) for seen in run.seen),
        "json_rates_reached": all(run.rate_reached for run in (quiet, busy, full)),
    }


def _endpoint(ground: Ground, json_per_second: float) -> dict[str, float]:
    """Measure this last: what its readers do not take stays in the broker's memory, and nothing else must be measured
    after it."""
    endpoint = _watched(ground, "endpoint", FULL)
    return {
        "fanout_ratio": json_per_second / endpoint.per_second,
        "endpoint_per_second": endpoint.per_second,
        "endpoint_published_per_second": endpoint.published_per_second,
        "endpoint_p99_ms": endpoint.percentile(99),
    }


def _page(ground: Ground) -> dict[str, float]:
    quiet, wild = _watched(ground, "page", QUIET), _watched(ground, "page", WILD)
    return {
        "quiet_published_per_second": quiet.published_per_second,
        "wild_published_per_second": wild.published_per_second,
        "frame_p50_ms": quiet.percentile(50),
        "frame_p99_ms": quiet.percentile(99),
        "wild_p99_ms": wild.percentile(99),
        "page_counts_exact": all(_adds_up(seen, run.expected) for run in (quiet, wild) for seen in run.seen),
        "page_rates_reached": quiet.rate_reached and wild.rate_reached,
    }


def _memory(ground: Ground, kind: str, named: str) -> dict[str, float]:
    """Return the kilobytes per subscriber of this kind, beyond what the server has with one subscriber at the same load."""
    alone, reading, silent = (
        _kilobytes(ground, kind, viewers, silent) for viewers, silent in ((1, False), (CROWD, False), (CROWD, True))
    )
    say(f"the server had {alone:,} KB with one {kind} viewer, {reading:,} with {CROWD}, {silent:,} with {CROWD} silent ones")
    return {
        f"kb_{named}alone": alone,
        f"kb_per_{named}viewer": (reading - alone) / CROWD,
        f"kb_per_silent_{named}viewer": (silent - alone) / CROWD,
    }


def _kilobytes(ground: Ground, kind: str, viewers: int, silent: bool) -> int:
    """Return the memory of a new web server at the end of the load. An older server would still hold memory of earlier
    loads."""
    ground.desk.end("web")
    ground.desk.start_web()
    _watched(ground, kind, CALM, viewers=WARMING, seconds=WARM_SECONDS)
    return _watched(ground, kind, CALM, viewers=viewers, silent=silent).kilobytes


# -- a load and its viewers


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One load. ``rate`` and ``expected`` are what was intended, ``begun`` and ``published_at`` the publisher's times
    before the first event and after the last. ``kilobytes`` is the web server's memory soon after that, with its
    subscribers connected."""

    rate: int
    expected: int
    published: int
    seen: Sequence[Seen]
    begun: float
    published_at: float
    kilobytes: int

    @property
    def per_second(self) -> float:
        """Events per second, delivered to all subscribers together."""
        ended = max(seen.last_at for seen in self.seen)
        return sum(seen.events for seen in self.seen) / max(ended - self.begun, SHORTEST)

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


def _watched(ground: Ground, kind: str, times: float, *, viewers: int = 0, seconds: int = 0, silent: bool = False) -> Run:
    """Put this load on a new topic that this many subscribers watch."""
    rate = int(times * ground.rate)
    expected, topic = rate * (seconds or ground.seconds), f"public/default/{kind}-{time.monotonic_ns()}"
    apart(publish, ground.broker.service_url, topic, rate, 1)
    watching = Watching(
        kind=kind,
        urls=[_address(ground, kind, topic)] * (viewers or ground.viewers),
        headers=_headers(ground, kind),
        expected=expected,
        patience=0 if silent else PATIENCE,
        silent=silent,
    )
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(2, mp_context=context) as pool:
        ready, over = manager.Event(), manager.Event()
        watched = pool.submit(watch, watching, ready, over)
        while not (ready.wait(1.0) or watched.done()):
            pass
        if watched.done():
            watched.result()  # says who could not connect, and why
        begun, published_at, sent = pool.submit(publish, ground.broker.service_url, topic, rate, expected).result()
        time.sleep(SETTLING)
        kilobytes = resident(ground.desk.processes["web"].pid)
        over.set()
        run = Run(
            rate=rate,
            expected=expected,
            published=sent,
            seen=watched.result(),
            begun=begun,
            published_at=published_at,
            kilobytes=kilobytes,
        )
    _say_how_it_went(run, kind)
    return run


def _say_how_it_went(run: Run, kind: str) -> None:
    p50, p99 = run.percentile(50), run.percentile(99)
    say(f"{len(run.seen)} {kind} at {run.rate:,}/s: {run.per_second:,.0f} events/s, p50 {p50:,.0f} ms, p99 {p99:,.0f} ms")
    if not run.rate_reached:
        say(f"NOT REACHED: {run.published_per_second:,.0f} of {run.rate:,} events a second were published")


def _all_in_order(seen: Seen, expected: int) -> bool:
    told = tuple(seen.counts[name] for name in ("published", "matched", "shown"))
    return (seen.events, seen.gaps, *told) == (expected, 0, expected, expected, expected)


def _adds_up(seen: Seen, expected: int) -> bool:
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


# -- the ground


@contextmanager
def _ground(folder: Path, rate: int, seconds: int, viewers: int) -> Iterator[Ground]:
    say("starting the broker, with its websockets")
    broker = LocalPulsar(folder / "broker", websockets=True, say=say)
    (limits := folder / "limits.toml").write_text(f"[limits]\ntails_per_person = {max(CROWD, viewers)}\n{masking_rules()}")
    addresses = {"EVENTSTORE_URL": broker.service_url, "PULSAR_ADMIN_URL": broker.admin_url}
    desk = Desk(folder, addresses | {"EVENTDESK_CONFIG": str(limits)})
    desk.begin = subprocess.Popen  # its processes share no memory with others
    broker.start()
    try:
        for alias in ("default", "index", "store"):
            desk.manage("migrate", "--database", alias, "--verbosity", "0")
        desk.start_web()
        token = desk.manage("create_token", "bench", "--role", "support", "--days", "1").stdout.decode().split()[-1]
        desk.manage("create_user", "support", "--role", "support", "--password-stdin", stdin=PASSWORD.encode())
        cookie = cookie_of(desk, "support", PASSWORD)
        yield Ground(broker=broker, desk=desk, token=token, cookie=cookie, rate=rate, seconds=seconds, viewers=viewers)
    finally:
        for name in list(desk.processes):
            desk.end(name)
        broker.stop()


if __name__ == "__main__":
    main()
