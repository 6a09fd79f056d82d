"""How far a redrive is, as its job's checkpoint keeps it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from eventstore.model.events import Position

MOST_CHARACTERS = 32_000
"""Of a checkpoint as JSON, up to which ``held`` is kept: half of what a job keeps. The rest grows as letters are reached."""


@dataclass(kw_only=True, slots=True)
class State:
    """- ``reached``: by partition of the letters, the letter up to which all chosen ones were sent. Empty before the first.
    - ``behind``: by partition of the target, the place behind which all copies of letters lie that are not reached. The empty
      token is the beginning of a log to which nothing was ever written.
    - ``held``: by partition of the target, how its subscriptions stood before anything was sent (``Start.held``), as
      far as a checkpoint has room for it.
    - ``tidy``: nothing was sent that is not reached.
    - ``sent`` and ``skipped`` count reached letters: sent, and found acknowledged by somebody else.
    - ``looked``: when ``behind`` was read anew, on the clock of this process. It is not kept.
    """

    reached: dict[int, str] = field(default_factory=dict)
    behind: dict[int, str] = field(default_factory=dict)
    held: dict[int, Sequence[str]] = field(default_factory=dict)
    tidy: bool = True
    sent: int = 0
    skipped: int = 0
    looked: float = -inf

    def as_json(self) -> dict[str, Any]:
        kept = {
            "reached": {str(partition): token for partition, token in self.reached.items()},
            "behind": {str(partition): token for partition, token in self.behind.items()},
            "tidy": self.tidy,
            "sent": self.sent,
            "skipped": self.skipped,
        }
        return {**kept, "held": _fitting(self.held, MOST_CHARACTERS - len(json.dumps(kept)))}

    @staticmethod
    def of(checkpoint: Mapping[str, Any]) -> "State":
        """Return what ``as_json`` wrote; the beginning for an empty checkpoint."""
        if not checkpoint:
            return State()
        return State(
            reached={int(partition): str(token) for partition, token in checkpoint["reached"].items()},
            behind={int(partition): str(token) for partition, token in checkpoint["behind"].items()},
            held={int(partition): [str(one) for one in held] for partition, held in checkpoint.get("held", {}).items()},
            tidy=bool(checkpoint["tidy"]),
            sent=int(checkpoint["sent"]),
            skipped=int(checkpoint["skipped"]),
        )

    def has_passed(self, position: Position) -> bool:
        """Whether this letter is reached."""
        return position.token <= self.reached.get(position.partition, "")


def _fitting(held: Mapping[int, Sequence[str]], room: int) -> dict[str, list[str]]:
    """Return what of it takes at most ``room`` characters as JSON: one subscription of each partition, then a second one, and
    so on. One is enough, and where there is none, only a job that could go on does not."""
    found: dict[str, list[str]] = {}
    for partition, one in _in_turn(held):
        key = str(partition)
        size = len(json.dumps(one)) + 2 + (0 if key in found else len(key) + 8)
        if size <= room:
            found.setdefault(key, []).append(one)
            room -= size
    return found


def _in_turn(held: Mapping[int, Sequence[str]]) -> Iterator[tuple[int, str]]:
    """The first of each partition, then the second of each."""
    for number in range(max(map(len, held.values()), default=0)):
        for partition, standing in held.items():
            if number < len(standing):
                yield partition, standing[number]
