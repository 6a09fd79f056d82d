"""How an action ended: done, partly done, failed, or unknown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from eventstore.model.errors import EventStoreError, StoreUnreachable
from eventstore.model.events import NOTHING

KEPT = "kept"
"""The name in an act's details and facts of what the program itself needs later, such as for an undo. No page shows it."""


class Ending(StrEnum):
    DONE = "done"
    PARTLY_DONE = "partly done"
    FAILED = "failed"
    """Nothing was changed."""
    UNKNOWN = "unknown"
    """It may have been done: the store gave no answer, or none that proves it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One piece of an action, such as a partition. ``ending`` is done, failed or unknown; ``reason`` says why not done."""

    name: str
    ending: Ending
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """``facts`` are names and counts for the record; ``reason`` says what went wrong with the whole."""

    ending: Ending
    facts: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    parts: Sequence[Part] = ()
    reason: str = ""

    def details(self) -> dict[str, Any]:
        """As the record keeps it."""
        details = dict(self.facts)
        if self.parts and self.ending is not Ending.DONE:
            details["parts"] = [
                {"name": part.name, "outcome": part.ending.value, "reason": part.reason} for part in self.parts
            ]
        if self.reason:
            details["reason"] = self.reason
        return details


def outcome_of(parts: Sequence[Part], facts: Mapping[str, Any]) -> Outcome:
    """The outcome of an action that ran to its end. One without parts is done."""
    return Outcome(ending=_ending_of(parts), facts=facts, parts=tuple(parts))


def outcome_of_error(error: BaseException, parts: Sequence[Part], facts: Mapping[str, Any]) -> Outcome:
    """The outcome of an action that an error ended. What was done before the error stays done.

    Only this project's own errors say that nothing was changed, except ``StoreUnreachable``. Any other error may have come
    after a change.
    """
    endings = {part.ending for part in parts}
    refused = isinstance(error, EventStoreError) and not isinstance(error, StoreUnreachable)
    if Ending.DONE in endings:
        ending = Ending.PARTLY_DONE
    elif Ending.UNKNOWN in endings or not refused:
        ending = Ending.UNKNOWN
    else:
        ending = Ending.FAILED
    return Outcome(ending=ending, facts=facts, parts=tuple(parts), reason=reason_of(error))


def reason_of(error: BaseException) -> str:
    """The error as the record keeps it. Only this project's own errors are known to be free of payloads."""
    return str(error) if isinstance(error, EventStoreError) else type(error).__name__


def _ending_of(parts: Sequence[Part]) -> Ending:
    endings = {part.ending for part in parts}
    if endings <= {Ending.DONE}:
        return Ending.DONE
    if Ending.DONE in endings:
        return Ending.PARTLY_DONE
    return Ending.UNKNOWN if Ending.UNKNOWN in endings else Ending.FAILED
