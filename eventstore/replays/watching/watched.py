"""One replay as it is watched: how far it is, and what of it is consumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.config.projections import Way
from eventstore.jobs import Job, State
from eventstore.replays.order import ReplayOrder
from eventstore.replays.watching.consumption import Consumption
from eventstore.replays.watching.copies import CopyLine
from eventstore.replays.watching.following import Looks, place_of
from eventstore.replays.watching.refused import Refused

LOOKS = "looks"
"""The key of a job's checkpoint under which ``Looks.as_json`` is kept."""
OF_ITS_OWN = "A local projection is called directly: what it was given is consumed."


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """One replay.

    - ``consumption``: as the store shows it now; ``None`` where it was not asked. ``away``: why it could not be, or is empty.
    - ``copies``: its events one by one, where they are few; ``refused``: copies that were given up.
    - ``refused_cut``: there may be more of these, for not all dead letters were read.
    """

    job: Job
    order: ReplayOrder
    looks: Looks
    consumption: Consumption | None = None
    away: str = ""
    copies: Sequence[CopyLine] = ()
    refused: Sequence[Refused] = ()
    refused_cut: bool = False
    failures: Sequence[tuple[str, str]] = ()
    """Events that could not be sent, as far as they are kept: which (``order.mark_of``), and why."""

    @property
    def total(self) -> int | None:
        """How many events it is to give; ``None`` while that is not known. Those that could not be sent are not among them."""
        progress = self.job.progress
        if self.order.way is not Way.TOPIC:
            return progress.total if progress.total is not None else self.order.events
        if self.order.events is not None:
            return max(0, self.order.events - progress.failed)
        everything_is_read = progress.total is not None and progress.handled >= progress.total
        return progress.done if everything_is_read else None

    @property
    def sent(self) -> int:
        """How many were sent. A replay without copies has nothing to send: the subscription reads everything itself."""
        return self.job.progress.done

    @property
    def consumed(self) -> int:
        """How many are consumed, or at least are."""
        if self.order.way is Way.LOCAL:
            return self.job.progress.handled
        told = self.job.facts.get("consumed")
        if isinstance(told, int):
            return told
        live = self.consumption.consumed if self.consumption is not None else 0
        return max(live, self.looks.consumed)

    @property
    def exact(self) -> bool:
        """Whether ``consumed`` is the exact count; otherwise at least so many are."""
        if self.order.way is Way.LOCAL or "consumed" in self.job.facts:
            return True
        return self.consumption.exact if self.consumption is not None else False

    @property
    def given_up(self) -> int:
        """How many of the consumed were given up, or at least were: they lie in a dead-letter topic."""
        facts = self.job.facts
        told = facts.get("given_up", facts.get("given_up_at_least"))
        return told if isinstance(told, int) else len(self.refused)

    @property
    def given_up_exact(self) -> bool:
        facts = self.job.facts
        return "given_up" in facts or not ("given_up_at_least" in facts or self.refused_cut)

    @property
    def unknown(self) -> str:
        """Why it is not known what is consumed, in a sentence; empty if it is."""
        if "consumption" in self.job.facts:
            return str(self.job.facts["consumption"])
        return self.consumption.unknown if self.consumption is not None else self.looks.unknown

    @property
    def left(self) -> int | None:
        """How many are still to be consumed; ``None`` where that is not known."""
        return None if self.total is None or self.unknown else max(0, self.total - self.consumed)

    @property
    def share(self) -> float | None:
        """The consumed share, from 0 to 1; ``None`` where it is not known. Never 1 before all is consumed."""
        if self.unknown or not self.total:
            return 1.0 if self.total == 0 else None
        return min(1.0, self.consumed / self.total)

    @property
    def rate(self) -> float | None:
        """Events consumed a second, lately; ``None`` where it is not known, or nothing is going on."""
        if self.job.state is not State.RUNNING:
            return None
        return self.job.rate if self.order.way is Way.LOCAL else self.looks.rate

    @property
    def seconds_to_go(self) -> float | None:
        """Until all is consumed, at the rate of the last two minutes."""
        return self.left / self.rate if self.left is not None and self.rate else None

    def seen_consumed(self, copy: CopyLine) -> Any:
        """When this copy was first seen consumed; ``None`` if it never was."""
        return self.looks.seen.get(place_of(copy))


def looks_of(checkpoint: Mapping[str, Any]) -> Looks:
    return Looks.of(checkpoint.get(LOOKS) or {})
