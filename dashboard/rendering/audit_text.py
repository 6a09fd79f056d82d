"""What the audit record holds of an act, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.auditing.chain import Act
from dashboard.models import State
from dashboard.rendering import text

MARKS = {
    State.DONE: ("ok", "✓", "done"),
    State.FAILED: ("bad", "✕", "failed"),
    State.UNKNOWN: ("warn", "?", "unknown"),
    State.INTENDED: ("info", "○", "intended"),
}
"""A state's tone, mark and word."""

STATE_MEANS = {
    State.DONE: "",
    State.FAILED: "",
    State.UNKNOWN: "The process that did it ended half-way: nobody recorded how it went.",
    State.INTENDED: "Begun, and not ended yet: it is being done at this moment, or its process has just ended.",
}

GAVE_NO_ANSWER = "The store gave no answer: it may have been done, or not."

ACTIONS = {
    "reset_cursor": "Reset cursor",
    "publish": "Publish",
    "manage_people": "Make account",
    "make_token": "Make API token",
    "revoke_token": "Revoke API token",
}
LONGEST = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class ActLine:
    """An act as a line of the record. ``facts`` are names and texts, in order."""

    act: Act
    what: str
    topic: str
    subscription: str
    reason: str
    facts: Sequence[tuple[str, str]]

    @property
    def mark(self) -> tuple[str, str, str]:
        return MARKS[self.act.state]

    @property
    def state_means(self) -> str:
        return GAVE_NO_ANSWER if _gave_no_answer(self.act) else STATE_MEANS[self.act.state]


def act_line(act: Act, partitions: int = 0) -> ActLine:
    """``partitions`` is how many the act's topic has, 0 where that is not known."""
    details = dict(act.details)
    reason = details.pop("reason", "")
    facts = _reset_facts(act, details, partitions) if act.action == "reset_cursor" else _plain_facts(details)
    return ActLine(
        act=act,
        what=action_words(act.action),
        topic=str(act.details.get("topic", "")),
        subscription=str(act.details.get("subscription", "")),
        reason=str(reason),
        facts=[*facts, *_outcome_facts(act)],
    )


def action_words(action: str) -> str:
    return ACTIONS.get(action) or text.of_type(action.replace("_", " "))


def _reset_facts(act: Act, details: Mapping[str, Any], partitions: int) -> list[tuple[str, str]]:
    facts = [("From", _places(details.get("from"), partitions)), ("To", _places(details.get("to"), partitions))]
    again, passed_over = details.get("events_again"), details.get("events_passed_over")
    verb = "came" if act.state == State.DONE else "would come"
    facts.append(("Events", f"{_count(again)} {verb} again, {_count(passed_over)} passed over"))
    consumers = details.get("consumers")
    if consumers:
        facts.append(("Disconnected" if act.state == State.DONE else "Connected", _text(consumers)))
    return facts


def _outcome_facts(act: Act) -> list[tuple[str, str]]:
    outcome = dict(act.outcome)
    if act.state == State.FAILED:
        return [("Failed", _text(outcome.get("reason", "")))]
    if _gave_no_answer(act):
        return [("Why", _text(outcome["reason"]))]
    if act.state == State.UNKNOWN:
        return [("The store shows", _text(outcome))] if outcome else []  # an account is in no store
    if act.action == "reset_cursor":
        return []  # the counts are among the details already
    return _plain_facts(outcome)


def _gave_no_answer(act: Act) -> bool:
    """Told by the process itself, as opposed to what was found open at a later start."""
    return act.state == State.UNKNOWN and set(act.outcome) == {"reason"}


def _plain_facts(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(text.of_type(str(name).replace("_", " ")), _text(value)) for name, value in details.items()]


def _places(places: object, partitions: int) -> str:
    """ "partition 1: 118:4021:3"; the place alone only where the topic is known to have but one partition."""
    if not isinstance(places, Mapping):
        return _text(places)
    if len(places) == partitions == 1:
        return _text(next(iter(places.values())))
    return _text({f"partition {number}": place for number, place in places.items()})


def _count(count: object) -> str:
    if not isinstance(count, int):
        return "an unknown number"
    return "none" if count == 0 else f"{count:,}"


def _text(value: object) -> str:
    """A recorded value as people read it, cut where it is long."""
    return text.shorten(_joined(value), LONGEST)


def _joined(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')}: {_joined(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(_joined(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return text.number(value)
    return "not known" if value is None else str(value)
