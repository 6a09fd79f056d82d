"""Following a replay until it is consumed, as a part of its job.

A small replay is consumed in a moment, so its first run waits that long. Then it leaves its worker. Each later run looks
once and leaves it again, however long the consumers take: a worker has other jobs to do.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from eventstore.jobs import Progress, Worker
from eventstore.model.errors import UnknownSubscription
from eventstore.model.storage import Storage
from eventstore.replays.watching.consumption import Consumption, Stretch, consumption_of, has_consumed
from eventstore.replays.watching.copies import CopyLine, copies_in, counted_by_copies

LOOK_SECONDS = 0.2
STAY_SECONDS = 3.0
"""For so long the first run stays with its worker, however much is consumed meanwhile."""
SHORTEST_REST, LONGEST_REST = 1.0, 15.0
"""Seconds: a run rests for a tenth of the time since more was consumed, within these."""
LOOKS_AT_MOST = 0.1
"""The part of the time that looks may take: one at many partitions takes long, and is then made less often."""
MOST_STEPS = 40
DELETED = (
    "It was deleted while this replay waited for it, so nothing tells which of the events were consumed. They were given as "
    "far as this page says. Look at what the projection has, and replay what it lacks."
)
RATE_OVER = timedelta(minutes=2)


@dataclass(kw_only=True, slots=True)
class Looks:
    """What was seen of a replay's consumption, as the checkpoint of its job keeps it.

    - ``steps``: when how many were consumed, oldest first, at most ``MOST_STEPS`` and always the newest.
    - ``seen``: when a copy was first seen consumed, by its place (``place_of``), in a replay that is shown event by event.
    - ``unknown``: why nothing can be told, at the last look. ``gone``: because the subscription was deleted; one that is made
      anew knows nothing of these events.
    """

    steps: list[tuple[datetime, int]] = field(default_factory=list)
    seen: dict[str, datetime] = field(default_factory=dict)
    unknown: str = ""
    gone: bool = False

    @property
    def consumed(self) -> int:
        return self.steps[-1][1] if self.steps else 0

    @property
    def rate(self) -> float | None:
        """Events consumed a second, over the last two minutes that were looked at; ``None`` before the second look."""
        if len(self.steps) < 2:
            return None
        last = self.steps[-1]
        first = next(step for step in self.steps if last[0] - step[0] <= RATE_OVER)
        if first == last:
            first = self.steps[-2]
        seconds = (last[0] - first[0]).total_seconds()
        return (last[1] - first[1]) / seconds if seconds > 0 else None

    @property
    def moved(self) -> datetime | None:
        """When more was consumed than before; the first look if that never was."""
        grown = [later[0] for earlier, later in pairwise(self.steps) if later[1] > earlier[1]]
        return grown[-1] if grown else self.steps[0][0] if self.steps else None

    def note(self, found: Consumption, copies: Sequence[CopyLine] = ()) -> None:
        """Take down a look. Of the steps between, every other one goes when there are too many."""
        self.unknown, self.gone = found.unknown, found.gone
        standing = len(self.steps) > 1 and self.steps[-1][1] == self.steps[-2][1] == found.consumed
        if standing:
            self.steps.pop()
        self.steps.append((found.as_of, found.consumed))
        if len(self.steps) > MOST_STEPS:
            self.steps = [*self.steps[:-1:2], self.steps[-1]]
        for copy in copies:
            if place_of(copy) not in self.seen and has_consumed(found, copy.position):
                self.seen[place_of(copy)] = found.as_of

    def as_json(self) -> dict[str, Any]:
        return {
            "steps": [[at.isoformat(), consumed] for at, consumed in self.steps],
            "seen": {place: at.isoformat() for place, at in self.seen.items()},
            "unknown": self.unknown,
            "gone": self.gone,
        }

    @staticmethod
    def of(told: Mapping[str, Any]) -> "Looks":
        """Return what ``as_json`` wrote; no look for an empty one."""
        return Looks(
            steps=[(datetime.fromisoformat(at), int(consumed)) for at, consumed in told.get("steps", ())],
            seen={str(place): datetime.fromisoformat(at) for place, at in told.get("seen", {}).items()},
            unknown=str(told.get("unknown", "")),
            gone=bool(told.get("gone", False)),
        )


def place_of(copy: CopyLine) -> str:
    """Return the partition and the token of a copy, as one text."""
    return f"{copy.position.partition}/{copy.position.token}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Follow:
    """What is followed: the stretches of the job's events in what ``subscription`` reads.

    ``external`` as for ``consumption_of``. ``checkpoint`` and ``progress`` return what the job saves with each look.
    """

    job: str
    subscription: str
    stretches: Sequence[Stretch]
    looks: Looks
    checkpoint: Callable[[], Mapping[str, Any]]
    progress: Callable[[], Progress]
    external: bool = False


def follow(storage: Storage, what: Follow, worker: Worker) -> Mapping[str, Any]:
    """Look until everything is consumed, or nothing can tell; return facts for the record.

    Raises ``JobInterrupted`` where the job is to end, or rests; then the next run calls this again. Raises
    ``UnknownSubscription`` where the subscription was deleted meanwhile: the events were not consumed, as far as is known.
    """
    if what.looks.gone:
        raise UnknownSubscription(f"{what.looks.unknown} {DELETED}")
    copies = copies_in(storage.log, what.stretches, what.job)
    stay_until = time.monotonic() + (0.0 if what.looks.steps else STAY_SECONDS)
    while True:
        begun = time.monotonic()
        told = consumption_of(storage, what.subscription, what.stretches, external=what.external)
        found = counted_by_copies(told, copies)
        what.looks.note(found, copies)
        if found.gone:
            worker.note(what.checkpoint(), what.progress())
            raise UnknownSubscription(f"{found.unknown} {DELETED}")
        if found.unknown or found.all_consumed:
            worker.save(what.checkpoint(), what.progress())
            return facts_of(found)
        now = time.monotonic()
        if now >= stay_until:
            worker.rest(what.checkpoint(), what.progress(), rest_after(what.looks, found.as_of, now - begun))
        if worker.is_due or worker.is_asked_to_end:
            worker.save(what.checkpoint(), what.progress())
        _wait(worker, min(stay_until, max(now + LOOK_SECONDS, now + (now - begun) / LOOKS_AT_MOST)))


def _wait(worker: Worker, until: float) -> None:
    while time.monotonic() < until and not worker.is_asked_to_end:
        time.sleep(LOOK_SECONDS)


def facts_of(found: Consumption) -> Mapping[str, Any]:
    """How many were consumed, or why that is not known: names and counts for the record."""
    return {"consumption": found.unknown} if found.unknown else {"consumed": found.consumed}


def rest_after(looks: Looks, now: datetime, took: float = 0.0) -> float:
    """Return for how many seconds a run rests: longer where nothing has been consumed for long, or the look ``took`` long."""
    idle = (now - looks.moved).total_seconds() if looks.moved is not None else 0.0
    return max(took / LOOKS_AT_MOST, min(LONGEST_REST, max(SHORTEST_REST, idle / 10)))
