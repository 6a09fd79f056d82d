"""A thousand pages on one web process.

- ``many_p99_ms``, ``many_p50_ms``: from publish to a page's frame, with 200 events a second.
- ``many_kb``: the additional memory of the web server for each of them, compared with one, while they watch.
- ``many_counts_exact``: 1 if each page's counts add up to what was published and matched, and its rows to what it was told.
"""

from benchmarks.running import setting
from benchmarks.tail_loads import Ground, adds_up, watched

TIMES = 0.2
"""Of ``EVENTS``: 200 a second, unless that is given."""
SECONDS = 10


def many(ground: Ground) -> dict[str, float]:
    crowd = setting("MANY", 1_000)
    ground.start_anew()
    alone = watched(ground, "page", TIMES, viewers=1, seconds=SECONDS)
    ground.start_anew()
    watched(ground, "page", TIMES, viewers=2, seconds=2)
    run = watched(ground, "page", TIMES, viewers=crowd, seconds=SECONDS)
    return {
        "many_viewers": crowd,
        "many_p50_ms": run.percentile(50),
        "many_p99_ms": run.percentile(99),
        "many_kb": (run.kilobytes - alone.kilobytes) / crowd,
        "many_cpu_s": run.cpu,
        "many_counts_exact": all(adds_up(seen, run.expected) for seen in run.seen),
    }
