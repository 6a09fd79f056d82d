"""Other benchmarks beside themselves in an older build, ``BASE`` (3f94ccd), in turns.

``OF`` (pages,import) names them. In each of ``ROUNDS`` (5) rounds each benchmark runs once in a work tree of each build, with
the same settings, as ``EVENTS``; the older build begins in every second round. ``<benchmark>_<figure>_slower`` is the ratio of
medians of a figure that both builds print: above 1 if this build takes longer, or does less a second. What only the bare
client or driver did is left out, and so is a figure that is empty, or has a median of 0.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from benchmarks.older_build import ROOT, older_build
from benchmarks.running import report, say, setting

BASE = os.environ.get("BASE", "3f94ccd")
OF = os.environ.get("OF", "pages,import").split(",")
TIMES, RATES, BARE = ("_ms", "_seconds"), ("_per_second",), ("scan_seconds", "bare")
LAST_LINES = 20


def main() -> None:
    measured: dict[tuple[str, str], list[float]] = {}
    rounds = setting("ROUNDS", 5)
    with older_build(BASE) as tree:
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for name in OF:
                for place in (tree, ROOT) if number % 2 else (ROOT, tree):
                    side = "now" if place == ROOT else "before"
                    seen = dict(figures(name, place))
                    say(f"{name} {side}: " + ", ".join(f"{figure} {value:,.1f}" for figure, value in seen.items()))
                    for figure, value in seen.items():
                        measured.setdefault((f"{name}_{figure}", side), []).append(value)
    middle = {key: median(values) for key, values in measured.items()}
    both = [figure for figure, side in middle if side == "now" and middle[figure, side] and middle.get((figure, "before"))]
    told = {f"{figure}_{side}": middle[figure, side] for figure in both for side in ("before", "now")}
    report({**told, **{f"{figure}_slower": slower(figure, middle) for figure in both}})


def figures(name: str, tree: Path) -> Iterator[tuple[str, float]]:
    """Run a benchmark in this work tree, and yield its times and rates, with their names."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-LAST_LINES:])
        sys.exit(f"{name} ended with status {done.returncode} in {tree}. Its last lines:\n{last}")
    for figure, value in json.loads(done.stdout.splitlines()[-1]).items():
        if value is not None and figure.endswith(TIMES + RATES) and not any(part in figure for part in BARE):
            yield figure, float(value)


def slower(figure: str, middle: Mapping[tuple[str, str], float]) -> float:
    """Return how much longer this build takes, as a ratio."""
    before, now = middle[figure, "before"], middle[figure, "now"]
    return before / now if figure.endswith(RATES) else now / before


if __name__ == "__main__":
    main()
