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

The subscribers are one process on the machine that serves them. It reads a text that several of them get once, and compares it
byte by byte for the others (``benchmarks.tail_frames``): what fifty or a thousand of them would take is not the desk's.

``PARTS`` chooses among ``carried`` (``benchmarks.tail_carried``), ``many`` (``benchmarks.tail_many``) and ``usual``, the
figures above; without it, all three. ``PARTS=side`` compares with an older build (``benchmarks.tail_side``).
"""

import os
import sys
from collections.abc import Callable

from benchmarks import tail_carried, tail_many, tail_side
from benchmarks.running import report, say, scale, setting
from benchmarks.tail_loads import Ground, adds_up, all_in_order, grounds, watched

CALM, QUIET, BUSY, FULL, WILD = 0.2, 1, 5, 6.5, 20
LOADS = ("json", "page")
CROWD = 200
WARMING, WARM_SECONDS = 2, 2
"""Subscribers and seconds before memory is measured, so that what is loaded or made once is already there."""


def main() -> None:
    rate, seconds, viewers = scale(1_000), setting("SECONDS", 20), setting("VIEWERS", 50)
    parts = (os.environ.get("PARTS") or ",".join(PARTS)).split(",")
    if unknown := set(parts) - {*PARTS, "side"}:
        sys.exit(f"PARTS takes some of {', '.join([*PARTS, 'side'])}: there is no {unknown.pop()}.")
    figures: dict[str, float] = {"events_per_second": rate, "seconds": seconds, "viewers": viewers}
    if set(parts) & set(PARTS):
        with grounds(rate, seconds, viewers) as (ground,):
            for name, measure in PARTS.items():
                figures |= measure(ground) if name in parts else {}
    if "side" in parts:
        figures |= tail_side.compared(viewers)
    report(figures)


def _usual(ground: Ground) -> dict[str, float]:
    figures = _json(ground)
    figures |= _page(ground)
    figures |= _memory(ground, "page", "") | _memory(ground, "json", "json_")
    figures |= _endpoint(ground, figures["json_per_second"])
    for name in ("counts_exact", "rates_reached"):
        figures[name] = int(all(figures.pop(f"{what}_{name}") for what in LOADS))
    return figures


# -- the loads


def _json(ground: Ground) -> dict[str, float]:
    quiet, busy, full = (watched(ground, "json", load) for load in (QUIET, BUSY, FULL))
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
        "json_counts_exact": all(all_in_order(seen, run.expected) for run in (quiet, busy, full) for seen in run.seen),
        "json_rates_reached": all(run.rate_reached for run in (quiet, busy, full)),
    }


def _endpoint(ground: Ground, json_per_second: float) -> dict[str, float]:
    """Measure this last: what its readers do not take stays in the broker's memory, and nothing else must be measured
    after it."""
    endpoint = watched(ground, "endpoint", FULL)
    return {
        "fanout_ratio": json_per_second / endpoint.per_second,
        "endpoint_per_second": endpoint.per_second,
        "endpoint_published_per_second": endpoint.published_per_second,
        "endpoint_p99_ms": endpoint.percentile(99),
    }


def _page(ground: Ground) -> dict[str, float]:
    quiet, wild = watched(ground, "page", QUIET), watched(ground, "page", WILD)
    return {
        "quiet_published_per_second": quiet.published_per_second,
        "wild_published_per_second": wild.published_per_second,
        "frame_p50_ms": quiet.percentile(50),
        "frame_p99_ms": quiet.percentile(99),
        "wild_p99_ms": wild.percentile(99),
        "page_counts_exact": all(adds_up(seen, run.expected) for run in (quiet, wild) for seen in run.seen),
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
    ground.start_anew()
    watched(ground, kind, CALM, viewers=WARMING, seconds=WARM_SECONDS)
    return watched(ground, kind, CALM, viewers=viewers, silent=silent).kilobytes


PARTS: dict[str, Callable[[Ground], dict[str, float]]] = {
    "carried": tail_carried.carried,
    "many": tail_many.many,
    "usual": _usual,
}
"""In this order. What the endpoint's readers do not take stays in the broker's memory, so it comes last."""

if __name__ == "__main__":
    main()
