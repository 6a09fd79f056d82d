"""An act under way: what it reports, and the lock that it holds."""

from dataclasses import dataclass, field
from typing import Any

from eventstore.actions.lock import Lease
from eventstore.actions.outcome import Ending, Outcome, Part


@dataclass(kw_only=True, slots=True)
class Running:
    """An act under way. The code that acts adds facts and parts; ``outcome`` is set when the act has ended."""

    lease: Lease | None
    facts: dict[str, Any] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    outcome: Outcome = field(default_factory=lambda: Outcome(ending=Ending.UNKNOWN))

    def renew(self) -> None:
        """Renew the lock. Call this before each call that changes something. Raises ``LeaseLost`` if another holder has it."""
        if self.lease is not None:
            self.lease.renew()
