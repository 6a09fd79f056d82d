"""What fifty scripts are given in all, below and above what can be carried.

- ``carried_5000``, ``carried_10000``, ``carried_20000``: events per second delivered to all scripts together, when so many are
  published a second, from the first publication until the last script has everything; ``…_meanwhile``: the same while events
  were being published.
- ``carried_min``: the least of them where more is published than fifty scripts get at 300,000 a second, and of what is
  delivered meanwhile at the highest rate. At 5,000 a second
  there are only 250,000 to deliver: ``carried_5000_ratio`` is the delivered part, ``carried_5000_p99_ms`` how late it came.
- ``carried_counts_exact``: 1 if what each script was given and what it was told to be skipped is what was published.
"""

from benchmarks.tail_loads import Ground, Run, watched
from benchmarks.tail_watching import Seen

RATES = (5_000, 10_000, 20_000)
"""With ``EVENTS`` at its default of 1,000: they are multiples of it."""
SECONDS = 8
SECONDS_OF_HIGHEST = 30
"""At the highest rate: longer than a tail may be held, so that it is measured what is carried once it is not any more."""
PATIENCE = 180.0
TO_CARRY = 300_000


def carried(ground: Ground) -> dict[str, float]:
    figures: dict[str, float] = {}
    exact = True
    for rate in RATES:
        run = watched(
            ground, "json", rate / 1_000, seconds=SECONDS_OF_HIGHEST if rate == RATES[-1] else SECONDS, patience=PATIENCE
        )
        exact &= all(_exact(seen, run.published) for seen in run.seen)
        figures |= _figures(f"carried_{rate}", run)
        if ground.viewers * rate < TO_CARRY:
            figures[f"carried_{rate}_ratio"] = sum(seen.events for seen in run.seen) / (run.published * len(run.seen))
    enough = [figures[f"carried_{rate}"] for rate in RATES if ground.viewers * rate >= TO_CARRY]
    if ground.viewers * RATES[-1] >= TO_CARRY:
        enough.append(figures[f"carried_{RATES[-1]}_meanwhile"])
    return {**figures, "carried_min": min(enough, default=0.0), "carried_counts_exact": exact}


def _figures(name: str, run: Run) -> dict[str, float]:
    return {
        name: run.per_second,
        f"{name}_meanwhile": run.per_second_meanwhile,
        f"{name}_published_per_second": run.published_per_second,
        f"{name}_p99_ms": run.percentile(99),
        f"{name}_cpu_s": run.cpu,
    }


def _exact(seen: Seen, published: int) -> bool:
    """Whether the script was given what it was told, each event once and in order, and that is all."""
    counts, skipped = seen.counts, seen.counts["skipped"]
    left_out = skipped["sampled"] + skipped["slow"] + (skipped["older"] or 0)
    in_order = seen.gaps == 0 if left_out == 0 else seen.gaps <= left_out
    return in_order and seen.events == counts["shown"] and counts["shown"] + left_out == counts["published"] == published
