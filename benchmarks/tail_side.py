"""The tail beside the tail of an older build, ``BASE`` (3f94ccd), in turns, ``ROUNDS`` (3) times.

The same program watches a desk of each on one broker, which has been warmed up. A round measures one right after the other,
the older one first in every other round. Each figure is the median of the rounds' ratios, this build's to that one's:
``side_work_1``, ``side_work_300``: of the web server's processor time for each event that it delivered, on a topic of 1 and of
300 partitions, with 2,000 events a second and fifty scripts. ``side_given_1``, ``side_given_300``: of the events delivered a
second. ``side_alone_1``, ``side_alone_300``: of the processor time for each event published, with one script and 5,000 events
a second: what reading and sealing take. Processor time is in microseconds, in what each of the two builds took.
"""

import os
import time
from statistics import median

from benchmarks.older_build import older_build
from benchmarks.running import say, setting
from benchmarks.tail_loads import Ground, grounds, watched
from tests.desk_process import ROOT

BASE = os.environ.get("BASE", "3f94ccd")
PARTITIONS = (1, 300)
SECONDS = 6
TOGETHER, ALONE = 2_000, 5_000
MICROSECONDS = 1_000_000
LINGERING_SECONDS = 21
"""A tail lives on for 20 s after its last viewer has left, and one of 300 partitions would cost the next side as much."""


def compared(viewers: int) -> dict[str, float]:
    rounds = setting("ROUNDS", 3)
    measured: dict[str, list[tuple[float, float]]] = {}
    with older_build(BASE) as tree, grounds(1, SECONDS, viewers, (tree, ROOT)) as (before, now):
        for ground in (before, now):
            watched(ground, "json", TOGETHER, viewers=1, partitions=max(PARTITIONS))
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            time.sleep(LINGERING_SECONDS)
            for partitions in PARTITIONS:
                for name, pair in _side_by_side(before, now, partitions, swapped=number % 2 == 1).items():
                    measured.setdefault(f"{name}_{partitions}", []).append(pair)
    told = {
        f"{name}_{side}": median([pair[index] for pair in pairs])
        for index, side in enumerate(("before", "now"))
        for name, pairs in measured.items()
    }
    return {**told, **{name: median([now / before for before, now in pairs]) for name, pairs in measured.items()}}


def _side_by_side(before: Ground, now: Ground, partitions: int, *, swapped: bool) -> dict[str, tuple[float, float]]:
    """Return the figures of both, ``now`` first if they are ``swapped``."""
    if swapped:
        second, first = _figures(now, partitions), _figures(before, partitions)
    else:
        first, second = _figures(before, partitions), _figures(now, partitions)
    return {name: (first[name], second[name]) for name in first}


def _figures(ground: Ground, partitions: int) -> dict[str, float]:
    together = watched(ground, "json", TOGETHER, partitions=partitions)
    alone = watched(ground, "json", ALONE, viewers=1, partitions=partitions)
    return {
        "side_work": MICROSECONDS * together.cpu / sum(seen.events for seen in together.seen),
        "side_given": together.per_second,
        "side_alone": MICROSECONDS * alone.cpu / alone.published,
    }
