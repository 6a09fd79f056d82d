"""How far a search is, and whether its result is complete, in plain words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Ending(StrEnum):
    """Why a search stopped reading."""

    EVERYTHING = "everything"
    ASKED = "asked"
    MATCHES = "matches"
    EVENTS = "events"
    SECONDS = "seconds"
    UNWATCHED = "unwatched"
    REPLACED = "replaced"
    FILTER = "filter"
    STORE = "store"
    CLOSED = "closed"
    BROKEN = "broken"


_FAILED = frozenset({Ending.STORE, Ending.CLOSED, Ending.BROKEN})


class ScanState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanProgress:
    """How far a search is.

    - ``expected``: the number of events to read, as the index counts them; ``None`` if the index does not know all of
      them.
    - ``expected_at_least``: there are more than ``expected``, because the index has not reached the end.
    - ``unknown``: events that were read but could not be examined, so that nobody knows whether they match.
    - ``reached``: when the last event read was published.
    - ``since``: what was published earlier is not read. ``since_is_derived``: because the filter asks for later events.
    - ``onward``: the token with which another search goes on; empty if nothing is left or the search still runs.
    """

    ending: Ending | None
    problem: str
    read: int
    expected: int | None
    expected_at_least: bool
    matches: int
    most_matches: int
    unknown: int
    seconds: float
    reached: datetime | None
    newest_first: bool
    since: datetime | None
    since_is_derived: bool
    continued: bool
    onward: str

    @property
    def state(self) -> ScanState:
        if self.ending is None:
            return ScanState.RUNNING
        if self.ending is Ending.EVERYTHING:
            return ScanState.FINISHED
        return ScanState.FAILED if self.ending in _FAILED else ScanState.STOPPED

    @property
    def complete(self) -> bool:
        """Whether every event was read and examined, so that there are no other matches."""
        return self.ending is Ending.EVERYTHING and not self.unknown

    @property
    def rate(self) -> float:
        """Events read per second."""
        return self.read / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until everything is read at this rate; ``None`` if unknown."""
        if self.ending is not None or self.expected is None or self.expected_at_least or not self.read:
            return None
        return max(0, self.expected - self.read) / self.rate

    @property
    def of_how_many(self) -> str:
        """Return "3,000 of 8,577 events", as exactly as it is known."""
        if self.expected is None or self.read > self.expected:
            return _events(self.read)
        return f"{self.read:,} of {'at least ' if self.expected_at_least else ''}{_events(self.expected)}"

    @property
    def words(self) -> str:
        """Return a sentence that says whether the result is complete; empty while the search runs."""
        if self.ending is None:
            return ""
        return " ".join(filter(None, [self._read_so_far(), self._not_looked_into()]))

    def _read_so_far(self) -> str:
        if self.ending is Ending.EVERYTHING:
            if not self.read:
                return "There is no event to read."
            rest = "the remaining" if self.continued else "all"
            return f"Read {rest} {_events(self.read)}{' published since then' if self.since else ''}."
        left = "Older" if self.newest_first else "Newer"
        return f"{self._why()} {left} events were not read."

    def _why(self) -> str:
        after = f"after {self.of_how_many}"
        sentences = {
            Ending.ASKED: f"Stopped {after}.",
            Ending.MATCHES: f"Stopped at {self.matches:,} match{'' if self.matches == 1 else 'es'}, {after}.",
            Ending.EVENTS: f"Stopped {after}: no search reads more at once.",
            Ending.SECONDS: f"Stopped {after}: no search takes longer than this.",
            Ending.UNWATCHED: f"Ended {after}, since its page was no longer open.",
            Ending.REPLACED: f"Ended {after}, since you began another search.",
            Ending.FILTER: f"Ended {after}. {self.problem}",
            Ending.STORE: f"The store broke off {after}. {self.problem}",
            Ending.CLOSED: f"Ended {after}, since the dashboard is being restarted.",
            Ending.BROKEN: f"The search failed {after}; the log says why.",
        }
        assert self.ending is not None
        return sentences[self.ending]

    def _not_looked_into(self) -> str:
        if not self.unknown:
            return ""
        match = "it matches" if self.unknown == 1 else "they match"
        return f"{_events(self.unknown)} could not be checked: whether {match} is not known."


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"
