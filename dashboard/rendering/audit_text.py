"""Entries of the audit record in words.

By default, an act is described by its names and values. A capability whose acts read better in its own words registers a
function for them (``tell``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.access.command_actions import PLACE, REFUSED
from dashboard.auditing.acts import Act
from dashboard.auditing.entries import storable
from dashboard.models import State
from dashboard.rendering.text import format_number, humanize_type, shorten
from eventstore.actions import KEPT, Action, action_named
from eventstore.jobs import Job

Fact = tuple[str, str]
Facts = Callable[[Act, int], Sequence[Fact]]
"""Describes what was intended, as pairs of a name and a text in order.

The number is the partitions of the act's topic, or 0 if that is not known.
"""

MARKS = {
    State.DONE: ("ok", "✓", "done"),
    State.PARTLY_DONE: ("warn", "◐", "partly done"),
    State.FAILED: ("bad", "✕", "failed"),
    State.UNKNOWN: ("warn", "?", "unknown"),
    State.INTENDED: ("info", "○", "intended"),
}
"""The tone, mark, and word of each state."""

STATE_MEANING = {
    State.DONE: "",
    State.PARTLY_DONE: "Some parts were done, others were not.",
    State.FAILED: "",
    State.UNKNOWN: "The process that did it ended half-way, so its result was not recorded.",
    State.INTENDED: "Begun, and not ended yet: it is being done at this moment, or its process has just ended.",
}

RIGHTS = {
    "browse": "see events and topics",
    "tail": "watch events live",
    "see_payloads": "see masked values",
    "read_audit": "read the audit record",
    "read_reveals": "see what others have revealed",
    "read_cases": "see cases",
    "see_erasure": "see which copies of personal data there are",
    "scope": "see what is outside of their scope",
    "write_rules": "see fields and try rules of masking",
    "read_metrics": "read the metrics",
    "own_account": "look after their own account",
    "manage_tokens": "see the API tokens",
}
"""What changes nothing, in words, by its name in the access table."""

NO_REPLY = "It may have been done, or not."
NOT_PROVEN = "Nothing proves whether it was done or not."
LONGEST = 300

_facts: dict[str, Facts] = {}


def tell(action: Action, facts: Facts) -> None:
    """Describe what acts of this kind intended with this function. Raises ``ValueError`` if the action has another one."""
    if _facts.setdefault(action.name, facts) is not facts:
        raise ValueError(f"There are two texts for {action.name!r}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditLine:
    """One act as a line of the record. ``facts`` are pairs of a name and a text, in order. ``job`` does it, and goes on."""

    act: Act
    what: str
    reason: str
    facts: Sequence[Fact]
    job: Job | None = None

    @property
    def mark(self) -> tuple[str, str, str]:
        return MARKS[self.act.state]

    @property
    def subscription(self) -> str:
        """The subscription's own name, for its address. Its column keeps some names only in an altered form."""
        kept, told = self.act.resource.subscription, self.act.details.get("subscription")
        return told if isinstance(told, str) and storable(told) == kept else kept

    @property
    def place(self) -> str:
        """The page, in words, that somebody was refused; empty for every other act."""
        resource = self.act.resource
        return humanize_type(resource.name.replace("_", " ")) if resource.kind == PLACE else ""

    @property
    def state_meaning(self) -> str:
        if self.job is not None:
            return f"The job that does it is {self.job.state}."
        if self.act.state != State.UNKNOWN:
            return STATE_MEANING[self.act.state]
        if "reason" in self.act.outcome:
            return NO_REPLY
        return NOT_PROVEN if "parts" in self.act.outcome else STATE_MEANING[State.UNKNOWN]


def audit_line(act: Act, partitions: int = 0, job: Job | None = None) -> AuditLine:
    """The line of this act. ``partitions`` is the number of partitions of its topic, or 0 if that is not known. ``job`` is the
    job under way that does it."""
    facts = _facts.get(act.action, _intended)(act, partitions)
    reason = str(act.details.get("reason", ""))
    return AuditLine(act=act, what=action_text(act.action), reason=reason, facts=[*facts, *_outcome_facts(act)], job=job)


def action_text(action: str) -> str:
    known = action_named(action)
    return known.title if known else humanize_type(action.replace("_", " "))


def right_text(name: str) -> str:
    """What an account needs this right for, in words: "see cases"."""
    text = RIGHTS.get(name) or action_text(name)
    return text[:1].lower() + text[1:]


def fact_text(value: object) -> str:
    """A recorded value for people, shortened if it is long."""
    return shorten(_joined(value), LONGEST)


def part_facts(outcome: Mapping[str, Any]) -> list[Fact]:
    """The parts of an act that was only partly done, with what became of each."""
    parts = outcome.get("parts")
    if not isinstance(parts, list):
        return []
    return [(_capital(str(part.get("name"))), _part_text(part)) for part in parts if isinstance(part, Mapping)]


def _part_text(part: Mapping[str, Any]) -> str:
    reason = part.get("reason")
    return fact_text(f"{part.get('outcome')}: {reason}" if reason else part.get("outcome"))


def _intended(act: Act, partitions: int) -> list[Fact]:
    return _plain_facts({name: value for name, value in act.details.items() if name != "reason"})


def _refused(act: Act, partitions: int) -> list[Fact]:
    wanted = str(act.details.get("wanted", ""))
    others = [fact for fact in _intended(act, partitions) if fact[0] != "Wanted"]
    return [("Wanted to", right_text(wanted)), *others] if wanted else others


tell(REFUSED, _refused)


def _outcome_facts(act: Act) -> list[Fact]:
    outcome = dict(act.outcome)
    if act.state == State.DONE:
        return _plain_facts({name: value for name, value in outcome.items() if act.details.get(name) != value})
    if act.state == State.UNKNOWN and not outcome.keys() & {"reason", "parts"}:  # a crash left it open
        return [("The store shows", fact_text(outcome))] if outcome else []  # the store knows no accounts
    counts = {name: value for name, value in outcome.items() if name not in ("reason", "parts")}
    why = {State.FAILED: "Failed", State.PARTLY_DONE: "Stopped by"}.get(act.state, "Why")
    reason = [(why, fact_text(outcome["reason"]))] if "reason" in outcome else []
    return [*_plain_facts(counts), *part_facts(outcome), *reason]


def _plain_facts(details: Mapping[str, Any]) -> list[Fact]:
    return [(humanize_type(str(name).replace("_", " ")), fact_text(value)) for name, value in details.items() if name != KEPT]


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _joined(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')}: {_joined(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(_joined(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return format_number(value)
    return "not known" if value is None else str(value)
