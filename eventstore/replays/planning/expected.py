"""How long a replay may take: by what earlier ones have sent, or else by a careful guess. Always an estimate."""

from dataclasses import dataclass

from eventstore.jobs import State, lookup
from eventstore.replays.order import Way

LIKELY_RATE = 2_000.0
"""Events a second, before any replay was measured here."""
FEWEST = 100
"""Events of a replay from which its rate tells something."""
MOST_LOOKED_AT = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """``rate`` is in events a second. ``measured``: it is that of earlier replays of this way."""

    rate: float
    measured: bool

    def seconds(self, events: int, throttle: float | None = None) -> float:
        return events / min(self.rate, throttle or self.rate)


def expected(kind: str, way: Way) -> Expected:
    """Look at the last replays of this way that have succeeded."""
    jobs = lookup.newest(limit=MOST_LOOKED_AT, before=None, states=(State.SUCCEEDED,), kind=kind, on=None)
    rates = []
    for job in jobs:
        if job.arguments.get("way") != way.value or job.throttle or job.started is None or job.ended is None:
            continue
        took = (job.ended - job.started).total_seconds()
        if job.progress.done >= FEWEST and took > 0:
            rates.append(job.progress.done / took)
    rates.sort()
    return Expected(rate=rates[len(rates) // 2], measured=True) if rates else Expected(rate=LIKELY_RATE, measured=False)
