"""The tail beside the tail of an older build, ``BASE`` (3f94ccd), in turns, ``ROUNDS`` (3) times.

The same program watches a desk of each on one broker. Each figure is a ratio of medians, this build's to that one's:
``side_work_1``, ``side_work_300``: of the web server's processor time for each event that it delivered, on a topic of 1 and of
300 partitions, with 2,000 events a second and fifty scripts. ``side_given_1``, ``side_given_300``: of the events delivered a
second. ``side_alone_1``, ``side_alone_300``: of the processor time for each event published, with one script and 5,000 events
a second: what reading and sealing take. Processor time is in microseconds, in what each of the two builds took.
"""

import os
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


def compared(viewers: int) -> dict[str, float]:
    rounds = setting("ROUNDS", 3)
    measured: dict[tuple[str, int], list[float]] = {}
    with older_build(BASE) as tree, grounds(1, SECONDS, viewers, (tree, ROOT)) as (before, now):
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for partitions in PARTITIONS:
                for side, ground in enumerate((before, now)):
                    for name, value in _figures(ground, partitions).items():
                        measured.setdefault((f"{name}_{partitions}", side), []).append(value)
    middle = {key: median(values) for key, values in measured.items()}
    names = [name for name, side in middle if side == 0]
    told = {f"{name}_{side}": middle[name, index] for index, side in enumerate(("before", "now")) for name in names}
    return {**told, **{name: middle[name, 1] / middle[name, 0] for name in names}}


def _figures(ground: Ground, partitions: int) -> dict[str, float]:
    together = watched(ground, "json", TOGETHER, partitions=partitions)
    alone = watched(ground, "json", ALONE, viewers=1, partitions=partitions)
    return {
        "side_work": MICROSECONDS * together.cpu / sum(seen.events for seen in together.seen),
        "side_given": together.per_second,
        "side_alone": MICROSECONDS * alone.cpu / alone.published,
    }
