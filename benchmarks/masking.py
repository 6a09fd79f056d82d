"""What masking by rules costs, beside the build before there were rules.

Takes a work tree of the commit ``BASE`` and runs the same program (``benchmarks.masking_side``) in it and here, in turns,
``ROUNDS`` (5) times, each time in a process of its own, on the embedded store. Here somebody sees values by 20 rules; there
somebody of the role support sees all of them. Each figure is a ratio of medians, this build's to that one's: below 1 it
is faster here, where it is a time.

- ``page_ratio``: the time of an aggregate's page of fifty events, masked by 20 rules.
- ``page_clear_ratio``: the same for somebody with the standing right.
- ``page_nothing_ratio``: the same for a viewer where no rule shows anything, beside a viewer of that build.
- ``json_ratio``, ``rows_ratio``: the time that rendering takes of each event of a tail, as JSON and as a row, by 20 rules.
  A tail renders an event once for all of the same access level, so this is shared by whoever watches.
- ``json_clear_ratio``, ``rows_clear_ratio``, ``json_nothing_ratio``, ``rows_nothing_ratio``: as above.

With ``TAIL=1`` the benchmark ``tail`` runs in both as well, with ``RULES=20`` here: ``fanout_ratio`` is this build's
``json_per_second``, of what all scripts together got, to that one's.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.older_build import ROOT, older_build
from benchmarks.running import report, say, setting

BASE = os.environ.get("BASE", "7cd6e28")
KINDS = ("page", "json", "rows")
AFTER = {"rules": "", "clear": "_clear", "nothing": "_nothing"}


def main() -> None:
    rounds = setting("ROUNDS", 5)
    with older_build(BASE) as before:
        measured: dict[str, list[float]] = {}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for side, tree in (("before", before), ("now", ROOT)):
                for name, value in _side(tree, side).items():
                    measured.setdefault(f"{side} {name}", []).append(value)
        middle = {name: statistics.median(values) for name, values in measured.items()}
        figures: dict[str, float] = {"rounds": rounds, **{name.replace(" ", "_"): value for name, value in middle.items()}}
        for kind in KINDS:
            for who, suffix in AFTER.items():
                other = "nothing" if who == "nothing" else "clear"
                figures[f"{kind}{suffix}_ratio"] = middle[f"now {kind}_{who}"] / middle[f"before {kind}_{other}"]
        if os.environ.get("TAIL") == "1":
            told = {side: _tail(tree) for side, tree in (("before", before), ("now", ROOT))}
            figures["fanout_ratio"] = told["now"]["json_per_second"] / told["before"]["json_per_second"]
    report(figures)


def _side(tree: Path, side: str) -> dict[str, float]:
    """Measure in this tree, by the program of this one."""
    program = Path(__file__).with_name("masking_side.py")
    return _told([sys.executable, "-P", str(program), side], tree, {})


def _tail(tree: Path) -> dict[str, float]:
    say(f"the tail of {'this build' if tree == ROOT else BASE}")
    return _told([sys.executable, "-m", "benchmarks.tail"], tree, {"RULES": "20", "PARTS": "usual"} if tree == ROOT else {})


def _told(command: list[str], tree: Path, more: dict[str, str]) -> dict[str, float]:
    """The line of JSON at the end of what this program prints."""
    environment = {**os.environ, "PYTHONPATH": str(tree), **more}
    done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, check=True)
    return {name: value for name, value in json.loads(done.stdout.splitlines()[-1]).items() if isinstance(value, int | float)}


if __name__ == "__main__":
    main()
