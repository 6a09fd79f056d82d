"""How far a share of a replay is, as its checkpoint keeps it. A share is one partition of the replay topic."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from eventstore.jobs import Progress
from eventstore.model.copying import Start
from eventstore.replays.watching.consumption import Stretch
from eventstore.replays.watching.places import TARGET, target_json

MOST_ERRORS = 20
"""Events that could not be copied, of which a share keeps the place and the reason."""
ERRORS = "errors"
"""The key of a share's checkpoint under which these are kept: pairs of a mark (``order.mark_of``) and a sentence."""


@dataclass(kw_only=True, slots=True)
class State:
    """- ``reached``: by source topic, the token of the message up to which all chosen ones were handled.
    - ``seen``: by source topic, how many chosen events that were.
    - ``versions``: by source topic, the schema versions for which a publisher was opened; ``topic``: the one of the last.
    - ``behind``: the place in the target behind which all copies of events lie that are not reached.
    - ``held``: how subscriptions of the target stood before anything was sent (``Start.held``).
    - ``tidy``: nothing was sent that is not reached.
    - ``began`` and ``last``: the place behind which the first copy lies (empty: the beginning), and that of the last one.
    - ``sent``, ``skipped`` (they do not pass the filter) and ``failed`` count events that are reached.
    - ``looked``: when ``behind`` was read anew, on the clock of this process. It is not kept.
    """

    reached: dict[str, str] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    topic: str = ""
    behind: str = ""
    held: tuple[str, ...] = ()
    began: str | None = None
    last: str = ""
    tidy: bool = True
    sent: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)
    looked: float = -inf

    def begin(self, start: Start) -> None:
        """Nothing is on its way: what is sent from now on lies behind this place."""
        self.behind, self.looked, self.held = start.place, time.monotonic(), start.held or self.held
        if self.began is None:
            self.began = "" if start.empty else start.place

    def progress(self, total: int | None) -> Progress:
        return Progress(done=self.sent, skipped=self.skipped, failed=self.failed, total=total)

    def fail(self, mark: str, why: str, events: int = 1) -> None:
        self.failed += events
        if len(self.errors) < MOST_ERRORS:
            self.errors.append((mark, why))

    def as_json(self, target: str, partition: int) -> dict[str, Any]:
        stretch = Stretch(topic=target, partition=partition, behind=self.began or "", last=self.last, events=self.sent)
        return {
            "reached": dict(self.reached),
            "seen": dict(self.seen),
            "versions": {topic: list(versions) for topic, versions in self.versions.items()},
            "topic": self.topic,
            "behind": self.behind,
            "held": list(self.held),
            "began": self.began,
            "tidy": self.tidy,
            "skipped": self.skipped,
            "failed": self.failed,
            ERRORS: [list(pair) for pair in self.errors],
            TARGET: target_json([stretch]),
        }

    @staticmethod
    def of(checkpoint: Mapping[str, Any]) -> "State":
        """Return what ``as_json`` wrote; the beginning for an empty checkpoint."""
        if not checkpoint:
            return State()
        ((_, _, last, sent),) = checkpoint[TARGET]
        began = checkpoint["began"]
        return State(
            reached={str(topic): str(token) for topic, token in checkpoint["reached"].items()},
            seen={str(topic): int(count) for topic, count in checkpoint["seen"].items()},
            versions={str(topic): [str(one) for one in versions] for topic, versions in checkpoint["versions"].items()},
            topic=str(checkpoint["topic"]),
            behind=str(checkpoint["behind"]),
            held=tuple(str(one) for one in checkpoint.get("held", ())),
            began=None if began is None else str(began),
            last=str(last),
            tidy=bool(checkpoint["tidy"]),
            sent=int(sent),
            skipped=int(checkpoint["skipped"]),
            failed=int(checkpoint["failed"]),
            errors=[(str(mark), str(why)) for mark, why in checkpoint[ERRORS]],
        )
