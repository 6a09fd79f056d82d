"""What one viewer was given and not given, added to what the process counts for ``/metrics``."""

from dashboard.running.instruments import FATES, TAIL_EVENTS, TAIL_LAG
from eventstore.tail import Take

_COUNTERS = {fate: TAIL_EVENTS.labels(fate) for fate in FATES}


class Tally:
    """A subscriber's counts grow until its filter changes. What they have grown by since the last take is added."""

    def __init__(self) -> None:
        self._last = dict.fromkeys(FATES, 0)

    def begin_again(self) -> None:
        """The subscriber counts from 0 again."""
        self._last = dict.fromkeys(FATES, 0)

    def note(self, taken: Take) -> None:
        for fate, counter in _COUNTERS.items():
            now: int = getattr(taken.counts, fate)
            if now > self._last[fate]:
                counter.inc(now - self._last[fate])
            self._last[fate] = now
        if taken.lag_ms is not None:
            TAIL_LAG.observe(max(0, taken.lag_ms) / 1000)
